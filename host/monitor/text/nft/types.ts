import { formatIpv4, formatIpv6, formatMac } from '../../../codec/text.js';
import { transports } from '../../../inspect/iproute/names.js';
import { printable } from '../../../inspect/printable.js';

/** What nft calls a kind of value, and how it writes one. */
export interface DataType {
  readonly name: string;
  /** Bytes; 0 where there may be any number. */
  readonly size: number;
  /** The kernel keeps it as the host does, not as packets do. */
  readonly host?: boolean;
  /** Ranges that are prefixes are written as such. */
  readonly prefix?: boolean;
  /** Its bits by name, in the order in which nft writes them. */
  readonly bits?: readonly (readonly [number, string])[];
  readonly text: (bytes: Uint8Array) => string;
}

/** What is between double quotes. */
export const quoted = (text: string): string => `"${printable(text)}"`;

/** A number as it is in packets, or as the host keeps it. */
export function numberIn(bytes: Uint8Array, host = false): bigint {
  let value = 0n;
  for (const byte of host ? [...bytes].reverse() : bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

const decimal = (bytes: Uint8Array): string => String(numberIn(bytes));
const hostDecimal = (bytes: Uint8Array): string => String(numberIn(bytes, true));

const named =
  (names: Readonly<Record<number, string>>, host = false) =>
  (bytes: Uint8Array): string => {
    const value = Number(numberIn(bytes, host));
    return names[value] ?? String(value);
  };

/** Names of bits, one after the other. */
export function bitNames(bits: NonNullable<DataType['bits']>, value: number): string {
  const found = bits.filter(([bit]) => (value & bit) !== 0);
  const rest = found.reduce((left, [bit]) => left & ~bit, value);
  const names = found.map(([, name]) => name);
  if (rest !== 0 || names.length === 0) names.push(`0x${(rest >>> 0).toString(16)}`);
  return names.join(',');
}

/** enum ip_conntrack_info as bits, linux/netfilter/nf_conntrack_common.h */
const states = [
  [1, 'invalid'],
  [2, 'established'],
  [4, 'related'],
  [8, 'new'],
  [64, 'untracked'],
] as const;
/** IPS_* */
const statuses = [
  [1, 'expected'],
  [2, 'seen-reply'],
  [4, 'assured'],
  [8, 'confirmed'],
  [16, 'snat'],
  [32, 'dnat'],
  [512, 'dying'],
] as const;
const tcpFlags = [
  [1, 'fin'],
  [2, 'syn'],
  [4, 'rst'],
  [8, 'psh'],
  [16, 'ack'],
  [32, 'urg'],
  [64, 'ecn'],
  [128, 'cwr'],
] as const;

const icmpTypes = {
  0: 'echo-reply',
  3: 'destination-unreachable',
  4: 'source-quench',
  5: 'redirect',
  8: 'echo-request',
  9: 'router-advertisement',
  10: 'router-solicitation',
  11: 'time-exceeded',
  12: 'parameter-problem',
  13: 'timestamp-request',
  14: 'timestamp-reply',
  15: 'info-request',
  16: 'info-reply',
  17: 'address-mask-request',
  18: 'address-mask-reply',
};
const icmpv6Types = {
  1: 'destination-unreachable',
  2: 'packet-too-big',
  3: 'time-exceeded',
  4: 'parameter-problem',
  128: 'echo-request',
  129: 'echo-reply',
  130: 'mld-listener-query',
  131: 'mld-listener-report',
  132: 'mld-listener-done',
  133: 'nd-router-solicit',
  134: 'nd-router-advert',
  135: 'nd-neighbor-solicit',
  136: 'nd-neighbor-advert',
  137: 'nd-redirect',
  138: 'router-renumbering',
  141: 'ind-neighbor-solicit',
  142: 'ind-neighbor-advert',
  143: 'mld2-listener-report',
};
const etherTypes: Readonly<Record<number, string>> = {
  2048: 'ip',
  2054: 'arp',
  34525: 'ip6',
  33024: '8021q',
  34984: '8021ad',
};
const operations = {
  1: 'request',
  2: 'reply',
  3: 'rrequest',
  4: 'rreply',
  8: 'inrequest',
  9: 'inreply',
  10: 'nak',
};
const routeTypes = {
  0: 'unspec',
  1: 'unicast',
  2: 'local',
  3: 'broadcast',
  4: 'anycast',
  5: 'multicast',
  6: 'blackhole',
  7: 'unreachable',
  8: 'prohibit',
};

const bitsText =
  (bits: NonNullable<DataType['bits']>, host: boolean) =>
  (bytes: Uint8Array): string =>
    bitNames(bits, Number(numberIn(bytes, host)));

const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** The name of a link: shorter than it may be, and without an end, it is the beginning of one. */
function linkName(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const literal = latin(end < 0 ? bytes : bytes.subarray(0, end)).replace(/\*$/, '\\*');
  return quoted(end < 0 && bytes.length < 16 ? `${literal}*` : literal);
}

export const dataTypes = {
  integer: { name: 'integer', size: 0, text: decimal },
  hostInteger: { name: 'integer', size: 0, host: true, text: hostDecimal },
  nf_proto: { name: 'nf_proto', size: 1, text: named({ 2: 'ipv4', 10: 'ipv6' }) },
  ipv4_addr: { name: 'ipv4_addr', size: 4, prefix: true, text: (bytes: Uint8Array) => formatIpv4(bytes, 0) },
  ipv6_addr: { name: 'ipv6_addr', size: 16, prefix: true, text: (bytes: Uint8Array) => formatIpv6(bytes, 0) },
  ether_addr: { name: 'ether_addr', size: 6, text: (bytes: Uint8Array) => formatMac(bytes, 0, bytes.length) },
  ether_type: {
    name: 'ether_type',
    size: 2,
    text: (bytes: Uint8Array) =>
      etherTypes[Number(numberIn(bytes))] ?? `0x${numberIn(bytes).toString(16).padStart(4, '0')}`,
  },
  arp_op: { name: 'arp_op', size: 2, text: named(operations) },
  inet_proto: { name: 'inet_proto', size: 1, text: named({ ...transports, 136: 'udplite' }) },
  inet_service: { name: 'inet_service', size: 2, text: decimal },
  icmp_type: { name: 'icmp_type', size: 1, text: named(icmpTypes) },
  icmpv6_type: { name: 'icmpv6_type', size: 1, text: named(icmpv6Types) },
  tcp_flag: { name: 'tcp_flag', size: 1, bits: tcpFlags, text: bitsText(tcpFlags, false) },
  mark: {
    name: 'mark',
    size: 4,
    host: true,
    text: (bytes: Uint8Array) => `0x${numberIn(bytes, true).toString(16).padStart(8, '0')}`,
  },
  ifname: { name: 'ifname', size: 16, text: linkName },
  uid: { name: 'uid', size: 4, host: true, text: hostDecimal },
  gid: { name: 'gid', size: 4, host: true, text: hostDecimal },
  ct_state: { name: 'ct_state', size: 4, host: true, bits: states, text: bitsText(states, true) },
  ct_status: { name: 'ct_status', size: 4, host: true, bits: statuses, text: bitsText(statuses, true) },
  ct_dir: { name: 'ct_dir', size: 1, text: named({ 0: 'original', 1: 'reply' }) },
  pkt_type: {
    name: 'pkt_type',
    size: 1,
    text: named({ 0: 'host', 1: 'broadcast', 2: 'multicast', 3: 'other' }),
  },
  fib_addrtype: { name: 'fib_addrtype', size: 4, host: true, text: named(routeTypes, true) },
} as const satisfies Record<string, DataType>;

/** Numbers of types, which nft gives to sets: enum datatypes of its datatype.h. */
const numbered: Readonly<Record<number, DataType>> = {
  2: dataTypes.nf_proto,
  7: dataTypes.ipv4_addr,
  8: dataTypes.ipv6_addr,
  9: dataTypes.ether_addr,
  10: dataTypes.ether_type,
  11: dataTypes.arp_op,
  12: dataTypes.inet_proto,
  13: dataTypes.inet_service,
  14: dataTypes.icmp_type,
  15: dataTypes.tcp_flag,
  19: dataTypes.mark,
  24: dataTypes.uid,
  25: dataTypes.gid,
  26: dataTypes.ct_state,
  27: dataTypes.ct_dir,
  28: dataTypes.ct_status,
  29: dataTypes.icmpv6_type,
  31: dataTypes.pkt_type,
  38: dataTypes.fib_addrtype,
  41: dataTypes.ifname,
};

/** Bits of a number of a type that is several, one after the other. */
const TYPE_BITS = 6;

/** The types that a set's number means; undefined where one of them is not known here. */
export function typesOf(number: number): readonly DataType[] | undefined {
  const types: DataType[] = [];
  for (let left = number; left !== 0; left >>>= TYPE_BITS) {
    const type = numbered[left & (2 ** TYPE_BITS - 1)];
    if (type === undefined) return undefined;
    types.unshift(type);
  }
  return types.length === 0 ? undefined : types;
}

const WORD = 4;
/** Bytes that a value takes where several stand together: whole words. */
export const paddedSize = (size: number): number => Math.ceil(size / WORD) * WORD;

/** A value of one or several types. */
export function valueText(types: readonly DataType[], bytes: Uint8Array): string {
  const [only] = types;
  if (types.length === 1 && only !== undefined) return only.text(bytes);
  return split(types, bytes)
    .map(([type, part]) => type.text(part))
    .join(' . ');
}

function split(types: readonly DataType[], bytes: Uint8Array): [DataType, Uint8Array][] {
  let at = 0;
  return types.map((type) => {
    const part = bytes.subarray(at, at + type.size);
    at += paddedSize(type.size);
    return [type, part];
  });
}

/** How many bits a mask has set, where they are the first ones. */
export function prefixLength(mask: Uint8Array): number | undefined {
  let length = 0;
  let isOver = false;
  for (const byte of mask) {
    const ones = Math.clz32(~(byte << 24));
    if (((byte << ones) & 0xff) !== 0 || (isOver && byte !== 0)) return undefined;
    isOver ||= ones < 8;
    length += Math.min(ones, 8);
  }
  return length;
}

function rangeOf(type: DataType, first: Uint8Array, last: Uint8Array): string {
  if (Buffer.compare(first, last) === 0) return type.text(first);
  if (type.prefix) {
    const length = prefixLength(first.map((byte, i) => ~(byte ^ (last[i] as number))));
    const isWhole =
      length !== undefined &&
      first.every((byte, i) => {
        const host = 0xff >> Math.max(0, Math.min(8, length - i * 8));
        return (byte & host) === 0 && ((last[i] as number) & host) === host;
      });
    if (isWhole) return `${type.text(first)}/${length}`;
  }
  return `${type.text(first)}-${type.text(last)}`;
}

/** All values from a first to a last one. */
export function rangeText(types: readonly DataType[], first: Uint8Array, last: Uint8Array): string {
  const ends = split(types, last);
  if (types.length === 1) return rangeOf(types[0] as DataType, first, last);
  return split(types, first)
    .map(([type, part], i) => rangeOf(type, part, ends[i]?.[1] as Uint8Array))
    .join(' . ');
}

/** The value before another one. */
export function before(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice();
  for (let i = out.length - 1; i >= 0; i--) {
    const byte = out[i] as number;
    out[i] = byte - 1;
    if (byte !== 0) break;
  }
  return out;
}

/** A time in milliseconds as nft writes it: `1h30m`. */
export function timeText(milliseconds: bigint | number): string {
  let left = BigInt(milliseconds);
  let text = '';
  for (const [unit, size] of [
    ['d', 86_400_000n],
    ['h', 3_600_000n],
    ['m', 60_000n],
    ['s', 1000n],
    ['ms', 1n],
  ] as const) {
    const count = left / size;
    left %= size;
    if (count > 0n) text += `${count}${unit}`;
  }
  return text === '' ? '0s' : text;
}

/** What nft leaves to itself: entries of a type, a length and bytes. */
export function userData(bytes: Uint8Array | undefined, type: number): Uint8Array | undefined {
  for (let at = 0; bytes !== undefined && at + 2 <= bytes.length; at += 2 + (bytes[at + 1] as number)) {
    if (bytes[at] === type) return bytes.subarray(at + 2, at + 2 + (bytes[at + 1] as number));
  }
  return undefined;
}

/** A comment in it, as the end of a line. */
export function commentText(bytes: Uint8Array | undefined, type: number): string {
  const comment = userData(bytes, type);
  if (comment === undefined) return '';
  const end = comment.indexOf(0);
  return ` comment ${quoted(latin(end < 0 ? comment : comment.subarray(0, end)))}`;
}
