import type { Message } from '../schema/definition.js';
import { messageFlags } from './constants.js';
import { type AnyMessageInput, encodeInto, type MessageInput } from './encode.js';
import { type Registry, registry } from './registry.js';
import { bytesOf, cut, type Piece } from './slab.js';

/** Bytes: room for a few messages. */
const INITIAL = 512;

/**
 * Many messages in one buffer, to be sent with one call. Every message is numbered; only the last asks for an
 * acknowledgement (`seal`): the kernel reports a failed message anyway, and an acknowledgement of each would
 * overrun the socket's receive buffer.
 */
export class Batch {
  readonly #registry: Registry;
  #piece: Piece;
  /** Bytes of the piece. */
  #capacity = INITIAL;
  /** Bytes in use. */
  #length = 0;
  /** Where each message begins, in bytes. */
  readonly #offsets: number[] = [];
  /** nlmsg_seq of the first message; the others count up from it. */
  readonly firstSequence: number;

  constructor({ firstSequence = 1, owner = registry() }: { firstSequence?: number; owner?: Registry } = {}) {
    this.#registry = owner;
    this.firstSequence = firstSequence;
    this.#piece = cut(INITIAL / 4);
  }

  /** Messages in the batch. */
  get count(): number {
    return this.#offsets.length;
  }
  /** Bytes of all messages. */
  get byteLength(): number {
    return this.#length;
  }

  /** Adds a message; its `seq` is the batch's. Returns its index. Throws EncodeError and adds nothing when a value does not fit. */
  add<M extends Message>(message: M, input: MessageInput<M> = {}): number {
    return this.addUnchecked(message, input as AnyMessageInput);
  }

  /** `add` for inputs whose types were checked where they were made. */
  addUnchecked(message: Message, input: AnyMessageInput): number {
    const owner = this.#registry;
    const length = encodeInto(owner, owner.compile(message), input, 0);
    const padded = (length + 3) & ~3;
    this.#reserve(padded);
    const { machine } = owner;
    const from = machine.output.address >> 2;
    const { words, first } = this.#piece;
    const to = first + (this.#length >> 2);
    const source = machine.memory.u32;
    for (let i = 0; i < padded >> 2; i++) words[to + i] = source[from + i] as number;
    words[to + 2] = (this.firstSequence + this.#offsets.length) >>> 0;
    this.#offsets.push(this.#length);
    this.#length += padded;
    return this.#offsets.length - 1;
  }

  /** Takes the last message out again. */
  removeLast(): void {
    const offset = this.#offsets.pop();
    if (offset !== undefined) this.#length = offset;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#capacity) return;
    this.#capacity = Math.max(this.#capacity * 4, (this.#length + bytes + 3) & ~3);
    const grown = cut(this.#capacity / 4);
    const { words, first } = this.#piece;
    grown.words.set(words.subarray(first, first + (this.#length >> 2)), grown.first);
    this.#piece = grown;
  }

  /** The bytes of message `index`, nlmsghdr included; valid until the next `add`. */
  message(index: number): Uint8Array {
    const start = this.#offsets[index];
    if (start === undefined) throw new RangeError(`the batch has ${this.count} messages, not ${index + 1}`);
    return bytesOf(this.#piece, start, this.#offsets[index + 1] ?? this.#length);
  }

  /** The bytes to send, valid until the next `add`; asks for the acknowledgement of the last message unless told not to. */
  seal(acknowledge = true): Uint8Array {
    const last = this.#offsets.at(-1);
    if (last !== undefined && acknowledge) {
      const { words, first } = this.#piece;
      const typeAndFlags = first + (last >> 2) + 1;
      words[typeAndFlags] = (words[typeAndFlags] as number) | (messageFlags.ack << 16);
    }
    return bytesOf(this.#piece, 0, this.#length);
  }

  /** Empties the batch to be filled anew. */
  clear(): void {
    this.#offsets.length = 0;
    this.#length = 0;
  }
}
