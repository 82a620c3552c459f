import { formatIpv4, formatIpv6, parseIp } from '../codec/text.js';
import { mismatch, type Shape } from './config.js';

/** An IP address as a number, for arithmetic. */
export interface Address {
  /** 32 or 128. */
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** A prefix whose host bits may be set: an address and the size of its network. */
export interface Cidr {
  readonly address: Address;
  /** Bits of the network. */
  readonly length: number;
}

const MAPPED = 0xffffn << 32n;

/** Reads an address; those of IPv4 mapped into IPv6 are IPv4, as Go has it. */
export function parseAddress(text: string): Address | undefined {
  const bytes = parseIp(text);
  if (bytes === undefined) return undefined;
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  if (bytes.length === 16 && value >> 32n === MAPPED >> 32n) return { bits: 32, value: value & 0xffff_ffffn };
  return { bits: bytes.length === 4 ? 32 : 128, value };
}

export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const tail = text.slice(slash + 1);
  if (address === undefined || !/^\d{1,3}$/.test(tail) || Number(tail) > address.bits) return undefined;
  return { address, length: Number(tail) };
}

/** The canonical text, which is also the name of a lease's file. */
export function formatAddress({ bits, value }: Address): string {
  const bytes = new Uint8Array(bits / 8);
  let rest = value;
  for (let i = bytes.length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bits === 32 ? formatIpv4(bytes, 0) : formatIpv6(bytes, 0);
}

export function formatCidr({ address, length }: Cidr): string {
  return `${formatAddress(address)}/${length}`;
}

/** How many addresses differ from the network's in their host bits. */
export function sizeOf({ address, length }: Cidr): bigint {
  return 1n << BigInt(address.bits - length);
}

/** The network of a prefix: its host bits zero. */
export function networkOf(cidr: Cidr): Cidr {
  const { address, length } = cidr;
  const size = sizeOf(cidr);
  return { address: { bits: address.bits, value: (address.value / size) * size }, length };
}

export function contains(cidr: Cidr, address: Address): boolean {
  const { address: network } = networkOf(cidr);
  return (
    address.bits === network.bits &&
    address.value >= network.value &&
    address.value < network.value + sizeOf(cidr)
  );
}

export function plus({ bits, value }: Address, offset: bigint): Address {
  return { bits, value: value + offset };
}

export function isEqual(a: Address, b: Address): boolean {
  return a.bits === b.bits && a.value === b.value;
}

/** An address in its canonical text; an empty one counts as missing, as in Go. */
export const ipAddress: Shape<string | undefined> = {
  read: (value, path) => {
    if (value === '') return undefined;
    const address = typeof value === 'string' ? parseAddress(value) : undefined;
    if (address === undefined) throw mismatch(path, 'an IP address', value);
    return formatAddress(address);
  },
};

/** An address with the length of its network's prefix, in canonical text; host bits stay. */
export const cidr: Shape<string> = {
  read: (value, path) => {
    const parsed = typeof value === 'string' ? parseCidr(value) : undefined;
    if (parsed === undefined)
      throw mismatch(path, 'an address with a prefix length, like 10.1.2.3/24', value);
    return formatCidr(parsed);
  },
};
