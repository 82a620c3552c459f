import type { DecodedMessage } from '../../codec/block.js';
import type { AttributesOf, HeaderOf } from '../../schema/definition.js';
import type { netconf as netconfFamily } from '../../schema/netconf.js';
import type { nexthop as nexthopFamily } from '../../schema/nexthop.js';
import type { nsid as nsidFamily } from '../../schema/nsid.js';
import { type prefix as prefixFamily, prefixFlags } from '../../schema/prefix.js';
import { routeFlags, routeProtocols, routeScopes } from '../../schema/route.js';
import { encapsulationText } from './encapsulation.js';
import { bits, familyText, type Naming, numberOf, protocolName, scopeName } from './names.js';
import { hopFlags } from './route.js';

/* Lines of what needs few words, as `ip monitor` has them. */

const ALL = -1;
const DEFAULT = -2;
const filters = ['off', 'strict', 'loose'];
const onOff = (value: number): string => (value === 0 ? 'off' : 'on');

export function netconfText({ header, attributes }: DecodedMessage, names: Naming): string {
  type Message = (typeof netconfFamily.messages)['newnetconf'];
  const { family } = header as unknown as HeaderOf<Message>;
  const a = attributes as AttributesOf<Message>;
  let text = `${familyText(family)} `;
  if (a.ifindex === ALL) text += 'all ';
  else if (a.ifindex === DEFAULT) text += 'default ';
  else if (a.ifindex !== undefined) text += `${names.device(a.ifindex)} `;
  if (a.forwarding !== undefined) text += `forwarding ${onOff(a.forwarding)} `;
  if (a.rpFilter !== undefined) text += `rp_filter ${filters[a.rpFilter] ?? 'unknown'} `;
  if (a.mcForwarding !== undefined) text += `mc_forwarding ${onOff(a.mcForwarding)} `;
  if (a.proxyNeigh !== undefined) text += `proxy_neigh ${onOff(a.proxyNeigh)} `;
  if (a.ignoreRoutesWithLinkdown !== undefined) {
    text += `ignore_routes_with_linkdown ${onOff(a.ignoreRoutesWithLinkdown)} `;
  }
  if (a.input !== undefined) text += `input ${onOff(a.input)} `;
  return `${text}\n`;
}

export function nsidText({ attributes }: DecodedMessage, names: Naming): string {
  const a = attributes as AttributesOf<(typeof nsidFamily.messages)['newnsid']>;
  if (a.nsid === undefined) return '\n';
  const number = (value: number): string => (value < 0 ? 'unassigned' : String(value));
  let text = `nsid ${number(a.nsid)} `;
  if (a.currentNsid !== undefined) text += `current-nsid ${number(a.currentNsid)} `;
  const name = a.nsid < 0 ? undefined : names.namespace(a.nsid);
  if (name !== undefined) text += `(iproute2 netns name: ${name})`;
  return `${text}\n`;
}

export function nexthopText({ header, attributes }: DecodedMessage, names: Naming): string {
  type Message = (typeof nexthopFamily.messages)['newnexthop'];
  const h = header as unknown as HeaderOf<Message>;
  const a = attributes as AttributesOf<Message>;
  let text = a.id === undefined ? '' : `id ${a.id} `;
  if (a.group !== undefined) {
    const members = a.group.map(({ id, weight }) => (weight === 0 ? `${id}` : `${id},${weight + 1}`));
    text += `group ${members.join('/')} `;
  }
  if (a.groupType === 'res') text += 'type resilient ';
  text += encapsulationText(a);
  if (a.resGroup !== undefined) {
    const { buckets, idleTimer, unbalancedTimer, unbalancedTime } = a.resGroup;
    const time = (hundredths: number | bigint): string =>
      `${Number((Number(hundredths) / 100).toPrecision(6))}`;
    if (buckets !== undefined) text += `buckets ${buckets} `;
    if (idleTimer !== undefined) text += `idle_timer ${time(idleTimer)} `;
    if (unbalancedTimer !== undefined) text += `unbalanced_timer ${time(unbalancedTimer)} `;
    if (unbalancedTime !== undefined) text += `unbalanced_time ${time(unbalancedTime)} `;
  }
  if (a.gateway !== undefined) text += `via ${a.gateway} `;
  if (a.oif !== undefined) text += `dev ${names.device(a.oif)} `;
  const scope = numberOf(routeScopes, h.scope);
  if (scope !== routeScopes.universe) text += `scope ${scopeName(scope)} `;
  if (a.blackhole) text += 'blackhole ';
  const protocol = numberOf(routeProtocols, h.protocol);
  if (protocol !== routeProtocols.unspec) text += `proto ${protocolName(protocol)} `;
  text += hopFlags(bits(routeFlags, h.flags));
  if (a.fdb) text += 'fdb';
  return `${text}\n`;
}

export function prefixText({ header, attributes }: DecodedMessage, names: Naming): string {
  type Message = (typeof prefixFamily.messages)['newprefix'];
  const h = header as unknown as HeaderOf<Message>;
  const a = attributes as AttributesOf<Message>;
  const flags = bits(prefixFlags, h.flags);
  let text = `prefix ${a.address ?? '::'}/${h.len}dev ${names.device(h.ifindex)} `;
  if (flags & prefixFlags.onlink) text += 'onlink ';
  if (flags & prefixFlags.autoconf) text += 'autoconf ';
  if (a.cacheinfo !== undefined) {
    text += `valid ${a.cacheinfo.validTime} preferred ${a.cacheinfo.preferredTime} `;
  }
  return `${text}\n`;
}
