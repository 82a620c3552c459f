import { NetloomError } from '../../../netlink/errors.js';

/**
 * The gob encoding of Go, as far as net/rpc needs it: booleans, whole numbers, bytes, strings, slices, maps and structs.
 * A stream says what its types are before it has values of them. https://pkg.go.dev/encoding/gob, "Encoding Details"
 */
export type GobType = 'bool' | 'int' | 'uint' | 'bytes' | 'string' | { readonly slice: GobType } | GobStruct;

export interface GobStruct {
  readonly struct: string;
  readonly fields: readonly (readonly [name: string, type: GobType])[];
}

/** What values come out as: structs as objects that have the fields that are not zero. */
export type GobValue =
  | boolean
  | number
  | Uint8Array
  | string
  | readonly GobValue[]
  | ReadonlyMap<GobValue, GobValue>
  | { readonly [field: string]: GobValue };

/** Bytes that are no gob stream, or one with what is not supported. Code `ERR_GOB`. */
export class GobError extends NetloomError {
  override readonly name = 'GobError';
  constructor(what: string) {
    super('ERR_GOB', `gob: ${what}`);
  }
}

const builtin = { bool: 1, int: 2, uint: 3, bytes: 5, string: 6 } as const;
const FLOAT = 4;
const WIRE_TYPE = 16;
/** Numbers that a stream may give its own types. */
const FIRST_TYPE = 64;

const common: GobStruct = {
  struct: 'CommonType',
  fields: [
    ['Name', 'string'],
    ['Id', 'int'],
  ],
};
const element = (name: string, ...fields: (readonly [string, GobType])[]): GobStruct => ({
  struct: name,
  fields: [['CommonType', common], ...fields],
});
const field: GobStruct = { struct: 'fieldType', fields: common.fields };
/** How a stream describes a type. */
const wireType: GobStruct = {
  struct: 'wireType',
  fields: [
    ['ArrayT', element('arrayType', ['Elem', 'int'], ['Len', 'int'])],
    ['SliceT', element('sliceType', ['Elem', 'int'])],
    ['StructT', element('structType', ['Field', { slice: field }])],
    ['MapT', element('mapType', ['Key', 'int'], ['Elem', 'int'])],
    ['GobEncoderT', element('gobEncoderType')],
    ['BinaryMarshalerT', element('gobEncoderType')],
    ['TextMarshalerT', element('gobEncoderType')],
  ],
};

function putUint(out: number[], value: number): void {
  if (value < 128) {
    out.push(value);
    return;
  }
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  out.push(256 - bytes.length, ...bytes);
}

function putInt(out: number[], value: number): void {
  putUint(out, value < 0 ? -(value + 1) * 2 + 1 : value * 2);
}

function isZero(value: GobValue | undefined): boolean {
  if (value === undefined || value === false || value === 0 || value === '') return true;
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length === 0;
  // a struct in a struct is sent even when nothing in it is
  return false;
}

function put(out: number[], type: GobType, value: GobValue): void {
  if (type === 'bool') putUint(out, value === true ? 1 : 0);
  else if (type === 'uint') putUint(out, value as number);
  else if (type === 'int') putInt(out, value as number);
  else if (type === 'bytes' || type === 'string') {
    const bytes = type === 'string' ? Buffer.from(value as string) : (value as Uint8Array);
    putUint(out, bytes.length);
    for (const byte of bytes) out.push(byte);
  } else if ('slice' in type) {
    const items = value as readonly GobValue[];
    putUint(out, items.length);
    for (const item of items) put(out, type.slice, item);
  } else {
    let last = -1;
    type.fields.forEach(([name, inner], i) => {
      const given = (value as { readonly [field: string]: GobValue })[name];
      if (given === undefined || isZero(given)) return;
      putUint(out, i - last);
      last = i;
      put(out, inner, given);
    });
    out.push(0);
  }
}

/** One direction of a stream: what has been said of types is not said again. */
export class GobEncoder {
  readonly #ids = new Map<GobType, number>();

  /** A struct, after the descriptions of what types in it are new. */
  encode(type: GobStruct, value: { readonly [field: string]: GobValue }): Uint8Array {
    const out: number[] = [];
    const id = this.#define(type, out);
    const body: number[] = [];
    putInt(body, id);
    put(body, type, value);
    this.#message(out, body);
    return Uint8Array.from(out);
  }

  #message(out: number[], body: readonly number[]): void {
    putUint(out, body.length);
    for (const byte of body) out.push(byte);
  }

  #define(type: GobType, out: number[]): number {
    if (typeof type === 'string') return builtin[type];
    const known = this.#ids.get(type);
    if (known !== undefined) return known;
    const id = FIRST_TYPE + 1 + this.#ids.size;
    this.#ids.set(type, id);
    const description: { readonly [field: string]: GobValue } =
      'slice' in type
        ? { SliceT: { CommonType: { Id: id }, Elem: this.#define(type.slice, out) } }
        : {
            StructT: {
              CommonType: { Name: type.struct, Id: id },
              Field: type.fields.map(([name, inner]) => ({ Name: name, Id: this.#define(inner, out) })),
            },
          };
    const body: number[] = [];
    putInt(body, -id);
    put(body, wireType, description);
    this.#message(out, body);
    return id;
  }
}

type Described =
  | { readonly kind: 'struct'; readonly fields: readonly { readonly name: string; readonly id: number }[] }
  | { readonly kind: 'slice' | 'array'; readonly element: number }
  | { readonly kind: 'map'; readonly key: number; readonly element: number }
  | { readonly kind: 'opaque' };

/** Deeper values, and more types, than any message of ours has. */
const DEEPEST = 32;
const MOST_TYPES = 256;

class Reader {
  readonly #bytes: Uint8Array;
  offset: number;
  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes;
    this.offset = offset;
  }

  get left(): number {
    return this.#bytes.length - this.offset;
  }

  take(length: number): Uint8Array {
    if (length > this.left) throw new GobError('a value is cut off');
    this.offset += length;
    return this.#bytes.subarray(this.offset - length, this.offset);
  }

  uint(): number {
    const [first] = this.take(1) as unknown as [number];
    if (first < 128) return first;
    const bytes = this.take(256 - first);
    if (bytes.length > 8) throw new GobError('a number of more than 8 bytes');
    const value = bytes.reduce((total, byte) => total * 256 + byte, 0);
    if (!Number.isSafeInteger(value)) throw new GobError('a number above 2^53');
    return value;
  }

  int(): number {
    const value = this.uint();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }
}

/** The other direction: gives the values of a stream, whatever pieces it comes in. */
export class GobDecoder {
  readonly #types = new Map<number, Described>();
  readonly #limit: number;
  #pending = new Uint8Array();

  /** `limit`: bytes that a single message may have. */
  constructor(limit = 1 << 22) {
    this.#limit = limit;
  }

  /** Takes what has come; returns the values that are whole now. Throws GobError. */
  push(chunk: Uint8Array): GobValue[] {
    const bytes = new Uint8Array(this.#pending.length + chunk.length);
    bytes.set(this.#pending);
    bytes.set(chunk, this.#pending.length);
    const values: GobValue[] = [];
    let offset = 0;
    for (;;) {
      const body = this.#messageAt(bytes, offset);
      if (body === undefined) break;
      offset = body.end;
      const value = this.#read(new Reader(bytes.subarray(body.start, body.end)));
      if (value !== undefined) values.push(value);
    }
    this.#pending = bytes.slice(offset);
    return values;
  }

  /** Where the next message is, if all of it has come. */
  #messageAt(bytes: Uint8Array, offset: number): { start: number; end: number } | undefined {
    const first = bytes[offset];
    if (first === undefined) return undefined;
    if (first >= 128 && bytes.length - offset < 257 - first) {
      if (256 - first > 8) throw new GobError('a number of more than 8 bytes');
      return undefined;
    }
    const reader = new Reader(bytes, offset);
    const length = reader.uint();
    if (length > this.#limit) throw new GobError(`a message of ${length} bytes, more than ${this.#limit}`);
    if (reader.left < length) return undefined;
    return { start: reader.offset, end: reader.offset + length };
  }

  /** A value; undefined for what only describes a type. */
  #read(reader: Reader): GobValue | undefined {
    const id = reader.int();
    if (id < 0) {
      this.#describe(-id, this.#struct(reader, wireType));
      return undefined;
    }
    // what is no struct has a zero before it
    if (this.#types.get(id)?.kind !== 'struct' && reader.uint() !== 0)
      throw new GobError('not a single value');
    return this.#value(reader, id, 0);
  }

  #describe(id: number, wire: { readonly [field: string]: GobValue }): void {
    if (id < FIRST_TYPE || this.#types.has(id)) throw new GobError(`the type ${id} is there already`);
    if (this.#types.size >= MOST_TYPES) throw new GobError(`more than ${MOST_TYPES} types`);
    const [kind] = Object.keys(wire);
    const body = (kind === undefined ? {} : wire[kind]) as { readonly [field: string]: GobValue };
    const numberIn = (name: string): number => (body[name] ?? 0) as number;
    if (kind === 'StructT') {
      const fields = ((body.Field ?? []) as readonly { readonly [field: string]: GobValue }[]).map((one) => ({
        name: (one.Name ?? '') as string,
        id: (one.Id ?? 0) as number,
      }));
      this.#types.set(id, { kind: 'struct', fields });
    } else if (kind === 'SliceT') this.#types.set(id, { kind: 'slice', element: numberIn('Elem') });
    else if (kind === 'ArrayT') this.#types.set(id, { kind: 'array', element: numberIn('Elem') });
    else if (kind === 'MapT') {
      this.#types.set(id, { kind: 'map', key: numberIn('Key'), element: numberIn('Elem') });
    } else if (kind === undefined) throw new GobError(`the type ${id} is nothing`);
    else this.#types.set(id, { kind: 'opaque' });
  }

  /** A struct of a type that is known beforehand. */
  #struct(reader: Reader, type: GobStruct): { readonly [field: string]: GobValue } {
    return this.#fields(
      reader,
      type.fields.map(([name]) => name),
      (i) => this.#known(reader, (type.fields[i] as readonly [string, GobType])[1]),
    );
  }

  #known(reader: Reader, type: GobType): GobValue {
    if (typeof type === 'string') return this.#value(reader, builtin[type], 0);
    if ('slice' in type) return this.#items(reader, () => this.#known(reader, type.slice));
    return this.#struct(reader, type);
  }

  #fields(
    reader: Reader,
    names: readonly string[],
    read: (index: number) => GobValue,
  ): { readonly [field: string]: GobValue } {
    // no prototype: names are the sender's
    const out: { [field: string]: GobValue } = Object.create(null);
    let index = -1;
    for (;;) {
      const delta = reader.uint();
      if (delta === 0) return out;
      index += delta;
      const name = names[index];
      if (name === undefined) throw new GobError(`a field ${index} that the type has not`);
      out[name] = read(index);
    }
  }

  #items(reader: Reader, read: () => GobValue): GobValue[] {
    const count = reader.uint();
    // each takes a byte at least
    if (count > reader.left) throw new GobError(`${count} items in ${reader.left} bytes`);
    return Array.from({ length: count }, read);
  }

  #value(reader: Reader, id: number, depth: number): GobValue {
    if (depth > DEEPEST) throw new GobError('values too deep in each other');
    switch (id) {
      case builtin.bool:
        return reader.uint() !== 0;
      case builtin.int:
        return reader.int();
      case builtin.uint:
        return reader.uint();
      case builtin.bytes:
        return reader.take(reader.uint()).slice();
      case builtin.string:
        return Buffer.from(reader.take(reader.uint())).toString('utf8');
      case FLOAT:
        throw new GobError('floating point numbers are not supported');
      case WIRE_TYPE:
        return this.#struct(reader, wireType);
    }
    const type = this.#types.get(id);
    if (type === undefined) throw new GobError(`a type ${id} that was not described`);
    switch (type.kind) {
      case 'struct': {
        const { fields } = type;
        return this.#fields(
          reader,
          fields.map(({ name }) => name),
          (i) => this.#value(reader, (fields[i] as { id: number }).id, depth + 1),
        );
      }
      case 'slice':
      case 'array':
        return this.#items(reader, () => this.#value(reader, type.element, depth + 1));
      case 'map': {
        const pairs = this.#items(reader, () => [
          this.#value(reader, type.key, depth + 1),
          this.#value(reader, type.element, depth + 1),
        ]);
        return new Map(pairs as [GobValue, GobValue][]);
      }
      case 'opaque':
        return reader.take(reader.uint()).slice();
    }
  }
}
