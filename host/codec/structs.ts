import type { Struct, TypeData } from '../schema/definition.js';
import { compileFieldsWriter, type FieldsWriter } from './compiled-writers.js';
import { EncodeError } from './errors.js';
import { KeyOrders } from './key-order.js';
import { layoutOf } from './leaves.js';
import type { Source } from './machine.js';
import { bytesValue, flagsValue, integerValue, invalid, shown, textValue, wideValue } from './values.js';

/** Writes a value of fixed size at an address whose bytes are zero. */
type Place = (source: Source, at: number, value: unknown) => void;

export interface Part {
  readonly name: string;
  readonly type: TypeData;
  readonly at: number;
  readonly size: number;
  readonly place: Place;
}

/** A struct, ready to be written. */
export interface StructWriter {
  readonly struct: Struct;
  readonly parts: ReadonlyMap<string, Part>;
  /** Functions for orders of fields that keep being written. */
  readonly orders: KeyOrders<FieldsWriter>;
  /** Bytes, without what its last field takes if that takes the rest. */
  readonly size: number;
}

const layouts = new WeakMap<Struct, StructWriter>();

export function structWriter(struct: Struct): StructWriter {
  let known = layouts.get(struct);
  if (known === undefined) {
    const fields = layoutOf(struct);
    const parts = new Map(
      fields
        .filter(({ name }) => !name.startsWith('pad'))
        .map(({ name, type, at, size }) => [name, { name, type, at, size, place: placer(type) }]),
    );
    const orders = new KeyOrders<FieldsWriter>(
      (key) => parts.has(key),
      (keys) => compileFieldsWriter(keys.map((key) => parts.get(key) as Part)),
    );
    known = { struct, parts, orders, size: fields.reduce((sum, field) => sum + field.size, 0) };
    layouts.set(struct, known);
  }
  return known;
}

/** Bytes that `values` take: the struct's fields, and what the last of them holds if it takes the rest. */
export function structLength({ parts, size }: StructWriter, values: unknown): number {
  let rest = 0;
  for (const [name, part] of parts) {
    if (part.size !== 0) continue;
    const value = (values as Record<string, unknown> | undefined)?.[name];
    if (value instanceof Uint8Array || typeof value === 'string') rest = value.length;
  }
  return size + rest;
}

/** Writes a struct to `at`, where there are zeros; fields that are `undefined` stay zero. */
export function writeStruct(
  source: Source,
  at: number,
  { struct, parts, orders }: StructWriter,
  values: unknown,
): void {
  if (typeof values !== 'object' || values === null)
    throw invalid(`expected an object, got ${shown(values)}`);
  const given = values as Record<string, unknown>;
  const writer = orders.writerFor(given);
  if (writer !== undefined) {
    writer(source, at, given);
    return;
  }
  for (const key in given) {
    const value = given[key];
    if (value === undefined) continue;
    const part = parts.get(key);
    if (part === undefined) {
      const names = [...parts.keys()].join(', ');
      throw new EncodeError(
        'ERR_UNKNOWN_ATTRIBUTE',
        key,
        `struct ${struct.name} has no such field: it has ${names}`,
      );
    }
    try {
      part.place(source, at + part.at, value);
    } catch (error) {
      throw error instanceof EncodeError ? error.within(key) : error;
    }
  }
}

export function placer(type: TypeData): Place {
  switch (type.kind) {
    case 'integer': {
      const littleEndian = !type.bigEndian;
      if (type.size === 8)
        return (source, at, value) => source.view.setBigUint64(at, wideValue(type, value), littleEndian);
      if (type.size === 4)
        return (source, at, value) => source.view.setUint32(at, integerValue(type, value), littleEndian);
      if (type.size === 2)
        return (source, at, value) => source.view.setUint16(at, integerValue(type, value), littleEndian);
      return (source, at, value) => {
        source.u8[at] = integerValue(type, value);
      };
    }
    case 'struct': {
      const writer = structWriter(type.struct);
      return (source, at, value) => writeStruct(source, at, writer, value);
    }
    case 'bitfield32':
      return (source, at, value) => {
        if (typeof value !== 'object' || value === null)
          throw invalid(`expected { value, selector }, got ${shown(value)}`);
        const given = value as { value?: unknown; selector?: unknown };
        source.view.setUint32(at, flagsValue(type.names ?? {}, given.value ?? 0), true);
        source.view.setUint32(at + 4, flagsValue(type.names ?? {}, given.selector ?? 0), true);
      };
    case 'string': {
      const { length } = type;
      if (length === undefined) break;
      return (source, at, value) => {
        const bytes = textValue(value).subarray(0, -1);
        if (bytes.length > length)
          throw invalid(`expected a string of at most ${length} bytes, got ${bytes.length}`);
        source.u8.set(bytes, at);
      };
    }
    case 'binary':
      return (source, at, value) => source.u8.set(bytesValue(type, value), at);
    default:
  }
  throw new TypeError(`a struct's field cannot be of kind ${type.kind}`);
}
