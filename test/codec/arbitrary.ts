import fc, { type Arbitrary } from 'fast-check';
import type { AttributeSet, SetReference, Struct, TypeData } from '../../host/schema/definition.js';

/** Values that a type accepts, in the form in which decoding gives them back. */

const MAXIMUM_DEPTH = 4;

function setOf(reference: SetReference): AttributeSet {
  return typeof reference === 'function' ? reference() : reference;
}

const octet = fc.integer({ min: 0, max: 255 });
const ipv4 = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.'));
const mac = fc
  .array(octet, { minLength: 6, maxLength: 6 })
  .map((octets) => octets.map((one) => one.toString(16).padStart(2, '0')).join(':'));
const bytes = (minLength: number, maxLength: number): Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });

function integerOf(type: TypeData & { kind: 'integer' }): Arbitrary<unknown> {
  const { size, signed, names } = type;
  if (names !== undefined && type.as === 'enum') {
    // several names for one number: decoding gives the last
    const byNumber = new Map(Object.entries(names).map(([name, number]) => [number, name]));
    return fc.constantFrom(...byNumber.values());
  }
  if (names !== undefined) {
    const single = Object.entries(names).filter(
      ([, mask]) => mask !== 0 && mask < 2 ** (size * 8) && (mask & (mask - 1)) === 0,
    );
    const distinct = [...new Map(single.map(([name, mask]) => [mask, name])).values()];
    const order = Object.keys(names);
    return fc.subarray(distinct).map((chosen) => chosen.sort((a, b) => order.indexOf(a) - order.indexOf(b)));
  }
  if (size === 8) {
    return signed
      ? fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(safe)
      : fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(safe);
  }
  const bits = size * 8;
  return signed
    ? fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })
    : fc.integer({ min: 0, max: 2 ** bits - 1 });
}

function safe(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function structOf(struct: Struct): Arbitrary<Record<string, unknown>> | undefined {
  const fields: Record<string, Arbitrary<unknown>> = {};
  for (const [name, type] of Object.entries(struct.fields)) {
    if (name.startsWith('pad')) continue;
    const value = arbitraryOf(type, MAXIMUM_DEPTH);
    if (value === undefined) return undefined;
    fields[name] = value;
  }
  return fc.record(fields, { noNullPrototype: true });
}

/** Nothing for types whose values do not stand alone. */
function arbitraryOf(type: TypeData, depth: number): Arbitrary<unknown> | undefined {
  switch (type.kind) {
    case 'integer':
      return integerOf(type);
    case 'autoInteger':
      return type.signed
        ? fc.bigInt({ min: -(2n ** 40n), max: 2n ** 40n }).map(safe)
        : fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(safe);
    case 'string':
      if (type.length !== undefined) return fc.string({ maxLength: type.length - 1, unit: 'grapheme-ascii' });
      return fc.string({ maxLength: 40, unit: 'grapheme' }).filter((text) => !text.includes('\0'));
    case 'flag':
      return fc.constant(true);
    case 'binary':
      if (type.format === 'ip') return type.length === 16 ? fc.constant('2001:db8::1') : ipv4;
      if (type.format === 'mac') return type.length === undefined || type.length === 6 ? mac : undefined;
      return type.length === undefined ? bytes(0, 24) : bytes(type.length, type.length);
    case 'bitfield32':
      return undefined;
    case 'struct':
      return structOf(type.struct);
    case 'nest':
      return depth <= 0 ? undefined : setArbitrary(setOf(type.set), depth - 1);
    case 'indexed': {
      const element = arbitraryOf(type.element, depth - 1);
      return element === undefined ? undefined : fc.array(element, { maxLength: 3 });
    }
    case 'array': {
      const element = arbitraryOf(type.element, depth);
      return element === undefined ? undefined : fc.array(element, { maxLength: 4 });
    }
    default:
      return undefined;
  }
}

/** Some of a set's attributes, with values. */
export function setArbitrary(set: AttributeSet, depth = 3): Arbitrary<Record<string, unknown>> {
  const fields: Record<string, Arbitrary<unknown>> = {};
  for (const [name, [, type]] of Object.entries(set.attributes)) {
    const list = type.kind === 'list';
    const value = arbitraryOf(list ? type.element : type, depth);
    if (value !== undefined) fields[name] = list ? fc.array(value, { minLength: 1, maxLength: 3 }) : value;
  }
  return fc.record(fields, { requiredKeys: [], noNullPrototype: true });
}

/** A whole header. */
export function headerArbitrary(struct: Struct): Arbitrary<Record<string, unknown>> {
  return structOf(struct) ?? fc.constant({});
}
