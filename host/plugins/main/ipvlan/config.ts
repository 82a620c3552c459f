import {
  boolean,
  dnsShape,
  integer,
  object,
  optional,
  type Read,
  record,
  string,
} from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';

export const ipvlanShape = object({
  /** The only interface of `prevResult`, or the link of the default route, when there is none. */
  master: optional(string, ''),
  mode: optional(string, ''),
  /** Bytes; 0 is the master's. */
  mtu: optional(integer, 0),
  /** The master lives in the container's namespace. */
  linkInContainer: optional(boolean, false),
  ipam: optional(record),
  dns: optional(dnsShape),
});

export type IpvlanConfig = Read<typeof ipvlanShape>;

const modes = ['l2', 'l3', 'l3s'] as const;

/** The mode of a config, `l2` when it says nothing. Throws CniError 7. */
export function modeOf({ mode }: IpvlanConfig): (typeof modes)[number] {
  const found = modes.find((known) => known === (mode === '' ? 'l2' : mode));
  if (found !== undefined) return found;
  throw new CniError(errorCodes.invalidNetworkConfig, `unknown ipvlan mode: ${JSON.stringify(mode)}`);
}
