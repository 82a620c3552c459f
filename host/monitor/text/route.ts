import type { DecodedMessage } from '../../codec/block.js';
import { formatIpv4, formatIpv6 } from '../../codec/text.js';
import type { AttributesOf, DecodedStruct, HeaderOf } from '../../schema/definition.js';
import {
  type route as family,
  type nexthopAttributes,
  nexthopFlags,
  routeFlags,
  routeProtocols,
  routeScopes,
  routeTypes,
  type rtvia,
} from '../../schema/route.js';
import { encapsulationText } from './encapsulation.js';
import {
  bits,
  familyText,
  fieldName,
  milliseconds,
  type Naming,
  numberOf,
  protocolName,
  realmName,
  scopeName,
  tableName,
} from './names.js';

type Message = (typeof family.messages)['newroute'];
type Attributes = AttributesOf<Message>;
type Hop = NonNullable<Attributes['multipath']>[number];
export type HopAttributes = typeof nexthopAttributes;

const MAIN = 254;
const BOOT = 3;
const CLONED = 0x200;
const MPLS = 28;
const hostLengths: Readonly<Record<number, number>> = { 2: 32, 10: 128, 28: 20, 128: 32, 129: 128 };

const flagNames: readonly (readonly [number, string])[] = [
  [0x1, 'dead'],
  [0x4, 'onlink'],
  [0x2, 'pervasive'],
  [0x8, 'offload'],
  [0x40, 'trap'],
  [0x100, 'notify'],
  [0x10, 'linkdown'],
  [0x20, 'unresolved'],
  [0x4000, 'rt_offload'],
  [0x8000, 'rt_trap'],
  [0x2000_0000, 'rt_offload_failed'],
];

export function hopFlags(flags: number): string {
  let text = '';
  for (const [bit, name] of flagNames) if (flags & bit) text += `${name} `;
  return text;
}

/** A gateway of another family: `inet6 fe80::9 `. */
export function viaText({ family: number, addr }: DecodedStruct<typeof rtvia>): string {
  const address =
    number === 2
      ? formatIpv4(addr, 0)
      : number === 10
        ? formatIpv6(addr, 0)
        : Buffer.from(addr).toString('hex');
  return `via ${familyText(number)} ${address} `;
}

function realmText(flow: number): string {
  const from = flow >>> 16;
  const to = realmName(flow & 0xffff);
  return from === 0 ? `realm ${to} ` : `realms ${realmName(from)}/${to} `;
}

/** MPLS labels as RFC 3032 codes them. */
export function labelsText(labels: readonly number[]): string {
  return labels.map((label) => label >>> 12).join('/');
}

const metricNames: readonly (readonly [keyof NonNullable<Attributes['metrics']>, string, number])[] = [
  ['mtu', 'mtu', 2],
  ['window', 'window', 3],
  ['rtt', 'rtt', 4],
  ['rttvar', 'rttvar', 5],
  ['ssthresh', 'ssthresh', 6],
  ['cwnd', 'cwnd', 7],
  ['advmss', 'advmss', 8],
  ['reordering', 'reordering', 9],
  ['hoplimit', 'hoplimit', 10],
  ['initcwnd', 'initcwnd', 11],
  ['features', 'features', 12],
  ['rtoMin', 'rto_min', 13],
  ['initrwnd', 'initrwnd', 14],
  ['quickack', 'quickack', 15],
  ['ccAlgo', 'congctl', 16],
  ['fastopenNoCookie', 'fastopen_no_cookie', 17],
];

function metricValue(key: string, value: number): string {
  switch (key) {
    case 'rtt':
      return milliseconds(Math.trunc(value / 8));
    case 'rttvar':
      return milliseconds(Math.trunc(value / 4));
    case 'rtoMin':
      return milliseconds(value);
    case 'hoplimit':
      return value === 0xffff_ffff ? '0' : String(value);
    case 'features': {
      const rest = value & ~1;
      return [...(value & 1 ? ['ecn'] : []), ...(rest !== 0 ? [`0x${(rest >>> 0).toString(16)}`] : [])].join(
        ' ',
      );
    }
    default:
      return String(value);
  }
}

function metricsText(metrics: NonNullable<Attributes['metrics']>): string {
  let text = '';
  for (const [key, name, number] of metricNames) {
    const value = metrics[key];
    if (value === undefined) continue;
    const lock = (metrics.lock ?? 0) & (1 << number) ? 'lock ' : '';
    text += `${name} ${lock}${typeof value === 'string' ? value : metricValue(key, value as number)} `;
  }
  return text;
}

function hopText({ header, attributes }: Hop, routeFamily: number, names: Naming): string {
  const hop = { ...attributes, ...header };
  const flags = bits(nexthopFlags, hop.flags);
  let text = '\n\tnexthop ';
  text += encapsulationText(hop);
  if (hop.newdst !== undefined) text += `as to ${labelsText(hop.newdst)} `;
  if (hop.gateway !== undefined) text += `via ${hop.gateway} `;
  if (hop.via !== undefined) text += viaText(hop.via);
  if (hop.flow !== undefined) text += realmText(hop.flow);
  text += `dev ${names.device(hop.ifindex)} `;
  if (routeFamily !== MPLS) text += `weight ${hop.hops + 1} `;
  return text + hopFlags(flags);
}

function prefix(address: string | undefined, length: number, host: number | undefined): string {
  if (address === undefined) return length === 0 ? '' : `0/${length} `;
  return length === host ? `${address} ` : `${address}/${length} `;
}

/** A route's lines, as `ip monitor` has them; with `details`, what is usual too. */
export function routeText({ header, attributes }: DecodedMessage, names: Naming, details = false): string {
  const h = header as unknown as HeaderOf<Message>;
  const a = attributes as Attributes;
  const flags = bits(routeFlags, h.flags);
  const type = numberOf(routeTypes, h.type);
  const host = hostLengths[h.family];
  let text = type === routeTypes.unicast && !details ? '' : `${h.type} `;
  text += prefix(a.dst, h.dstLen, host) || 'default ';
  const from = prefix(a.src, h.srcLen, host);
  if (from !== '') text += `from ${from}`;
  if (a.newdst !== undefined) text += `as to ${labelsText(a.newdst)} `;
  text += encapsulationText(a);
  if (h.tos !== 0) text += `tos ${fieldName(h.tos)} `;
  if (a.nhId !== undefined) text += `nhid ${a.nhId} `;
  if (a.gateway !== undefined) text += `via ${a.gateway} `;
  if (a.via !== undefined) text += viaText(a.via);
  if (a.oif !== undefined) text += `dev ${names.device(a.oif)} `;
  if ((flags & CLONED) === 0) {
    const table = a.table ?? h.table;
    const protocol = numberOf(routeProtocols, h.protocol);
    const scope = numberOf(routeScopes, h.scope);
    if (details || table !== MAIN) text += `table ${tableName(table)} `;
    if (details || protocol !== BOOT) text += `proto ${protocolName(protocol)} `;
    if (details || scope !== routeScopes.universe) text += `scope ${scopeName(scope)} `;
  }
  if (a.prefsrc !== undefined) text += `src ${a.prefsrc} `;
  if (a.priority !== undefined) text += `metric ${a.priority} `;
  text += hopFlags(flags);
  if (a.mark !== undefined) text += a.mark >= 16 ? `mark 0x${a.mark.toString(16)} ` : `mark ${a.mark} `;
  if (a.flow !== undefined) text += realmText(a.flow);
  if (a.uid !== undefined) text += `uid ${a.uid} `;
  const { expires = 0, error = 0 } = a.cacheinfo ?? {};
  if (expires !== 0) text += `expires ${Math.trunc(expires / 100)}sec `;
  if (expires !== 0 && error !== 0) text += `error ${error | 0} `;
  if (a.metrics !== undefined) text += metricsText(a.metrics);
  if (a.iif !== undefined) text += `iif ${names.device(a.iif)} `;
  if (a.pref !== undefined) text += `pref ${a.pref}`;
  if (a.ttlPropagate !== undefined) text += `ttl-propagate ${a.ttlPropagate ? 'enabled' : 'disabled'}`;
  for (const hop of a.multipath ?? []) text += hopText(hop, h.family, names);
  return `${text}\n`;
}

const seconds = (hundredths: number): string =>
  `${Math.trunc(hundredths / 100)}.${String(hundredths % 100).padStart(2, '0')}`;

/** A multicast forwarding entry: `(10.0.0.1,239.1.1.1)  Iif: eth0  …`. */
export function multicastRouteText({ header, attributes }: DecodedMessage, names: Naming): string {
  const h = header as unknown as HeaderOf<Message>;
  const a = attributes as Attributes;
  const table = a.table ?? h.table;
  const unspecified = h.family === 129 ? '::' : '0.0.0.0';
  let text = `(${a.src ?? unspecified},${a.dst ?? unspecified})`.padEnd(32);
  text += ` Iif: ${(a.iif === undefined ? 'unresolved' : names.device(a.iif)).padEnd(10)} `;
  const hops = (a.multipath ?? []).map(
    ({ header: hop }) => `${names.device(hop.ifindex)}${hop.hops > 1 ? `(ttl ${hop.hops})` : ''} `,
  );
  if (hops.length > 0) text += `Oifs: ${hops.join('')}`;
  text += ` State: ${h.flags.includes('offload') ? 'resolved offload' : a.iif === undefined ? 'unresolved' : 'resolved'}`;
  if (table !== 253 && table !== MAIN) text += ` Table: ${tableName(table)}`;
  if (a.cacheinfo?.expires) text += ` expires ${seconds(a.cacheinfo.expires)}`;
  return `${text}\n`;
}
