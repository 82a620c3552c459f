import type { DecodedSet, DecodedStruct, Message, Protocol } from '../schema/definition.js';
import {
  type DecodedMessage,
  type Found,
  nodesOf,
  type ShapeNodes,
  toObject,
  visitMessages,
} from './block.js';
import { MESSAGE_HEADER_LENGTH, TYPE_MASK } from './constants.js';
import { NODE_WORDS, RAW, STATUS_FLEETING } from './layout.js';
import { layoutOf, leafReader } from './leaves.js';
import { Source } from './machine.js';
import { fieldReader } from './objects.js';
import { type CompiledMessage, type Registry, registry } from './registry.js';

/** A shape as views keep it: the nodes, the first node of each attribute number, and what all its messages share. */
interface ViewShape extends ShapeNodes {
  /** Node by attribute number, plus one; 0 where the message lacks the attribute. */
  readonly slots: Uint16Array;
  readonly owner: Registry;
  readonly message: CompiledMessage | undefined;
  readonly length: number;
  readonly status: number;
}

/**
 * A message whose attributes are decoded when they are read. It keeps the block it stands in alive, and reads what
 * stands there: do not write to the block while views of it are in use.
 */
export class View {
  readonly #source: Source;
  readonly #address: number;
  readonly #shape: ViewShape;

  constructor(source: Source, address: number, shape: ViewShape) {
    this.#source = source;
    this.#address = address;
    this.#shape = shape;
  }

  /** As `name` of a decoded message. */
  get messageName(): string {
    return this.#shape.message?.definition.name ?? this.toObject().name;
  }
  /** nlmsg_type */
  get messageType(): number {
    return this.#source.view.getUint16(this.#address + 4, true);
  }
  /** nlmsg_flags */
  get messageFlags(): number {
    return this.#source.view.getUint16(this.#address + 6, true);
  }
  /** nlmsg_seq */
  get messageSeq(): number {
    return this.#source.view.getUint32(this.#address + 8, true);
  }
  /** nlmsg_pid */
  get messagePid(): number {
    return this.#source.view.getUint32(this.#address + 12, true);
  }

  /** The whole message as a plain object. */
  toObject(): DecodedMessage {
    const found: Found = {
      address: this.#address,
      length: this.#shape.length,
      type: this.messageType,
      flags: this.messageFlags,
      seq: this.messageSeq,
      pid: this.messagePid,
      message: this.#shape.message,
      status: this.#shape.status,
      shape: 0,
      serial: 0,
    };
    return toObject(this.#shape.owner, found, this.#source, this.#address, this.#shape);
  }

  toJSON(): DecodedMessage {
    return this.toObject();
  }

  /** Defines the getters of a message's header fields and attributes. */
  static classFor(message: CompiledMessage): typeof View {
    let known = classes.get(message);
    if (known !== undefined) return known;
    known = class MessageView extends View {};
    const getters = new Map<string, (view: View) => unknown>();
    for (const { name, type, at, size } of layoutOf(message.definition.header)) {
      if (name.startsWith('pad') || size === 0) continue;
      const read = leafReader(type);
      const offset = MESSAGE_HEADER_LENGTH + at;
      getters.set(name, (view) =>
        offset + size > view.#shape.length ? undefined : read(view.#source, view.#address + offset, size),
      );
    }
    for (const field of message.set.byName.values()) {
      const { number, list } = field;
      getters.set(field.name, (view) => {
        const shape = view.#shape;
        if (number >= shape.slots.length) return undefined;
        const slot = shape.slots[number] as number;
        if (slot === 0) return undefined;
        const read = fieldReader(field);
        if (!list) return read(view.#source, view.#address, shape, slot - 1);
        const out: unknown[] = [];
        for (let node = slot - 1; node < shape.count; node = shape.words[node * NODE_WORDS + 3] as number) {
          const head = shape.words[node * NODE_WORDS] as number;
          if ((head & TYPE_MASK) === number && head >>> 16 !== RAW) {
            out.push(read(view.#source, view.#address, shape, node));
          }
        }
        return out;
      });
    }
    for (const [name, get] of getters) {
      if (name in View.prototype) continue;
      Object.defineProperty(known.prototype, name, {
        enumerable: true,
        get(this: View) {
          return get(this);
        },
      });
    }
    classes.set(message, known);
    return known;
  }
}

const classes = new WeakMap<CompiledMessage, typeof View>();

/** A view with the getters of a kind of message: attributes by name, header fields where no attribute has the name. */
export type ViewOf<M extends Message> = View &
  (M extends Message<infer H, infer S>
    ? Readonly<Omit<DecodedStruct<H>, keyof DecodedSet<S>> & DecodedSet<S>>
    : never);

const MAXIMUM_SHAPES = 4096;
const shapes = new Map<number, ViewShape>();
let shapesGeneration = -1;

function shapeOf(owner: Registry, found: Found): ViewShape {
  const { memory, generation } = owner.machine;
  if (generation !== shapesGeneration || shapes.size > MAXIMUM_SHAPES) {
    shapes.clear();
    shapesGeneration = generation;
  }
  const known = shapes.get(found.serial);
  if (known !== undefined) return known;
  const { words, first, count } = nodesOf(memory, found.shape);
  const copy = words.slice(first, first + count * NODE_WORDS);
  const slots: number[] = [];
  for (let node = 0; node < count; node = copy[node * NODE_WORDS + 3] as number) {
    const head = copy[node * NODE_WORDS] as number;
    if (head >>> 16 !== RAW) slots[head & TYPE_MASK] ??= node + 1;
  }
  const shape: ViewShape = {
    words: copy,
    first: 0,
    count,
    slots: Uint16Array.from(slots, (slot) => slot ?? 0),
    owner,
    message: found.message,
    length: found.length,
    status: found.status,
  };
  if ((found.status & STATUS_FLEETING) === 0) shapes.set(found.serial, shape);
  return shape;
}

/** Views of the messages of a block; `only` leaves out all but one kind. The block must not change while they are used. */
export function decodeViews<M extends Message>(
  protocol: Protocol,
  bytes: Uint8Array,
  only?: M,
  owner: Registry = registry(),
): ViewOf<M>[] {
  const out: ViewOf<M>[] = [];
  viewsOfLoaded(protocol, bytes, owner.machine.load(bytes), out, only, owner);
  return out;
}

/** `decodeViews` for a block of which the module's memory has a copy at `address`; appends to `out`. */
export function viewsOfLoaded<M extends Message>(
  protocol: Protocol,
  bytes: Uint8Array,
  address: number,
  out: ViewOf<M>[],
  only?: M,
  owner: Registry = registry(),
): void {
  const directory = owner.directory(protocol);
  const wanted = only === undefined ? undefined : owner.compile(only).identifier;
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const source = new Source(aligned.buffer);
  const shift = aligned.byteOffset - address;
  let serial = -1;
  let shape: ViewShape | undefined;
  let of: CompiledMessage | undefined;
  let Class: typeof View = View;
  visitMessages(owner, directory, address, bytes.length, (found) => {
    const { message } = found;
    if (message === undefined || (wanted !== undefined && message.identifier !== wanted)) {
      if (wanted === undefined && found.shape !== 0) {
        out.push(new View(source, found.address + shift, shapeOf(owner, found)) as ViewOf<M>);
      }
      return;
    }
    if (found.serial !== serial || shape === undefined) {
      shape = shapeOf(owner, found);
      serial = found.serial;
      if (message !== of) {
        Class = View.classFor(message);
        of = message;
      }
    }
    out.push(new Class(source, found.address + shift, shape) as ViewOf<M>);
  });
}
