import type { Message, Protocol } from '../schema/definition.js';
import { nodesOf, RECORD_WORDS, recordWords, scanRecords } from './block.js';
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

/** Messages that stand in one piece of memory; `first` is the number of the first one. */
interface Piece {
  readonly first: number;
  readonly source: Source;
}

/**
 * The messages of a dump. It keeps two numbers a message; a view is made when one is asked for, so that those that a
 * loop has gone past cost nothing.
 */
export class ViewList<M extends Message> implements Iterable<ViewOf<M>> {
  /** Of each message its address in its source, and the number of its shape. */
  #rows = new Uint32Array(128);
  #length = 0;
  #pieces: Piece[] = [];
  #shapes: ViewShape[] = [];
  #classes: (typeof View)[] = [];

  get length(): number {
    return this.#length;
  }

  /** The message with that number; negative ones count from the end. */
  at(index: number): ViewOf<M> | undefined {
    const row = index < 0 ? this.#length + index : index;
    if (!(row >= 0 && row < this.#length)) return undefined;
    let low = 0;
    for (let high = this.#pieces.length - 1; low < high; ) {
      const middle = (low + high + 1) >> 1;
      if ((this.#pieces[middle] as Piece).first <= row) low = middle;
      else high = middle - 1;
    }
    return this.#view((this.#pieces[low] as Piece).source, Math.trunc(row));
  }

  [Symbol.iterator](): IterableIterator<ViewOf<M>> {
    let row = 0;
    let piece = 0;
    let end = 0;
    let source: Source | undefined;
    let rows = this.#rows;
    const shapes = this.#shapes;
    const classes = this.#classes;
    const next = (): IteratorResult<ViewOf<M>> => {
      if (row >= end) {
        if (row >= this.#length) return { done: true, value: undefined };
        rows = this.#rows;
        while (row >= end) {
          source = (this.#pieces[piece] as Piece).source;
          end = this.#pieces[++piece]?.first ?? this.#length;
        }
      }
      const shape = rows[2 * row + 1] as number;
      const Class = classes[shape] as typeof View;
      const value = new Class(source as Source, rows[2 * row++] as number, shapes[shape] as ViewShape);
      return { done: false, value: value as ViewOf<M> };
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

  #view(source: Source, row: number): ViewOf<M> {
    const shape = this.#rows[2 * row + 1] as number;
    const Class = this.#classes[shape] as typeof View;
    return new Class(source, this.#rows[2 * row] as number, this.#shapes[shape] as ViewShape) as ViewOf<M>;
  }

  /** Forgets all of them. */
  clear(): void {
    this.#length = 0;
    this.#pieces = [];
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
    this.#pieces.push({ first: this.#length, source: new Source(aligned.buffer) });
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
      const rows = this.#room((last - first) / RECORD_WORDS);
      let row = 2 * this.#length;
      let shape = this.#shapes.length - 1;
      for (let record = first; record < last; record += RECORD_WORDS) {
        const at = u32[record + recordWords.shape] as number;
        const tail = u32[record + recordWords.identifierAndStatus] as number;
        if (at === 0 || (wanted >= 0 && (tail & 0xffff) !== wanted)) continue;
        const serial = u32[record + recordWords.serial] as number;
        if (serial !== known) {
          known = serial;
          shape = this.#meet(shapeOf(owner, at, serial, tail, u32[record + recordWords.length] as number));
        }
        rows[row++] = (u32[record + recordWords.address] as number) + shift;
        rows[row++] = shape;
      }
      this.#length = row / 2;
    });
  }

  /** The rows, with room for some more. */
  #room(more: number): Uint32Array {
    const needed = 2 * (this.#length + more);
    if (needed > this.#rows.length) {
      const rows = new Uint32Array(Math.max(needed, 2 * this.#rows.length));
      rows.set(this.#rows);
      this.#rows = rows;
    }
    return this.#rows;
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
