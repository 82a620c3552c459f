import type { Message, TypeData } from '../schema/definition.js';
import { MESSAGE_HEADER_LENGTH } from './constants.js';
import { DecodeError } from './errors.js';
import { COLUMN_WORDS, stops } from './layout.js';
import { type LeafReader, layoutOf, leafReader } from './leaves.js';
import { Source } from './machine.js';
import { type CompiledMessage, type Registry, registry } from './registry.js';
import { type CompiledSet, type Field, fixedSize } from './table.js';

type Values =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array;

/** One field of many messages. */
export interface Column {
  readonly name: string;
  /**
   * Numbers in host byte order, one a row (0 where absent); or bytes, `width` a row; or, where `ends` is there,
   * the bytes of all rows one after the other.
   */
  readonly values: Values;
  /** Bytes of a row's value; 0 where they vary. */
  readonly width: number;
  /** Bytes that are there of each row's value: 0 where the message lacks the attribute. Missing for header fields. */
  readonly lengths?: Uint8Array;
  /** Where each row's bytes end in `values`. */
  readonly ends?: Uint32Array;
  /** The row's value as decoding to an object gives it; `undefined` where the message lacks it. */
  get(row: number): unknown;
}

export type Columns<N extends string> = { readonly [name in N]: Column } & { readonly rowCount: number };

const STAGED_ROWS = 2048;
const COLUMN_HEADER = 0;
const COLUMN_ATTRIBUTE = 1;
const COLUMN_BIG_ENDIAN = 1;
const WIDEST = 32;

/** A column being filled: staged in the module's memory, kept in arrays of its own. */
class Sink {
  readonly name: string;
  readonly type: TypeData;
  readonly header: boolean;
  /** Offset in the message, or the numbers of the attributes on the way. */
  readonly place: number | readonly number[];
  /** Bytes a row, 0 varying. */
  width: number;
  readonly widens: boolean;
  source = new Source(new ArrayBuffer(0));
  lengths = new Uint8Array(0);
  ends = new Uint32Array(0);
  heapUsed = 0;
  /** Bytes of the staging heap of a varying column. */
  heapRoom = 64 * 1024;
  pathAddress = 0;
  stagedValues = 0;
  stagedLengths = 0;

  constructor(name: string, type: TypeData, place: number | readonly number[]) {
    this.name = name;
    this.type = type;
    this.place = place;
    this.header = typeof place === 'number';
    this.widens = type.kind === 'binary' && type.format === 'ip' && type.length === undefined;
    this.width = this.widens ? 4 : type.kind === 'flag' ? 1 : type.kind === 'struct' ? 0 : fixedSize(type);
  }

  get bigEndian(): boolean {
    return this.type.kind === 'integer' && this.type.bigEndian;
  }

  /** Makes room for `rows`, and for `bytes` in the heap of a varying column. */
  reserve(rows: number, bytes: number): void {
    const needed = this.width === 0 ? this.heapUsed + bytes : rows * this.width;
    if (needed > this.source.u8.length) {
      const grown = new Source(new ArrayBuffer((Math.max(needed, this.source.u8.length * 2, 4096) + 7) & ~7));
      grown.u8.set(this.source.u8);
      this.source = grown;
    }
    if (this.width === 0 ? rows > this.ends.length : !this.header && rows > this.lengths.length) {
      const room = Math.max(rows, this.ends.length * 2, this.lengths.length * 2, 1024);
      if (this.width === 0) {
        const grown = new Uint32Array(room);
        grown.set(this.ends);
        this.ends = grown;
      } else {
        const grown = new Uint8Array(room);
        grown.set(this.lengths);
        this.lengths = grown;
      }
    }
  }

  /** Doubles the width (4 to 16 first) of the rows kept so far. */
  widen(rows: number): void {
    const before = this.width;
    if (!this.widens || before >= WIDEST) {
      throw new DecodeError('ERR_COLUMN_WIDTH', `a value of ${this.name} is longer than ${before} bytes`);
    }
    const old = this.source.u8;
    this.width = before === 4 ? 16 : WIDEST;
    this.source = new Source(new ArrayBuffer(Math.max(rows, 64) * this.width));
    for (let row = 0; row < rows; row++) {
      this.source.u8.set(old.subarray(row * before, (row + 1) * before), row * this.width);
    }
  }

  column(rows: number): Column {
    const { type, source, lengths, ends, width, header } = this;
    const read = nativeReader(type);
    if (width === 0) {
      const get = (row: number): unknown => {
        const start = row === 0 ? 0 : (ends[row - 1] as number);
        const end = ends[row] as number;
        return start === end ? undefined : read(source, start, end - start);
      };
      return {
        name: this.name,
        values: source.u8.subarray(0, this.heapUsed),
        width,
        ends: ends.subarray(0, rows),
        get: (row) => get(checked(row, rows)),
      };
    }
    const get = header
      ? (row: number) => read(source, checked(row, rows) * width, width)
      : (row: number) => {
          const length = lengths[checked(row, rows)] as number;
          return length === 0 ? undefined : read(source, row * width, length);
        };
    const values = valuesOf(type, width, source, rows);
    return header
      ? { name: this.name, values, width, get }
      : { name: this.name, values, width, lengths: lengths.subarray(0, rows), get };
  }
}

function checked(row: number, rows: number): number {
  if (!(row >= 0 && row < rows)) throw new RangeError(`row ${row} of ${rows}`);
  return row;
}

/** Columns hold numbers in host byte order. */
function nativeReader(type: TypeData): LeafReader {
  return leafReader(type.kind === 'integer' && type.bigEndian ? { ...type, bigEndian: false } : type);
}

function valuesOf(type: TypeData, width: number, { u8: { buffer } }: Source, rows: number): Values {
  if (type.kind === 'integer') {
    if (width === 2) return type.signed ? new Int16Array(buffer, 0, rows) : new Uint16Array(buffer, 0, rows);
    if (width === 4) return type.signed ? new Int32Array(buffer, 0, rows) : new Uint32Array(buffer, 0, rows);
    if (width === 8)
      return type.signed ? new BigInt64Array(buffer, 0, rows) : new BigUint64Array(buffer, 0, rows);
    if (type.signed) return new Int8Array(buffer, 0, rows);
  }
  return new Uint8Array(buffer, 0, rows * width);
}

/** Reads chosen fields of many messages of one kind into arrays; may be filled from several blocks, and reused. */
export class ColumnReader<N extends string = string> {
  readonly #registry: Registry;
  readonly #message: CompiledMessage;
  readonly #directory: number;
  readonly #sinks: readonly Sink[];
  #rows = 0;
  #list = 0;
  #laidOut = false;

  /**
   * `names` are attributes (`dst`, `linkinfo.kind`) or, where there is no such attribute or with `header.` before
   * it, fields of the header (`dstLen`, `header.table`). Throws DecodeError `ERR_UNKNOWN_COLUMN`.
   */
  constructor(message: Message, names: readonly N[], owner: Registry = registry()) {
    this.#registry = owner;
    this.#message = owner.compile(message);
    this.#directory = owner.directory(message.protocol);
    this.#sinks = names.map((name) => sinkOf(this.#message, name));
  }

  get rowCount(): number {
    return this.#rows;
  }

  /** Forgets the rows but keeps the arrays: those of columns handed out before are overwritten. */
  clear(): void {
    this.#rows = 0;
    for (const sink of this.#sinks) sink.heapUsed = 0;
  }

  /** Reads the messages of a block; those of other kinds are passed over. */
  push(bytes: Uint8Array): void {
    const { machine } = this.#registry;
    if (bytes.buffer === machine.memory.u8.buffer) {
      this.pushLoaded(bytes.byteOffset, bytes.length);
      return;
    }
    machine.loadPieces(bytes, (address, length) => this.pushLoaded(address, length));
  }

  /** `push` for a block that is in the module's memory already; returns the bytes of whole messages. */
  pushLoaded(address: number, length: number): number {
    const { machine } = this.#registry;
    const { exports } = machine;
    const end = address + length;
    let at = address;
    let single = false;
    while (at < end) {
      this.#layOut();
      const rows = exports.columns(
        this.#directory,
        this.#message.identifier,
        at,
        end,
        this.#list,
        this.#sinks.length,
        0,
        STAGED_ROWS,
      );
      const stop = exports.columnsStop.value;
      const moved = exports.columnsPosition.value;
      this.#keep(rows);
      if (stop === stops.arena) {
        machine.makeRoomForShapes(moved === at && single);
        single = moved === at;
      } else if (stop === stops.heap && rows === 0) this.#growHeaps();
      else if (stop === stops.width) this.#widen();
      at = moved;
      if (stop === stops.partial) break;
    }
    return at - address;
  }

  /** What was read so far. */
  columns(): Columns<N> {
    const out: Record<string, unknown> = { rowCount: this.#rows };
    for (const sink of this.#sinks) out[sink.name] = sink.column(this.#rows);
    return out as Columns<N>;
  }

  /** Writes the columns' descriptions and their staging areas to the module's memory. */
  #layOut(): void {
    const { machine } = this.#registry;
    if (this.#laidOut && this.#list === machine.columns.address && machine.columnsOwner === this) return;
    let size = this.#sinks.length * COLUMN_WORDS * 4;
    const take = (bytes: number): number => {
      size = (size + 15) & ~15;
      const at = size;
      size += bytes;
      return at;
    };
    const offsets = this.#sinks.map((sink) => ({
      path: take(typeof sink.place === 'number' ? 0 : 4 + sink.place.length * 4),
      values: take(sink.width === 0 ? sink.heapRoom : STAGED_ROWS * sink.width),
      lengths: take(sink.width === 0 ? STAGED_ROWS * 4 : sink.header ? 0 : STAGED_ROWS),
    }));
    const list = machine.columns.reserve(size);
    const { u32 } = machine.memory;
    this.#sinks.forEach((sink, i) => {
      const at = (list >> 2) + i * COLUMN_WORDS;
      const offset = offsets[i] as (typeof offsets)[number];
      sink.stagedValues = list + offset.values;
      sink.stagedLengths = list + offset.lengths;
      if (typeof sink.place !== 'number') {
        u32[(list + offset.path) >> 2] = sink.place.length;
        u32.set(sink.place, ((list + offset.path) >> 2) + 1);
      }
      u32[at] = sink.header ? COLUMN_HEADER : COLUMN_ATTRIBUTE;
      u32[at + 1] = typeof sink.place === 'number' ? sink.place : list + offset.path;
      u32[at + 2] = sink.width;
      u32[at + 3] = sink.stagedValues;
      u32[at + 4] = sink.width !== 0 && sink.header ? 0 : sink.stagedLengths;
      u32[at + 5] = sink.bigEndian ? COLUMN_BIG_ENDIAN : 0;
      u32[at + 8] = 0;
      u32[at + 9] = sink.heapRoom;
    });
    this.#list = list;
    this.#laidOut = true;
    machine.columnsOwner = this;
  }

  /** Takes staged rows over. */
  #keep(rows: number): void {
    if (rows === 0) return;
    const { u8, u32 } = this.#registry.machine.memory;
    const before = this.#rows;
    for (const sink of this.#sinks) {
      if (sink.width === 0) {
        const staged = u32.subarray(sink.stagedLengths >> 2, (sink.stagedLengths >> 2) + rows);
        const bytes = staged[rows - 1] as number;
        sink.reserve(before + rows, bytes);
        sink.source.u8.set(u8.subarray(sink.stagedValues, sink.stagedValues + bytes), sink.heapUsed);
        for (let i = 0; i < rows; i++) sink.ends[before + i] = sink.heapUsed + (staged[i] as number);
        sink.heapUsed += bytes;
      } else {
        sink.reserve(before + rows, 0);
        sink.source.u8.set(
          u8.subarray(sink.stagedValues, sink.stagedValues + rows * sink.width),
          before * sink.width,
        );
        if (!sink.header)
          sink.lengths.set(u8.subarray(sink.stagedLengths, sink.stagedLengths + rows), before);
      }
    }
    this.#rows += rows;
  }

  #growHeaps(): void {
    for (const sink of this.#sinks) if (sink.width === 0) sink.heapRoom *= 2;
    this.#laidOut = false;
  }

  #widen(): void {
    const sinks = this.#sinks.filter((sink) => sink.widens && sink.width < WIDEST);
    if (sinks.length === 0) {
      throw new DecodeError('ERR_COLUMN_WIDTH', 'a value is longer than its column is wide');
    }
    for (const sink of sinks) sink.widen(this.#rows);
    this.#laidOut = false;
  }
}

function sinkOf(message: CompiledMessage, name: string): Sink {
  const path = name.split('.');
  if (path[0] !== 'header') {
    const found = attributeAt(message.set, path);
    if (found !== undefined) return new Sink(name, found.type, found.numbers);
  }
  const wanted = path[0] === 'header' ? path.slice(1).join('.') : name;
  const field = layoutOf(message.definition.header).find((candidate) => candidate.name === wanted);
  if (field !== undefined && field.size > 0)
    return new Sink(name, field.type, MESSAGE_HEADER_LENGTH + field.at);
  throw new DecodeError(
    'ERR_UNKNOWN_COLUMN',
    `${message.definition.name} has no field or attribute '${name}' that could be a column`,
  );
}

function attributeAt(
  set: CompiledSet,
  path: readonly string[],
): { type: TypeData; numbers: number[] } | undefined {
  const numbers: number[] = [];
  let here: CompiledSet | undefined = set;
  for (const [i, key] of path.entries()) {
    const field: Field | undefined = here?.byName.get(key);
    if (field === undefined || field.list) return undefined;
    numbers.push(field.number);
    if (i === path.length - 1) return isLeaf(field.type) ? { type: field.type, numbers } : undefined;
    here = field.type.kind === 'nest' ? field.set : undefined;
  }
  return undefined;
}

function isLeaf({ kind }: TypeData): boolean {
  return !['nest', 'indexed', 'keyed', 'list', 'choice', 'embedded', 'sequence'].includes(kind);
}

/**
 * A buffer inside the module's memory, to be filled with messages: what is there is decoded to columns where it
 * stands, without a copy. It is good until the next call into the codec that is not about it.
 */
export function inputBuffer(length: number, owner: Registry = registry()): Uint8Array {
  const { machine } = owner;
  const address = machine.input.reserve(length + 16);
  return machine.memory.u8.subarray(address, address + length);
}

/** Decodes chosen fields of all messages of one kind in a block. See `ColumnReader`. */
export function decodeColumns<N extends string>(
  message: Message,
  bytes: Uint8Array,
  names: readonly N[],
): Columns<N> {
  const reader = new ColumnReader(message, names);
  reader.push(bytes);
  return reader.columns();
}
