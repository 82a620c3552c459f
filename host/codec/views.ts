import type { DecodedSet, DecodedStruct, Message } from '../schema/definition.js';
import { type DecodedMessage, type Found, toObject } from './block.js';
import type { Source } from './machine.js';
import type { CompiledMessage } from './registry.js';
import { ADDRESS, gettersOf, type Place, SHAPE, SOURCE, type ViewShape } from './view-getters.js';

/**
 * A message whose attributes are decoded when they are read. It keeps the block it stands in alive, and reads what
 * stands there: do not write to the block while views of it are in use.
 */
export class View implements Place {
  readonly [SOURCE]: Source;
  readonly [ADDRESS]: number;
  readonly [SHAPE]: ViewShape;

  constructor(source: Source, address: number, shape: ViewShape) {
    this[SOURCE] = source;
    this[ADDRESS] = address;
    this[SHAPE] = shape;
  }

  /** As `name` of a decoded message. */
  get messageName(): string {
    return this[SHAPE].message?.definition.name ?? this.toObject().name;
  }
  /** nlmsg_type */
  get messageType(): number {
    return this[SOURCE].view.getUint16(this[ADDRESS] + 4, true);
  }
  /** nlmsg_flags */
  get messageFlags(): number {
    return this[SOURCE].view.getUint16(this[ADDRESS] + 6, true);
  }
  /** nlmsg_seq */
  get messageSeq(): number {
    return this[SOURCE].view.getUint32(this[ADDRESS] + 8, true);
  }
  /** nlmsg_pid */
  get messagePid(): number {
    return this[SOURCE].view.getUint32(this[ADDRESS] + 12, true);
  }

  /** The whole message as a plain object. */
  toObject(): DecodedMessage {
    const shape = this[SHAPE];
    const found: Found = {
      address: this[ADDRESS],
      length: shape.length,
      type: this.messageType,
      flags: this.messageFlags,
      seq: this.messageSeq,
      pid: this.messagePid,
      message: shape.message,
      status: shape.status,
      shape: 0,
      serial: 0,
    };
    return toObject(shape.owner, found, this[SOURCE], this[ADDRESS], shape);
  }

  toJSON(): DecodedMessage {
    return this.toObject();
  }

  /** What console.log shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): DecodedMessage {
    return this.toObject();
  }

  /** Defines the getters of a message's header fields and attributes. */
  static classFor(message: CompiledMessage): typeof View {
    let known = classes.get(message);
    if (known !== undefined) return known;
    known = viewClass();
    for (const [name, get] of gettersOf(message)) {
      if (name in View.prototype) continue;
      Object.defineProperty(known.prototype, name, { enumerable: true, get });
    }
    classes.set(message, known);
    return known;
  }
}

const classes = new WeakMap<CompiledMessage, typeof View>();

/** A class whose objects are views; its constructor does by itself what `super()` would, which costs a tenth of reading a dump. */
function viewClass(): typeof View {
  class MessageView implements Place {
    readonly [SOURCE]: Source;
    readonly [ADDRESS]: number;
    readonly [SHAPE]: ViewShape;
    constructor(source: Source, address: number, shape: ViewShape) {
      this[SOURCE] = source;
      this[ADDRESS] = address;
      this[SHAPE] = shape;
    }
  }
  Object.setPrototypeOf(MessageView.prototype, View.prototype);
  return MessageView as unknown as typeof View;
}

/** A view with the getters of a kind of message: attributes by name, header fields where no attribute has the name. */
export type ViewOf<M extends Message> = View &
  (M extends Message<infer H, infer S>
    ? Readonly<Omit<DecodedStruct<H>, keyof DecodedSet<S>> & DecodedSet<S>>
    : never);
