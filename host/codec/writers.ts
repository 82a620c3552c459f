import type { IntegerType, TypeData } from '../schema/definition.js';
import { compileSetWriter, type SetWriter } from './compiled-writers.js';
import { NESTED_FLAG } from './constants.js';
import { EncodeError } from './errors.js';
import { KeyOrders } from './key-order.js';
import { operations, SIZE_BIG_ENDIAN } from './layout.js';
import type { Machine } from './machine.js';
import { placer, structLength, structWriter, writeStruct } from './structs.js';
import { type CompiledSet, type Field, fixedSize } from './table.js';
import { isAscii } from './text.js';
import { bytesValue, integerValue, invalid, shown, textValue, wideValue } from './values.js';

/** A message as the module will write it: steps, see assembly/encode.ts. */
export class Program {
  readonly machine: Machine;
  /** Bytes written. */
  length = 0;
  constructor(owner: Machine) {
    this.machine = owner;
  }

  /** Takes room for `bytes` (a multiple of 4) and returns its address, good until the next call. */
  room(bytes: number): number {
    const { program } = this.machine;
    const at = this.length;
    this.length = at + bytes;
    return (this.length <= program.capacity ? program.address : program.reserve(this.length, true)) + at;
  }

  /** Makes room for `bytes`, which are not taken yet; returns their address, good until the next call. */
  begin(bytes: number): number {
    const at = this.room(bytes);
    this.length -= bytes;
    return at;
  }

  /** Takes the bytes up to an address. */
  end(address: number): void {
    this.length = address - this.machine.program.address;
  }

  number(type: number, size: number, value: number): void {
    const at = this.room(8) >> 2;
    const { u32 } = this.machine.memory;
    u32[at] = type | (operations.number << 16) | (size << 24);
    u32[at + 1] = value;
  }

  wide(type: number, value: bigint, bigEndian: boolean): void {
    const at = this.room(12) >> 2;
    const { u32 } = this.machine.memory;
    u32[at] = type | (operations.wide << 16) | ((bigEndian ? 8 | SIZE_BIG_ENDIAN : 8) << 24);
    u32[at + 1] = Number(value & 0xffff_ffffn);
    u32[at + 2] = Number(value >> 32n);
  }

  bytes(type: number, bytes: Uint8Array): void {
    const { length } = bytes;
    if (length === 4) {
      const at = this.room(12) >> 2;
      const { u32 } = this.machine.memory;
      u32[at] = type | (operations.bytes << 16);
      u32[at + 1] = 4;
      u32[at + 2] =
        (bytes[0] as number) |
        ((bytes[1] as number) << 8) |
        ((bytes[2] as number) << 16) |
        ((bytes[3] as number) << 24);
      return;
    }
    const at = this.space(operations.bytes, type, length);
    if (length > 32) this.machine.memory.u8.set(bytes, at);
    else {
      const { u8 } = this.machine.memory;
      for (let i = 0; i < length; i++) u8[at + i] = bytes[i] as number;
    }
  }

  /** A step with `length` bytes, zero for now; returns their address. */
  space(operation: number, type: number, length: number): number {
    const words = (length + 3) >> 2;
    const address = this.room(8 + words * 4);
    const { u32 } = this.machine.memory;
    const at = address >> 2;
    u32[at] = type | (operation << 16);
    u32[at + 1] = length;
    for (let i = at + 2; i < at + 2 + words; i++) u32[i] = 0;
    return address + 8;
  }

  open(type: number): void {
    this.space(operations.open, type, 0);
  }

  close(): void {
    this.machine.memory.u32[this.room(4) >> 2] = operations.close << 16;
  }
}

type Plain = Readonly<Record<string, unknown>>;

/** Writes a field's value under `type` (nla_type). `siblings` and `header` are where selectors of choices look. */
export type FieldWriter = (
  program: Program,
  type: number,
  value: unknown,
  siblings: Plain,
  header: Plain,
) => void;

/** Writes the attributes of `values`; a number as key stands for nla_type itself, with bytes as they are. */
export function writeSet(program: Program, set: CompiledSet, values: unknown, header: Plain): void {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw invalid(`expected an object of attributes, got ${shown(values)}`);
  }
  const given = values as Plain;
  set.orders ??= ordersOf(set);
  const writer = set.orders.writerFor(given);
  if (writer !== undefined) {
    writer(program, given, header);
    return;
  }
  for (const key in given) {
    const value = given[key];
    if (value === undefined) continue;
    const field = set.byName.get(key);
    try {
      if (field === undefined) writeRaw(program, set, key, value);
      else if (field.list) writeList(program, field, value, given, header);
      else fieldWriter(field)(program, field.number, value, given, header);
    } catch (error) {
      throw error instanceof EncodeError ? error.within(key) : error;
    }
  }
}

function ordersOf(set: CompiledSet): KeyOrders<SetWriter> {
  return new KeyOrders<SetWriter>(
    (key) => set.byName.has(key),
    (keys) =>
      compileSetWriter(
        keys.map((key) => set.byName.get(key) as Field),
        anyWriter,
        codedSize,
      ),
  );
}

/** What writes an attribute, however often it may stand. */
function anyWriter(field: Field): FieldWriter {
  if (!field.list) return fieldWriter(field);
  return (program, _number, value, siblings, header) => writeList(program, field, value, siblings, header);
}

/** The size of an integer as the module reads it, of at most 4 bytes. */
function codedSize({ size, bigEndian }: IntegerType): number {
  return bigEndian && size > 1 ? size | SIZE_BIG_ENDIAN : size;
}

function writeRaw(program: Program, set: CompiledSet, key: string, value: unknown): void {
  const type = Number(key);
  if (!Number.isInteger(type) || type < 0 || type > 0xffff) {
    throw new EncodeError('ERR_UNKNOWN_ATTRIBUTE', '', `no such attribute in ${set.name}`);
  }
  for (const bytes of Array.isArray(value) ? (value as unknown[]) : [value]) {
    if (!(bytes instanceof Uint8Array)) throw invalid(`expected bytes, got ${shown(bytes)}`);
    program.bytes(type, bytes);
  }
}

function writeList(program: Program, field: Field, value: unknown, siblings: Plain, header: Plain): void {
  if (!Array.isArray(value)) throw invalid(`expected an array, got ${shown(value)}`);
  const write = fieldWriter(field);
  value.forEach((item: unknown, i) => {
    at(i, () => write(program, field.number, item, siblings, header));
  });
}

function at(index: number | string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw error instanceof EncodeError ? error.within(`[${index}]`) : error;
  }
}

function fieldWriter(field: Field): FieldWriter {
  field.writer ??= compile(field);
  return field.writer;
}

function compile(field: Field): FieldWriter {
  const { type } = field;
  switch (type.kind) {
    case 'integer':
      return integerWriter(type);
    case 'autoInteger':
      return (program, number, value) => {
        const wide = wideValue(type, value);
        const signed = BigInt.asIntN(64, wide);
        const fits = type.signed ? BigInt.asIntN(32, signed) === signed : wide <= 0xffff_ffffn;
        if (fits) program.number(number, 4, Number(BigInt.asUintN(32, wide)));
        else program.wide(number, wide, false);
      };
    case 'string':
      return writeText;
    case 'flag':
      return (program, number, value) => {
        if (value === true) program.space(operations.bytes, number, 0);
        else if (value !== false) throw invalid(`expected true or false, got ${shown(value)}`);
      };
    case 'binary':
      return (program, number, value) => program.bytes(number, bytesValue(type, value));
    case 'bitfield32': {
      const place = placer(type);
      return (program, number, value) => {
        const address = program.space(operations.bytes, number, 8);
        place(program.machine.memory, address, value);
      };
    }
    case 'struct': {
      const writer = structWriter(type.struct);
      return (program, number, value) => {
        const address = program.space(operations.bytes, number, structLength(writer, value));
        writeStruct(program.machine.memory, address, writer, value);
      };
    }
    case 'array':
      return arrayWriter(type.element);
    case 'nest': {
      const set = field.set as CompiledSet;
      return (program, number, value, _siblings, header) => {
        program.open(number | NESTED_FLAG);
        writeSet(program, set, value, header);
        program.close();
      };
    }
    case 'embedded':
      return (program, number, value, _siblings, header) => {
        writePart(program, operations.open, number, field, value, header);
      };
    case 'sequence':
      return (program, number, value, _siblings, header) => {
        if (!Array.isArray(value)) throw invalid(`expected an array, got ${shown(value)}`);
        program.open(number);
        value.forEach((record: unknown, i) => {
          at(i, () => writePart(program, operations.record, 0, field, record, header));
        });
        program.close();
      };
    case 'indexed':
      return (program, number, value, siblings, header) => {
        if (!Array.isArray(value)) throw invalid(`expected an array, got ${shown(value)}`);
        program.open(number | NESTED_FLAG);
        value.forEach((item: unknown, i) => {
          at(i, () => writeElement(program, field.element as Field, type.first + i, item, siblings, header));
        });
        program.close();
      };
    case 'keyed':
      return (program, number, value, siblings, header) => {
        if (typeof value !== 'object' || value === null)
          throw invalid(`expected an object, got ${shown(value)}`);
        program.open(number | NESTED_FLAG);
        for (const [key, item] of Object.entries(value)) {
          at(key, () => writeElement(program, field.element as Field, Number(key), item, siblings, header));
        }
        program.close();
      };
    case 'choice':
      return choiceWriter(field, type.selector);
    case 'list':
      throw new TypeError(`${field.name}: a list cannot stand inside another type`);
  }
}

function writeElement(
  program: Program,
  element: Field,
  number: number,
  value: unknown,
  siblings: Plain,
  header: Plain,
): void {
  if (value instanceof Uint8Array && element.type.kind !== 'binary') program.bytes(number, value);
  else fieldWriter(element)(program, number, value, siblings, header);
}

/** An embedded set or a sequence's record: a struct, then attributes. */
function writePart(
  program: Program,
  operation: number,
  number: number,
  field: Field,
  value: unknown,
  header: Plain,
): void {
  const { type } = field;
  if (type.kind !== 'embedded' && type.kind !== 'sequence') return;
  if (typeof value !== 'object' || value === null)
    throw invalid(`expected { header, attributes }, got ${shown(value)}`);
  const part = value as { header?: unknown; attributes?: unknown };
  const writer = structWriter(type.struct);
  const address = program.space(operation, number, structLength(writer, part.header));
  if (part.header !== undefined) {
    try {
      writeStruct(program.machine.memory, address, writer, part.header);
    } catch (error) {
      throw error instanceof EncodeError ? error.within('header') : error;
    }
  }
  if (part.attributes !== undefined) {
    try {
      writeSet(program, field.set as CompiledSet, part.attributes, header);
    } catch (error) {
      throw error instanceof EncodeError ? error.within('attributes') : error;
    }
  }
  program.close();
}

function integerWriter(type: IntegerType): FieldWriter {
  const { size, bigEndian } = type;
  if (size === 8) return (program, number, value) => program.wide(number, wideValue(type, value), bigEndian);
  const coded = codedSize(type);
  return (program, number, value) => program.number(number, coded, integerValue(type, value));
}

const writeText: FieldWriter = (program, number, value) => {
  if (typeof value === 'string' && value.length <= 64 && isAscii(value)) {
    const address = program.space(operations.bytes, number, value.length + 1);
    const { u8 } = program.machine.memory;
    for (let i = 0; i < value.length; i++) u8[address + i] = value.charCodeAt(i);
  } else program.bytes(number, textValue(value));
};

function arrayWriter(element: TypeData): FieldWriter {
  const size = fixedSize(element);
  const place = placer(element);
  return (program, number, value) => {
    if (!Array.isArray(value)) throw invalid(`expected an array, got ${shown(value)}`);
    const address = program.space(operations.bytes, number, size * value.length);
    value.forEach((item: unknown, i) => {
      at(i, () => place(program.machine.memory, address + i * size, item));
    });
  };
}

function choiceWriter(field: Field, selector: string): FieldWriter {
  const names = field.variantNames as readonly string[];
  const variants = field.variants as readonly Field[];
  const fromHeader = selector.startsWith('header.') ? selector.slice('header.'.length) : undefined;
  return (program, number, value, siblings, header) => {
    const selected = fromHeader === undefined ? siblings[selector] : header[fromHeader];
    const position = selected === undefined ? -1 : names.indexOf(String(selected));
    const variant = position < 0 ? field.otherwise : variants[position];
    if (value instanceof Uint8Array) {
      program.bytes(variant !== undefined && isNest(variant) ? number | NESTED_FLAG : number, value);
      return;
    }
    if (variant === undefined) {
      const reason =
        selected === undefined
          ? `needs ${selector} beside it`
          : `cannot be read for ${selector} ${shown(selected)}`;
      throw new EncodeError(
        'ERR_MISSING_SELECTOR',
        '',
        `${reason}; give bytes, or ${selector} as one of ${names.join(', ')}`,
      );
    }
    fieldWriter(variant)(program, number, value, siblings, header);
  };
}

function isNest({ type }: Field): boolean {
  return type.kind === 'nest' || type.kind === 'indexed' || type.kind === 'keyed';
}
