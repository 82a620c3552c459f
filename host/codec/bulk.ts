import type { Message, TypeData } from '../schema/definition.js';
import { MESSAGE_HEADER_LENGTH, TYPE_MASK } from './constants.js';
import { type AnyMessageInput, encodeInto, type MessageInput } from './encode.js';
import { EncodeError } from './errors.js';
import { layoutOf } from './leaves.js';
import { type CompiledMessage, type Registry, registry } from './registry.js';
import { type CompiledSet, type Field, fixedSize } from './table.js';

/** Values of one field for many messages: an array of numbers, or bytes with their number per message. */
export type BulkColumn =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | { readonly values: ArrayBufferView & { readonly length: number }; readonly width: number };

/** Where a column's values go in the message that all others are copies of. */
interface Patch {
  readonly offset: number;
  readonly width: number;
  readonly bytes: Uint8Array;
  readonly bigEndian: boolean;
}

const PATCH_BYTES = 16;

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** What a column is for: a field of the header, or the attributes on the way to one. */
type Place =
  | { readonly header: string; readonly offset: number; readonly type: TypeData; readonly size: number }
  | { readonly way: readonly Field[] };

function placeOf(message: CompiledMessage, name: string): Place {
  const path = name.split('.');
  if (path[0] !== 'header') {
    const way = wayTo(message.set, path);
    if (way !== undefined) return { way };
  }
  const wanted = path[0] === 'header' ? path.slice(1).join('.') : name;
  const field = layoutOf(message.definition.header).find((one) => one.name === wanted);
  if (field === undefined || field.size === 0) {
    throw new EncodeError(
      'ERR_UNKNOWN_ATTRIBUTE',
      name,
      `${message.definition.name} has no such field or attribute`,
    );
  }
  return { header: wanted, offset: MESSAGE_HEADER_LENGTH + field.at, type: field.type, size: field.size };
}

function wayTo(set: CompiledSet, path: readonly string[]): Field[] | undefined {
  const way: Field[] = [];
  let here: CompiledSet | undefined = set;
  for (const key of path) {
    const field: Field | undefined = here?.byName.get(key);
    if (field === undefined) return undefined;
    way.push(field);
    here = field.type.kind === 'nest' ? field.set : undefined;
  }
  return way;
}

/** The payload of the attribute that a way leads to. */
function find(bytes: Uint8Array, start: number, way: readonly Field[]): { offset: number; length: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = start;
  let end = bytes.length;
  for (const field of way) {
    while (at < end && (view.getUint16(at + 2, true) & TYPE_MASK) !== field.number) {
      at += (view.getUint16(at, true) + 3) & ~3;
    }
    end = at + view.getUint16(at, true);
    at += 4;
  }
  return { offset: at, length: end - at };
}

/** Puts a value of the right size where the column's will be. */
function placeholder(into: Record<string, unknown>, way: readonly Field[], width: number): void {
  let here = into;
  for (const field of way.slice(0, -1)) {
    here[field.name] = { ...(here[field.name] as object | undefined) };
    here = here[field.name] as Record<string, unknown>;
  }
  const last = way.at(-1) as Field;
  here[last.name] = last.type.kind === 'integer' ? 0 : new Uint8Array(width);
}

function widthOf(name: string, column: BulkColumn, type: TypeData): number {
  const width = 'width' in column ? column.width : type.kind === 'integer' ? type.size : fixedSize(type);
  const expected = fixedSize(type);
  if (width === 0 || (expected !== 0 && width !== expected)) {
    const reason = expected === 0 ? 'give { values, width }' : `expected ${expected} bytes each`;
    throw new EncodeError('ERR_INVALID_VALUE', name, reason);
  }
  if (!('width' in column) && type.kind === 'integer' && column.BYTES_PER_ELEMENT !== type.size) {
    throw new EncodeError('ERR_INVALID_VALUE', name, `expected an array of ${type.size * 8}-bit numbers`);
  }
  return width;
}

/**
 * Encodes many messages that differ only in some fields: one is encoded from `input`, and copied with the columns'
 * values put in. Names are as for `ColumnReader`; numbers are in host byte order. Messages are numbered from
 * `firstSequence`. Returns the bytes of all, each at a multiple of four. Throws EncodeError.
 */
export function encodeColumns<M extends Message>(
  message: M,
  input: MessageInput<M>,
  columns: Readonly<Record<string, BulkColumn>>,
  { firstSequence = 1, owner = registry() }: { firstSequence?: number; owner?: Registry } = {},
): Uint8Array {
  const compiled = owner.compile(message);
  const header: Record<string, unknown> = { ...(input.header as object | undefined) };
  const attributes: Record<string, unknown> = { ...(input.attributes as object | undefined) };
  const places = Object.entries(columns).map(([name, column]) => {
    const place = placeOf(compiled, name);
    const type = 'way' in place ? (place.way.at(-1) as Field).type : place.type;
    const width = widthOf(name, column, type);
    if ('way' in place) placeholder(attributes, place.way, width);
    return { name, column, place, type, width };
  });
  const rows = places.map(
    ({ column, width }) => ('width' in column ? column.values : column).byteLength / width,
  );
  const count = rows[0] ?? 0;
  rows.forEach((own, i) => {
    if (Number.isInteger(own) && own === count) return;
    const { name } = places[i] as (typeof places)[number];
    throw new EncodeError('ERR_INVALID_VALUE', name, `expected values for ${count} messages, got ${own}`);
  });
  const { machine } = owner;
  const length = encodeInto(owner, compiled, { ...(input as AnyMessageInput), header, attributes }, 0);
  const template = machine.memory.u8.slice(machine.output.address, machine.output.address + length);
  const patches = places.map(({ column, place, type, width }): Patch => {
    const values = 'width' in column ? column.values : column;
    const offset =
      'way' in place
        ? find(template, MESSAGE_HEADER_LENGTH + compiled.headerSize, place.way).offset
        : place.offset;
    return { offset, width, bytes: bytesOf(values), bigEndian: type.kind === 'integer' && type.bigEndian };
  });
  return replicate(owner, template, count, patches, firstSequence);
}

/** Has the module make the copies. */
function replicate(
  owner: Registry,
  template: Uint8Array,
  count: number,
  patches: readonly Patch[],
  sequence: number,
): Uint8Array {
  const { machine } = owner;
  const stride = (template.length + 3) & ~3;
  const offsets: number[] = [];
  let size = (stride + patches.length * PATCH_BYTES + 7) & ~7;
  for (const { bytes } of patches) {
    offsets.push(size);
    size = (size + bytes.length + 7) & ~7;
  }
  const out = machine.output.reserve(stride * count);
  const work = machine.columns.reserve(size);
  machine.columnsOwner = undefined;
  const { u8, u32 } = machine.memory;
  u8.fill(0, work, work + stride);
  u8.set(template, work);
  patches.forEach(({ offset, width, bytes, bigEndian }, i) => {
    const address = work + (offsets[i] as number);
    u8.set(bytes, address);
    u32.set([offset, width, address, bigEndian ? 1 : 0], (work + stride + i * PATCH_BYTES) >> 2);
  });
  const list = work + stride;
  machine.exports.replicate(
    work,
    template.length,
    count,
    list,
    list + patches.length * PATCH_BYTES,
    out,
    sequence,
  );
  return machine.memory.u8.slice(out, out + stride * count);
}
