import { parseIp } from '../codec/text.js';
import { NetloomError } from '../netlink/errors.js';

/** `ERR_INVALID_INPUT`, `ERR_NOT_FOUND`, `ERR_AMBIGUOUS`: what a verb was given cannot be sent, or names nothing (or too much). */
export class NetworkError extends NetloomError {
  override readonly name = 'NetworkError';
}

/** Address families, linux/socket.h (AF_*). */
export const families = { unspec: 0, inet: 2, bridge: 7, inet6: 10, mpls: 28 } as const;
export type FamilyName = keyof typeof families;

export function familyNumber(family: FamilyName | number | undefined): number {
  if (family === undefined) return 0;
  return typeof family === 'number' ? family : families[family];
}

const familyNames = new Map<number, FamilyName>(
  Object.entries(families).map(([name, number]) => [number, name as FamilyName]),
);

export function familyName(family: number): FamilyName | number {
  return familyNames.get(family) ?? family;
}

/** An address with the length of its prefix in bits. */
export interface Prefix {
  readonly family: number;
  readonly address: Uint8Array;
  readonly length: number;
}

/** Reads `10.62.0.1/16`; without a length the whole address is meant. Throws NetworkError `ERR_INVALID_INPUT`. */
export function parsePrefix(text: string, key: string): Prefix {
  const slash = text.indexOf('/');
  const address = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (address !== undefined) {
    const bits = address.length * 8;
    const length = slash < 0 ? bits : wholeNumber(text, slash + 1);
    if (length <= bits) return { family: bits === 32 ? families.inet : families.inet6, address, length };
  }
  throw new NetworkError(
    'ERR_INVALID_INPUT',
    `${key}: expected an address or prefix like 10.62.0.0/16, got '${text}'`,
  );
}

/** The number at the end of a text, of one to three digits; else Infinity. */
function wholeNumber(text: string, from: number): number {
  if (from >= text.length || text.length - from > 3) return Number.POSITIVE_INFINITY;
  let value = 0;
  for (let i = from; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return Number.POSITIVE_INFINITY;
    value = value * 10 + digit;
  }
  return value;
}

/** The bytes of an address. Throws NetworkError `ERR_INVALID_INPUT`. */
export function parseAddress(text: string, key: string): Uint8Array {
  const address = parseIp(text);
  if (address === undefined)
    throw new NetworkError('ERR_INVALID_INPUT', `${key}: expected an IP address, got '${text}'`);
  return address;
}

export function familyOf(address: Uint8Array): number {
  return address.length === 4 ? families.inet : families.inet6;
}

/** The family of an address given as text. */
export function familyOfText(address: string): number {
  return address.includes(':') ? families.inet6 : families.inet;
}

/** IPv4's directed broadcast address; none for prefixes longer than 30 bits. */
export function broadcastOf({ family, address, length }: Prefix): Uint8Array | undefined {
  if (family !== families.inet || length > 30) return undefined;
  const host = length === 0 ? 0xffff_ffff : (1 << (32 - length)) - 1;
  const view = new DataView(address.buffer, address.byteOffset, 4);
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, (view.getUint32(0) | host) >>> 0);
  return out;
}
