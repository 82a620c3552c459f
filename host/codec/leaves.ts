import type { IntegerType, Names, Struct, TypeData, Wide } from '../schema/definition.js';
import type { Source } from './machine.js';
import { fixedSize } from './table.js';
import { formatIpv4, formatIpv6, formatMac } from './text.js';

/** Reads a value from its bytes: `length` of them at `at`. */
export type LeafReader = (source: Source, at: number, length: number) => unknown;

const decoder = new TextDecoder();
const cache = new Map<TypeData, LeafReader>();

/** The reader of a type without attributes below it. */
export function leafReader(type: TypeData): LeafReader {
  const known = cache.get(type);
  if (known !== undefined) return known;
  const reader = compile(type);
  cache.set(type, reader);
  return reader;
}

function compile(type: TypeData): LeafReader {
  switch (type.kind) {
    case 'integer':
      return integerReader(type);
    case 'autoInteger':
      return (source, at, length) =>
        length === 8 ? wide(source, at, type.signed) : word(source, at, type.signed);
    case 'string':
      return type.length === undefined ? readString : readChars;
    case 'flag':
      return () => true;
    case 'bitfield32': {
      const names = flagsReader(type.names ?? {});
      return (source, at) => ({
        value: names(source.view.getUint32(at, true)),
        selector: names(source.view.getUint32(at + 4, true)),
      });
    }
    case 'struct':
      return structReader(type.struct);
    case 'array':
      return arrayReader(type.element);
    case 'binary':
      if (type.format === 'ip') return readIp;
      if (type.format === 'mac') return (source, at, length) => formatMac(source.u8, at, length);
      return readBytes;
    default:
      return readBytes;
  }
}

export const readBytes: LeafReader = (source, at, length) => source.u8.slice(at, at + length);

const readIp: LeafReader = (source, at, length) => {
  if (length === 4) return formatIpv4(source.u8, at);
  if (length === 16) return formatIpv6(source.u8, at);
  return formatMac(source.u8, at, length);
};

const readString: LeafReader = (source, at, length) => {
  const { u8 } = source;
  let end = at + length;
  while (end > at && u8[end - 1] === 0) end--;
  let text = '';
  for (let i = at; i < end; i++) {
    const byte = u8[i] as number;
    if (byte > 126 || byte === 0) return decoder.decode(u8.subarray(at, end));
    text += String.fromCharCode(byte);
  }
  return text;
};

/** Text in a field of its own length: what is behind the first NUL does not count. */
const readChars: LeafReader = (source, at, length) => {
  const end = source.u8.indexOf(0, at);
  return readString(source, at, end < 0 || end > at + length ? length : end - at);
};

function word(source: Source, at: number, signed: boolean): number {
  return signed ? source.view.getInt32(at, true) : source.view.getUint32(at, true);
}

function wide(source: Source, at: number, signed: boolean, littleEndian = true): Wide {
  const value = signed
    ? source.view.getBigInt64(at, littleEndian)
    : source.view.getBigUint64(at, littleEndian);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The plain number of an integer type. */
export function numberReader(type: IntegerType): LeafReader {
  const { size, signed, bigEndian } = type;
  if (size === 1) return signed ? (source, at) => source.view.getInt8(at) : (source, at) => source.u8[at];
  if (size === 2) {
    return signed
      ? (source, at) => source.view.getInt16(at, !bigEndian)
      : (source, at) => source.view.getUint16(at, !bigEndian);
  }
  if (size === 4) {
    return signed
      ? (source, at) => source.view.getInt32(at, !bigEndian)
      : (source, at) => source.view.getUint32(at, !bigEndian);
  }
  return (source, at) => wide(source, at, signed, !bigEndian);
}

function integerReader(type: IntegerType): LeafReader {
  const number = numberReader(type);
  if (type.names === undefined) return number;
  if (type.as === 'flags') {
    const names = flagsReader(type.names);
    return (source, at, length) => names(number(source, at, length) as number);
  }
  const byNumber = new Map(Object.entries(type.names).map(([name, value]) => [value, name]));
  return (source, at, length) => {
    const value = number(source, at, length) as number;
    return byNumber.get(value) ?? value;
  };
}

type FlagNames = readonly (string | number)[];

/** Names of the bits that are set, and one number for those without a name. Equal values share one frozen array. */
export function flagsReader(names: Names): (value: number | bigint) => FlagNames {
  const masks = Object.entries(names)
    .filter(([, mask]) => mask !== 0)
    .map(([name, mask]) => ({ name, mask: mask >>> 0 }));
  const none: FlagNames = Object.freeze([]);
  const seen = new Map<number, FlagNames>();
  const read = (value: number): FlagNames => {
    const found: (string | number)[] = [];
    let rest = value;
    for (const { name, mask } of masks) {
      if ((value & mask) >>> 0 === mask) {
        found.push(name);
        rest &= ~mask;
      }
    }
    if (rest >>> 0 !== 0) found.push(rest >>> 0);
    return Object.freeze(found);
  };
  return (value) => {
    if (value === 0) return none;
    if (typeof value === 'bigint') return [Number(value)];
    let found = seen.get(value);
    if (found === undefined) {
      found = read(value);
      if (seen.size < 256) seen.set(value, found);
    }
    return found;
  };
}

/** Fields of a struct with their places; a field of size 0 takes the rest. */
export function layoutOf(struct: Struct): { name: string; type: TypeData; at: number; size: number }[] {
  let at = 0;
  return Object.entries(struct.fields).map(([name, type]) => {
    const field = { name, type: type as TypeData, at, size: fixedSize(type) };
    at += field.size;
    return field;
  });
}

/** Reads as many fields as there are bytes for: an older kernel's struct is shorter, a newer one's longer. */
export function structReader(struct: Struct): LeafReader {
  const fields = layoutOf(struct)
    .filter(({ name }) => !name.startsWith('pad'))
    .map((field) => ({ ...field, read: leafReader(field.type) }));
  return (source, at, length) => {
    const out: Record<string, unknown> = {};
    for (const field of fields) {
      if (field.at + field.size > length) break;
      out[field.name] = field.read(source, at + field.at, field.size === 0 ? length - field.at : field.size);
    }
    return out;
  };
}

function arrayReader(element: TypeData): LeafReader {
  const size = fixedSize(element);
  const read = leafReader(element);
  return (source, at, length) => {
    const out: unknown[] = [];
    for (let i = 0; i + size <= length; i += size) out.push(read(source, at + i, size));
    return out;
  };
}
