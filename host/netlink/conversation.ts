import type { DecodedMessage } from '../codec/block.js';
import { controlTypes, messageFlags } from '../codec/constants.js';
import { decodeLoaded } from '../codec/decode.js';
import { type Registry, registry } from '../codec/registry.js';
import type { Selection } from '../codec/selection.js';
import { type Special, survey } from '../codec/survey.js';
import type { Message, Protocol } from '../schema/definition.js';
import { plainAcknowledgement, refusal } from './acknowledgement.js';
import { type NetlinkError, SocketError } from './errors.js';

/**
 * What a request has still to send and to hear. It knows nothing of sockets, so that the asynchronous and the
 * synchronous socket, and a fake kernel, drive the same code.
 */
export interface Conversation {
  /** The messages to send, first sequence number and all; called again after a restart. */
  readonly request: Uint8Array;
  /** Takes one datagram; true when everything has been heard. Throws what the call shall fail with. */
  take(datagram: Uint8Array): boolean;
  /** Datagrams were lost, or one was cut short. Throws, or starts over when the kernel has finished. */
  lost(error: SocketError): void;
  /** How often `request` was to be sent: it is again whenever this rises. */
  readonly attempts: number;
  /** The caller has given up: true when the kernel goes on nevertheless, and must be heard out. */
  abandon(): boolean;
}

/** Where the data of a dump go. */
export interface Sink {
  /** Messages of a datagram, which the module's memory has at `address`; `bytes` are only good during the call. */
  take(address: number, length: number, bytes: Uint8Array): void;
  /** Forgets what was taken: the dump begins again. */
  clear(): void;
}

/** A source of sequence numbers: never 0, which notifications have. */
export class Sequence {
  #next: number;
  constructor(first = 1) {
    this.#next = first;
  }
  /** Takes `count` numbers; returns the first. */
  take(count = 1): number {
    if (this.#next + count > 0xffff_ffff) this.#next = 1;
    const first = this.#next;
    this.#next += count;
    return first;
  }
}

export interface Sent {
  readonly message: Message;
  /** The encoded message, to explain errors by. */
  readonly bytes: Uint8Array;
}

function decodeOne(protocol: Protocol, address: number, special: Special): DecodedMessage {
  const out: DecodedMessage[] = [];
  decodeLoaded(protocol, address + special.offset, special.length, out);
  return out[0] as DecodedMessage;
}

/** Numbers a message that was encoded already. */
export function stamp(bytes: Uint8Array, sequence: number): void {
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).setUint32(8, sequence, true);
}

/** A dump is begun anew so often when the kernel says that it was interrupted. */
const DUMP_ATTEMPTS = 10;

/** A request whose answer is many messages, ended by DONE. */
export class DumpConversation implements Conversation {
  readonly #protocol: Protocol;
  readonly #sent: Sent;
  readonly #sink: Sink;
  readonly #sequences: Sequence;
  readonly #owner: Registry;
  #sequence = 0;
  #attempts = 0;
  #interrupted = false;
  #reason: SocketError | undefined;

  constructor(protocol: Protocol, sent: Sent, sink: Sink, sequences: Sequence, owner: Registry = registry()) {
    this.#protocol = protocol;
    this.#sent = sent;
    this.#sink = sink;
    this.#sequences = sequences;
    this.#owner = owner;
    this.#restart();
  }

  get request(): Uint8Array {
    return this.#sent.bytes;
  }

  /** Forgets the answers so far; those still to come under the old number are passed over. */
  #restart(): void {
    this.#sequence = this.#sequences.take();
    this.#interrupted = false;
    this.#attempts++;
    stamp(this.#sent.bytes, this.#sequence);
    this.#sink.clear();
  }

  get attempts(): number {
    return this.#attempts;
  }

  lost(error: SocketError): void {
    this.#interrupted = true;
    this.#reason = error;
  }

  abandon(): boolean {
    this.#interrupted = true;
    this.#attempts = DUMP_ATTEMPTS;
    return true;
  }

  take(datagram: Uint8Array): boolean {
    if (!this.#interrupted && plainAcknowledgement(datagram) === this.#sequence) return true;
    const address = this.#owner.machine.load(datagram);
    const specials = survey(address, datagram.length, this.#sequence, this.#owner);
    let from = 0;
    for (const special of specials) {
      const data = special.type >= 16 && special.seq === this.#sequence && !special.truncated;
      if (special.seq === this.#sequence && special.flags & messageFlags.dumpIntr) this.#interrupted = true;
      if (data) continue; // of an interrupted dump, which will begin anew
      this.#pass(datagram, address, from, special.offset);
      from = special.offset + ((special.length + 3) & ~3);
      if (special.truncated)
        throw new SocketError(
          'ERR_TRUNCATED',
          `${this.#sent.message.name}: a message of the dump was cut short`,
        );
      if (special.seq !== this.#sequence) continue; // of an earlier request that was given up
      if (special.type === controlTypes.done || special.type === controlTypes.error) {
        return this.#end(address, special);
      }
      if (special.type === controlTypes.overrun) this.#interrupted = true;
    }
    this.#pass(datagram, address, from, datagram.length);
    return false;
  }

  #pass(datagram: Uint8Array, address: number, from: number, to: number): void {
    if (to > from && !this.#interrupted)
      this.#sink.take(address + from, to - from, datagram.subarray(from, to));
  }

  #end(address: number, special: Special): boolean {
    const message = decodeOne(this.#protocol, address, special);
    const failure = refusal(this.#protocol, this.#sent, message);
    if (failure !== undefined) throw failure;
    if (!this.#interrupted) return true;
    if (this.#attempts >= DUMP_ATTEMPTS) {
      const { name } = this.#sent.message;
      throw (
        this.#reason ??
        new SocketError(
          'ERR_DUMP_INTERRUPTED',
          `${name}: the table changed during each of ${DUMP_ATTEMPTS} attempts to read it`,
        )
      );
    }
    this.#restart();
    return false;
  }
}

/** What one message of a batch came to. */
export interface Failure {
  /** Index of the message in its batch. */
  readonly index: number;
  readonly error: NetlinkError;
}

export interface BatchSource {
  readonly count: number;
  readonly firstSequence: number;
  seal(acknowledge?: boolean): Uint8Array;
  message(index: number): Uint8Array;
}

/**
 * One or more messages of which the last asks for an acknowledgement. Data that come as answers are gathered; each
 * message that the kernel refused is in `failures`.
 */
export class BatchConversation implements Conversation {
  readonly request: Uint8Array;
  readonly attempts = 1;
  readonly answers: DecodedMessage[] = [];
  readonly failures: Failure[] = [];
  readonly #protocol: Protocol;
  readonly #batch: BatchSource;
  readonly #messageAt: (index: number) => Message;
  readonly #first: number;
  readonly #last: number;
  readonly #only: Selection | undefined;
  #heard = false;

  /** `first` and `last`: indexes of the messages whose refusal, or whose acknowledgement, ends the conversation. */
  constructor(
    protocol: Protocol,
    batch: BatchSource,
    messageAt: (index: number) => Message,
    {
      first = -1,
      last = batch.count - 1,
      only,
    }: { first?: number; last?: number; only?: Selection | undefined } = {},
  ) {
    this.#only = only;
    this.#first = first;
    this.#protocol = protocol;
    this.#batch = batch;
    this.#messageAt = messageAt;
    this.#last = last;
    // a transaction's messages ask for what they need themselves
    this.request = batch.seal(first < 0);
  }

  lost(error: SocketError): void {
    throw error;
  }

  /** What still comes has an old sequence number, which the next conversation passes over. */
  abandon(): boolean {
    return false;
  }

  take(datagram: Uint8Array): boolean {
    if (plainAcknowledgement(datagram) === this.#batch.firstSequence + this.#last) {
      this.#heard = true;
      return true;
    }
    const { machine } = registry();
    const messages: DecodedMessage[] = [];
    decodeLoaded(this.#protocol, machine.load(datagram), datagram.length, messages, undefined, this.#only);
    for (const message of messages) this.#hear(message);
    return this.#heard;
  }

  #hear(message: DecodedMessage): void {
    const index = message.seq - this.#batch.firstSequence;
    if (index < 0 || index >= this.#batch.count) return; // an answer to an earlier request that was given up
    if (message.truncated)
      throw new SocketError('ERR_TRUNCATED', `${this.#messageAt(index).name}: the answer was cut short`);
    if (message.type !== controlTypes.error && message.type !== controlTypes.done) {
      if (message.type >= 16) this.answers.push(message);
      return;
    }
    const error = refusal(
      this.#protocol,
      { message: this.#messageAt(index), bytes: this.#batch.message(index) },
      message,
    );
    if (error !== undefined) this.failures.push({ index, error });
    if (index === this.#last || (index === this.#first && error !== undefined)) this.#heard = true;
  }
}
