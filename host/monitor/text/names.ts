import {
  groups,
  protocols,
  realms,
  scopes,
  services,
  tables,
  transports,
} from '../../inspect/iproute/names.js';

import type { Sets } from './nft/sets.js';

/** A namespace as events have it. */
export interface Place extends Naming {
  /** What a selector calls it; empty where a recording has no name. */
  readonly name: string;
  /** The number in `net:[…]`; 0 where a recording has none. */
  readonly inode: number;
}

/** What lines need to know that is not in the message. */
export interface Naming {
  /** A link's name; `if5` for an index that no link has. */
  device(index: number): string;
  /** Flags (IFF_*) of a link as last heard; undefined when it is not known. */
  deviceFlags(index: number): number | undefined;
  /** Type (ARPHRD_*) of a link as last heard. */
  deviceType(index: number): number | undefined;
  /** The sets that rules use, as heard; without them rules are told as the kernel has them. */
  readonly sets?: Sets | undefined;
  /** What `ip netns` calls the namespace with this number. */
  namespace(nsid: number): string | undefined;
}

export const tableName = (number: number): string => tables.of(number);
export const protocolName = (number: number): string => protocols.of(number);
export const scopeName = (number: number): string => scopes.of(number);
export const realmName = (number: number): string => realms.of(number);
export const groupName = (number: number): string => groups.of(number);

/** A type of service; those without a name in hexadecimal. */
export function fieldName(number: number): string {
  const name = services.of(number);
  return name === String(number) ? `0x${number.toString(16).padStart(2, '0')}` : name;
}

const UDPLITE = 136;
export const ipProtocolName = (number: number): string =>
  number === UDPLITE ? 'udplite' : (transports[number] ?? `ipproto-${number}`);

/** Address families as iproute2 writes them. */
export function familyText(family: number): string {
  switch (family) {
    case 2:
      return 'inet';
    case 7:
      return 'bridge';
    case 10:
      return 'inet6';
    case 17:
      return 'link';
    case 28:
      return 'mpls';
    default:
      return family === 0 ? '???' : String(family);
  }
}

/** The bits of flags that were decoded to names. */
export function bits(names: Readonly<Record<string, number>>, flags: readonly (string | number)[]): number {
  let value = 0;
  for (const flag of flags) value |= typeof flag === 'number' ? flag : (names[flag] ?? 0);
  return value >>> 0;
}

/** The number of a value that was decoded to a name, where it has one. */
export function numberOf(
  names: Readonly<Record<string, number>>,
  value: string | number | undefined,
): number {
  return typeof value === 'string' ? (names[value] ?? 0) : (value ?? 0);
}

/** Seconds as C's `%g`, for times of 1000 ms and more; else in ms. */
export function milliseconds(value: number): string {
  return value >= 1000 ? `${Number((value / 1000).toPrecision(6))}s` : `${value}ms`;
}

const TUNNEL = 768;
const TUNNEL6 = 769;
const SIT = 776;
const IPGRE = 778;
const IP6GRE = 823;

/** A hardware address; that of a tunnel is its endpoint's. */
export function hardwareAddress(text: string, type: number | undefined): string {
  const octets = text.split(':');
  if (octets.length === 4 && (type === TUNNEL || type === SIT || type === IPGRE)) {
    return octets.map((octet) => Number.parseInt(octet, 16)).join('.');
  }
  if (octets.length === 16 && (type === TUNNEL6 || type === IP6GRE)) return ipv6Text(octets);
  return text;
}

function ipv6Text(octets: readonly string[]): string {
  const words = Array.from({ length: 8 }, (_, i) => `${octets[2 * i]}${octets[2 * i + 1]}`);
  // URL writes addresses as RFC 5952 wants them
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1);
}
