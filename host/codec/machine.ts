import { instantiateSync } from '@assemblyscript/loader';
import { wasmBase64 } from './generated/wasm.js';

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
interface Global {
  readonly value: number;
}

/** What assembly/index.ts exports. Addresses and lengths are bytes. */
interface Exports extends Record<string, unknown> {
  readonly memory: Memory;
  readonly position: Global;
  readonly surveyed: Global;
  readonly columnsPosition: Global;
  readonly columnsStop: Global;
  readonly columnsSkipped: Global;
  heapBase(): number;
  setArena(start: number, end: number): void;
  forgetShapes(): void;
  scan(directory: number, at: number, end: number, out: number, limit: number): number;
  survey(at: number, end: number, sequence: number, out: number, limit: number): number;
  columns(
    directory: number,
    identifier: number,
    at: number,
    end: number,
    list: number,
    count: number,
    row: number,
    limit: number,
  ): number;
  encode(
    program: number,
    end: number,
    header: number,
    out: number,
    outEnd: number,
    typeAndFlags: number,
    sequence: number,
    port: number,
  ): number;
  replicate(
    template: number,
    length: number,
    count: number,
    patches: number,
    patchesEnd: number,
    out: number,
    sequence: number,
  ): void;
  locate(shape: number, offset: number, out: number, limit: number): number;
}

/** Bytes with the views that readers need; addresses are offsets into `u8`, messages begin at multiples of 4. */
export class Source {
  u8: Uint8Array;
  u16: Uint16Array;
  u32: Uint32Array;
  view: DataView;
  constructor(buffer: ArrayBufferLike) {
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer, 0, buffer.byteLength >> 1);
    this.u32 = new Uint32Array(buffer, 0, buffer.byteLength >> 2);
    this.view = new DataView(buffer);
  }
}

/** A piece of the module's memory that can grow: by moving, so its address is only good until the next `reserve`. */
export class Region {
  address = 0;
  capacity = 0;
  readonly #machine: Machine;
  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Makes room for `bytes`; what was there is copied along when `keep` is set. */
  reserve(bytes: number, keep = false): number {
    if (bytes > this.capacity) {
      const capacity = Math.max(bytes, this.capacity * 2, 4096);
      const address = this.#machine.allocate(capacity);
      if (keep) this.#machine.memory.u8.copyWithin(address, this.address, this.address + this.capacity);
      this.address = address;
      this.capacity = capacity;
    }
    return this.address;
  }
}

const PAGE = 65_536;

/** Bytes of a block that are in the module's memory at a time: what a processor's cache holds. A multiple of 4. */
const PIECE = 128 * 1024;
const ARENA = 256 * 1024;

/** Where there is a Buffer it is ten times as fast as atob, which counts in a process of one call. */
function fromBase64(text: string): Uint8Array {
  if (typeof Buffer === 'function') return Buffer.from(text, 'base64');
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** One instance of the module and the layout of its memory. */
export class Machine {
  readonly exports: Exports;
  /** The module's memory; its views are renewed whenever it grows, so never keep one across an allocation. */
  readonly memory: Source;
  /** Where datagrams are put to be read. */
  readonly input: Region;
  readonly records: Region;
  /** The program of the message being encoded. */
  readonly program: Region;
  /** Where encoded messages are put. */
  readonly output: Region;
  readonly columns: Region;
  /** Whose descriptions the columns region holds. */
  columnsOwner: object | undefined;
  /** Rises when shapes are forgotten: what refers to one is void then. */
  generation = 0;
  #free: number;
  #arena: number;
  #loaded: object | undefined;

  constructor() {
    this.exports = instantiateSync<Exports>(fromBase64(wasmBase64)).exports;
    this.memory = new Source(this.exports.memory.buffer);
    this.#free = (this.exports.heapBase() + 15) & ~15;
    this.#arena = ARENA;
    const start = this.allocate(this.#arena);
    this.exports.setArena(start, start + this.#arena);
    this.input = new Region(this);
    this.records = new Region(this);
    this.program = new Region(this);
    this.output = new Region(this);
    this.columns = new Region(this);
  }

  /** Takes `bytes` of memory for good; returns their address, a multiple of 16. */
  allocate(bytes: number): number {
    const address = this.#free;
    const end = address + ((bytes + 15) & ~15);
    const { memory } = this.exports;
    const there = memory.buffer.byteLength;
    if (end > there) {
      memory.grow(Math.ceil((end - there) / PAGE));
      Object.assign(this.memory, new Source(memory.buffer));
    }
    this.#free = end;
    return address;
  }

  /** Copies `bytes` to the input region, unless they are there already; returns their address. */
  load(bytes: Uint8Array, owner?: object): number {
    if (owner !== undefined && this.#loaded === owner) return this.input.address;
    const address = this.input.reserve(bytes.length + 16);
    this.memory.u8.set(bytes, address);
    this.#loaded = owner;
    return address;
  }

  /**
   * Loads a block piece by piece. `take` gets where a piece lies in the module's memory, its bytes, how many bytes of
   * the block are before it, and whether it is the last; it returns how many bytes it has used, which are whole
   * messages.
   */
  loadPieces(
    bytes: Uint8Array,
    take: (address: number, length: number, before: number, final: boolean) => number,
  ): void {
    let piece = PIECE;
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(piece, bytes.length - at);
      const final = at + length === bytes.length;
      const used = take(
        this.load(length === bytes.length ? bytes : bytes.subarray(at, at + length)),
        length,
        at,
        final,
      );
      if (final) break;
      // a message that is longer than a piece
      piece = used === 0 ? piece * 2 : PIECE;
      at += used;
    }
  }

  forgetShapes(): void {
    this.generation++;
    this.exports.forgetShapes();
  }

  /** The shapes' arena was full: forgets them, and makes it larger when a single message filled it. */
  makeRoomForShapes(single: boolean): void {
    this.generation++;
    if (single) {
      this.#arena *= 2;
      const start = this.allocate(this.#arena);
      this.exports.setArena(start, start + this.#arena);
    } else this.exports.forgetShapes();
  }
}

let shared: Machine | undefined;

/** The instance that the whole process shares; made at first use. */
export function machine(): Machine {
  shared ??= new Machine();
  return shared;
}
