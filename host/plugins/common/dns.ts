import type { dnsShape, Read } from '../../cni/config.js';
import type { Dns } from '../../cni/result.js';

/** The DNS settings of a config when it has any (an empty list is one), else those that IPAM gave. */
export function dnsOf(own: Read<typeof dnsShape> | undefined, given: Dns | undefined): Dns | undefined {
  const { domain = '', ...lists } = own ?? {};
  const any = domain !== '' || Object.values(lists).some((list) => list !== undefined);
  return any ? (own as Dns) : given;
}
