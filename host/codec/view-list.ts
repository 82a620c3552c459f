import type { Message, Protocol } from '../schema/definition.js';
import { nodesOf, RECORD_WORDS, runWords, scanRecords } from './block.js';
import { TYPE_MASK } from './constants.js';
import { NODE_WORDS, RAW, STATUS_FLEETING } from './layout.js';
import { Source } from './machine.js';
import { type Registry, registry } from './registry.js';
import type { ViewShape } from './view-getters.js';
import { View, type ViewOf } from './views.js';

const MAXIMUM_SHAPES = 4096;
const shapes = new Map<number, ViewShape>();
let shapesGeneration = -1;

/** The shape at an address of the module's memory, of messages of this length; `tail` is their record's word. */
function shapeOf(owner: Registry, at: number, serial: number, tail: number, length: number): ViewShape {
  const { memory, generation } = owner.machine;
  if (generation !== shapesGeneration || shapes.size > MAXIMUM_SHAPES) {
    shapes.clear();
    shapesGeneration = generation;
  }
  const kept = shapes.get(serial);
  if (kept !== undefined) return kept;
  const { words, first, count } = nodesOf(memory, at);
  const copy = words.slice(first, first + count * NODE_WORDS);
  const message = owner.messages[tail & 0xffff];
  const status = tail >>> 16;
  const known = message?.set.byNumber.length ?? 0;
  const slots = new Uint16Array(known);
  const places = new Uint32Array(2 * known);
  for (let node = 0; node < count; node = copy[node * NODE_WORDS + 3] as number) {
    const head = copy[node * NODE_WORDS] as number;
    const number = head & TYPE_MASK;
    if (head >>> 16 === RAW || number >= known || slots[number] !== 0) continue;
    slots[number] = node + 1;
    places[2 * number] = copy[node * NODE_WORDS + 1] as number;
    places[2 * number + 1] = copy[node * NODE_WORDS + 2] as number;
  }
  const shape: ViewShape = {
    words: copy,
    first: 0,
    count,
    slots,
    places,
    owner,
    message,
    length,
    status,
  };
  if ((status & STATUS_FLEETING) === 0) shapes.set(serial, shape);
  return shape;
}

/* Words of a run: number of its first message, address of that in its source, bytes from one to the next, numbers of shape and source. */
const FIRST = 0;
const ADDRESS = 1;
const STRIDE = 2;
const SHAPE = 3;
const SOURCE = 4;
const RUN_WORDS = 5;

/**
 * The messages of a dump. It keeps five numbers for each run of messages that are built the same; a view is made when
 * one is asked for, so that those that a loop has gone past cost nothing.
 */
export class ViewList<M extends Message> implements Iterable<ViewOf<M>> {
  #runs = new Uint32Array(16 * RUN_WORDS);
  #runCount = 0;
  #length = 0;
  #sources: Source[] = [];
  #shapes: ViewShape[] = [];
  #classes: (typeof View)[] = [];

  get length(): number {
    return this.#length;
  }

  /** The message with that number; negative ones count from the end. */
  at(index: number): ViewOf<M> | undefined {
    const row = Math.trunc(index < 0 ? this.#length + index : index);
    if (!(row >= 0 && row < this.#length)) return undefined;
    const runs = this.#runs;
    let low = 0;
    for (let high = this.#runCount - 1; low < high; ) {
      const middle = (low + high + 1) >> 1;
      if ((runs[middle * RUN_WORDS + FIRST] as number) <= row) low = middle;
      else high = middle - 1;
    }
    const run = low * RUN_WORDS;
    const within = row - (runs[run + FIRST] as number);
    const address = (runs[run + ADDRESS] as number) + within * (runs[run + STRIDE] as number);
    const shape = runs[run + SHAPE] as number;
    const Class = this.#classes[shape] as typeof View;
    const source = this.#sources[runs[run + SOURCE] as number] as Source;
    return new Class(source, address, this.#shapes[shape] as ViewShape) as ViewOf<M>;
  }

  [Symbol.iterator](): IterableIterator<ViewOf<M>> {
    let run = 0;
    let left = 0;
    let address = 0;
    let stride = 0;
    let source: Source | undefined;
    let shape: ViewShape | undefined;
    let Class: typeof View = View;
    const enter = (): boolean => {
      if (run === this.#runCount) return false;
      const at = run++ * RUN_WORDS;
      const runs = this.#runs;
      const end = run < this.#runCount ? (runs[at + RUN_WORDS + FIRST] as number) : this.#length;
      left = end - (runs[at + FIRST] as number);
      address = runs[at + ADDRESS] as number;
      stride = runs[at + STRIDE] as number;
      source = this.#sources[runs[at + SOURCE] as number];
      shape = this.#shapes[runs[at + SHAPE] as number];
      Class = this.#classes[runs[at + SHAPE] as number] as typeof View;
      return true;
    };
    const next = (): IteratorResult<ViewOf<M>> => {
      if (left === 0 && !enter()) return { done: true, value: undefined };
      left--;
      const value = new Class(source as Source, address, shape as ViewShape) as ViewOf<M>;
      address += stride;
      return { done: false, value };
    };
    const iterator = { next, [Symbol.iterator]: () => iterator };
    return iterator;
  }

  /** What `make` makes of each message. */
  map<T>(make: (view: ViewOf<M>, index: number) => T): T[] {
    return Array.from(this, make);
  }

  /** The first message that is accepted. */
  find(accept: (view: ViewOf<M>) => boolean): ViewOf<M> | undefined {
    for (const view of this) if (accept(view)) return view;
    return undefined;
  }

  /** The messages that are accepted; all of them by default. */
  filter(accept: (view: ViewOf<M>) => boolean = () => true): ViewOf<M>[] {
    const out: ViewOf<M>[] = [];
    for (const view of this) if (accept(view)) out.push(view);
    return out;
  }

  toJSON(): unknown[] {
    return this.map((view) => view.toObject());
  }

  /** Forgets all of them. */
  clear(): void {
    this.#length = 0;
    this.#runCount = 0;
    this.#sources = [];
    this.#shapes = [];
    this.#classes = [];
  }

  /** Appends the messages in `bytes`, which must not change afterwards; `only` leaves out all but one kind. */
  push(protocol: Protocol, bytes: Uint8Array, only?: M, owner: Registry = registry()): void {
    const from = this.#begin(bytes);
    owner.machine.loadPieces(bytes, (address, length, before, final) =>
      this.#append(protocol, address, length, final, from + before - address, only, owner),
    );
  }

  /** `push` for bytes of which the module's memory has a copy at `address`. */
  pushLoaded(
    protocol: Protocol,
    bytes: Uint8Array,
    address: number,
    only?: M,
    owner: Registry = registry(),
  ): void {
    this.#append(protocol, address, bytes.length, true, this.#begin(bytes) - address, only, owner);
  }

  /** Makes the bytes the source of the messages that follow; returns where they begin in it. */
  #begin(bytes: Uint8Array): number {
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    this.#sources.push(new Source(aligned.buffer));
    return aligned.byteOffset;
  }

  /** `shift` leads from addresses in the module's memory to those in the source. */
  #append(
    protocol: Protocol,
    address: number,
    bytes: number,
    final: boolean,
    shift: number,
    only: M | undefined,
    owner: Registry,
  ): number {
    const wanted = only === undefined ? -1 : owner.compile(only).identifier;
    let known = -1;
    return scanRecords(owner, owner.directory(protocol), address, bytes, final, (u32, first, last) => {
      const runs = this.#room((last - first) / RECORD_WORDS);
      let shape = this.#shapes.length - 1;
      for (let record = first; record < last; record += RECORD_WORDS) {
        const at = u32[record + runWords.shape] as number;
        const tail = u32[record + runWords.identifierAndStatus] as number;
        if (at === 0 || (wanted >= 0 && (tail & 0xffff) !== wanted)) continue;
        const serial = u32[record + runWords.serial] as number;
        const length = u32[record + runWords.length] as number;
        if (serial !== known) {
          known = serial;
          shape = this.#meet(shapeOf(owner, at, serial, tail, length));
        }
        const run = this.#runCount++ * RUN_WORDS;
        runs[run + FIRST] = this.#length;
        runs[run + ADDRESS] = (u32[record + runWords.address] as number) + shift;
        runs[run + STRIDE] = (length + 3) & ~3;
        runs[run + SHAPE] = shape;
        runs[run + SOURCE] = this.#sources.length - 1;
        this.#length += u32[record + runWords.count] as number;
      }
    });
  }

  /** The runs, with room for some more. */
  #room(more: number): Uint32Array {
    const needed = RUN_WORDS * (this.#runCount + more);
    if (needed > this.#runs.length) {
      const runs = new Uint32Array(Math.max(needed, 2 * this.#runs.length));
      runs.set(this.#runs);
      this.#runs = runs;
    }
    return this.#runs;
  }

  /** The number of a shape in this list. */
  #meet(shape: ViewShape): number {
    if (this.#shapes.at(-1) !== shape) {
      this.#shapes.push(shape);
      this.#classes.push(shape.message === undefined ? View : View.classFor(shape.message));
    }
    return this.#shapes.length - 1;
  }
}

/** Views of the messages of a block; `only` leaves out all but one kind. The block must not change while they are used. */
export function decodeViews<M extends Message>(
  protocol: Protocol,
  bytes: Uint8Array,
  only?: M,
  owner: Registry = registry(),
): ViewList<M> {
  const list = new ViewList<M>();
  list.push(protocol, bytes, only, owner);
  return list;
}
