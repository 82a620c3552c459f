import { formatIpv4, formatIpv6 } from '../../../codec/text.js';
import type { Rule } from '../../../netfilter/netfilter.js';
import type { TableReference } from '../../../netfilter/transaction.js';
import type { Family, Owner } from './mapping.js';

export const HOSTPORTS = 'hostports';
export const HOSTIP_HOSTPORTS = 'hostip_hostports';
export const MASQUERADING = 'masquerading';
/** Chains with rules of attachments. */
export const PUBLISHING: readonly string[] = [HOSTPORTS, HOSTIP_HOSTPORTS, MASQUERADING];

/** Characters that nft(8) takes as a comment. */
const COMMENT_LENGTH = 128;

export function tableOf(family: Family): TableReference {
  return { family, table: 'cni_hostport' };
}

/** The reference's comment. */
export function commentOf({ containerId }: Owner): string {
  return containerId.slice(0, COMMENT_LENGTH);
}

/** Was it made by the reference, or by a listing that was read in again, which loses the tags? */
export function isLegacy({ tag, chain }: Rule): boolean {
  return tag === undefined && PUBLISHING.includes(chain ?? '');
}

/** The container's address in a rule: what destinations become, or the last that is compared. Empty when there is none. */
export function targetOf({ expressions }: Rule): string {
  let target = '';
  let translated = false;
  for (const { name, data } of expressions?.elem ?? []) {
    if ((name !== 'immediate' && (name !== 'cmp' || translated)) || data === undefined) continue;
    const { value } = (data as { data?: { value?: Uint8Array } }).data ?? {};
    if (value?.length === 4) target = formatIpv4(value, 0);
    else if (value?.length === 16) target = formatIpv6(value, 0);
    else continue;
    translated ||= name === 'immediate';
  }
  return target;
}
