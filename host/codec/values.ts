import type { BinaryType, IntegerType, Names } from '../schema/definition.js';
import { EncodeError } from './errors.js';
import { parseIp, parseMac } from './text.js';

/** From what a caller gave to what the wire has; each throws EncodeError with what was expected. */

const encoder = new TextEncoder();

export function invalid(reason: string): EncodeError {
  return new EncodeError('ERR_INVALID_VALUE', '', reason);
}

export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}

function nameList(names: Names): string {
  const all = Object.keys(names);
  return all.length > 16 ? `${all.slice(0, 16).join(', ')}, …` : all.join(', ');
}

/** The union of flag names and numbers, or a number as it is. */
export function flagsValue(names: Names, value: unknown): number {
  if (typeof value === 'number') return value;
  if (!Array.isArray(value)) throw invalid(`expected an array of flags or a number, got ${shown(value)}`);
  let bits = 0;
  for (const item of value as unknown[]) {
    if (typeof item === 'number') bits |= item;
    else {
      const mask = typeof item === 'string' ? names[item] : undefined;
      if (mask === undefined) throw invalid(`unknown flag ${shown(item)}, expected ${nameList(names)}`);
      bits |= mask;
    }
  }
  return bits >>> 0;
}

const SIGNED_MINIMUM = [0, -0x80, -0x8000, 0, -0x8000_0000];
const MAXIMUM = [0, 0xff, 0xffff, 0, 0xffff_ffff];

/** The number for an integer of 1, 2 or 4 bytes. */
export function integerValue(type: IntegerType, value: unknown): number {
  // what is mostly given, known at a glance
  if (
    typeof value === 'number' &&
    value >>> 0 === value &&
    !type.signed &&
    value <= (MAXIMUM[type.size] as number)
  ) {
    return value;
  }
  if (typeof value === 'string' && type.as === 'enum') {
    const named = type.names?.[value];
    if (named !== undefined) return named;
  }
  let number: unknown = value;
  if (type.names !== undefined && typeof value !== 'number') {
    if (type.as === 'flags') number = flagsValue(type.names, value);
    else {
      number = typeof value === 'string' ? type.names[value] : value;
      if (number === undefined)
        throw invalid(`unknown name ${shown(value)}, expected one of ${nameList(type.names)}`);
    }
  }
  const minimum = type.signed ? (SIGNED_MINIMUM[type.size] as number) : 0;
  const maximum = type.signed ? -minimum - 1 : (MAXIMUM[type.size] as number);
  if (typeof number === 'bigint' && number >= minimum && number <= maximum) return Number(number);
  if (!Number.isInteger(number) || (number as number) < minimum || (number as number) > maximum) {
    throw invalid(`expected a whole number from ${minimum} to ${maximum}, got ${shown(value)}`);
  }
  return number as number;
}

/** The bits of an integer of 8 bytes, unsigned. */
export function wideValue(
  type: { readonly signed: boolean; readonly names?: Names; readonly as?: string },
  value: unknown,
): bigint {
  let number: unknown = value;
  if (type.names !== undefined && typeof value === 'string') number = type.names[value];
  else if (type.names !== undefined && Array.isArray(value)) number = flagsValue(type.names, value);
  if (typeof number === 'number' && Number.isInteger(number)) number = BigInt(number);
  if (typeof number === 'bigint') {
    const bits = type.signed ? BigInt.asIntN(64, number) : BigInt.asUintN(64, number);
    if (bits === number) return BigInt.asUintN(64, number);
  }
  throw invalid(
    `expected a whole number of 64 bits (${type.signed ? 'signed' : 'unsigned'}), got ${shown(value)}`,
  );
}

/** The bytes of a binary type, given as bytes or as text of its format. */
export function bytesValue(type: BinaryType, value: unknown): Uint8Array {
  let bytes: Uint8Array | undefined;
  if (value instanceof Uint8Array) bytes = value;
  else if (typeof value === 'string' && type.format === 'ip') {
    bytes = parseIp(value);
    if (bytes === undefined) throw invalid(`expected an IP address, got ${shown(value)}`);
  } else if (typeof value === 'string' && type.format === 'mac') {
    bytes = parseMac(value);
    if (bytes === undefined)
      throw invalid(`expected a hardware address like 02:42:ac:11:00:02, got ${shown(value)}`);
  }
  if (bytes === undefined) {
    const text =
      type.format === undefined ? '' : type.format === 'ip' ? ' or an IP address' : ' or a hardware address';
    throw invalid(`expected bytes${text}, got ${shown(value)}`);
  }
  if (type.length !== undefined && bytes.length !== type.length) {
    throw invalid(`expected ${type.length} bytes, got ${bytes.length}`);
  }
  return bytes;
}

/** The UTF-8 bytes of a string, with its final NUL. */
export function textValue(value: unknown): Uint8Array {
  if (typeof value !== 'string') throw invalid(`expected a string, got ${shown(value)}`);
  if (value.includes('\0')) throw invalid('expected a string without NUL');
  return encoder.encode(`${value}\0`);
}
