import type { DecodedMessage } from '../../codec/block.js';
import { formatIpv4, formatIpv6, formatMac } from '../../codec/text.js';
import type { AttributesOf, HeaderOf } from '../../schema/definition.js';
import type { mdb as family } from '../../schema/mdb.js';
import { mdbFlags, mdbRouterTypes } from '../../schema/mdb.js';
import { bits, type Naming, numberOf } from './names.js';

type Message = (typeof family.messages)['newmdb'];
type Attributes = AttributesOf<Message>;
type Entry = NonNullable<NonNullable<NonNullable<Attributes['mdb']>['entry']>[number]['info']>[number];

const ETH_P_IP = 0x0800;
const ETH_P_IPV6 = 0x86dd;

/** Which group an entry is for. */
export function groupAddress({ proto, addr }: Entry['header']): string {
  if (proto === ETH_P_IP) return formatIpv4(addr, 0);
  return proto === ETH_P_IPV6 ? formatIpv6(addr, 0) : formatMac(addr, 0, 6);
}

function entryText({ header, attributes }: Entry, bridge: number, names: Naming): string {
  const entry = { ...attributes, ...header };
  const flags = bits(mdbFlags, entry.flags);
  let text = `dev ${names.device(bridge)} port ${names.device(entry.ifindex)} grp ${groupAddress(header)}`;
  if (entry.source !== undefined) text += ` src ${entry.source}`;
  text += ` ${entry.state === 'permanent' ? 'permanent' : 'temp'}`;
  for (const [bit, name] of [
    [mdbFlags.offload, 'offload'],
    [mdbFlags['fast-leave'], 'fast_leave'],
    [mdbFlags['star-excl'], 'added_by_star_ex'],
    [mdbFlags.blocked, 'blocked'],
  ] as const) {
    if (flags & bit) text += ` ${name}`;
  }
  if (entry.vid !== 0) text += ` vid ${entry.vid}`;
  return text;
}

/** Lines of a multicast forwarding database, as `bridge monitor` has them; each begins with `head`. */
export function multicastText(message: DecodedMessage, names: Naming, head: string): string {
  const { ifindex } = message.header as unknown as HeaderOf<Message>;
  const { mdb, router } = message.attributes as Attributes;
  let text = '';
  for (const { info = [] } of mdb?.entry ?? []) {
    for (const entry of info) text += `${head}${entryText(entry, ifindex, names)}\n`;
  }
  for (const { header, attributes } of router?.port ?? []) {
    const port = { ...attributes, ...header };
    const type =
      port.type === undefined
        ? ''
        : numberOf(mdbRouterTypes, port.type) === mdbRouterTypes.perm
          ? ' permanent'
          : '';
    text += `${head}router port dev ${names.device(port.ifindex)} master ${names.device(ifindex)}${type}\n`;
  }
  return text;
}
