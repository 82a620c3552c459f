import type { DecodedMessage } from '../codec/block.js';
import { decodeMessages } from '../codec/decode.js';
import { errnoCode, errnoMeaning } from '../codec/errno.js';
import type { Protocol } from '../schema/definition.js';
import { SocketError } from './errors.js';
import { guarded, type NativeSocket, openSocket, tableLayout } from './native.js';
import { protocolNumbers } from './socket.js';

export interface SubscriptionOptions {
  readonly protocol: Protocol;
  /** Numbers of multicast groups (RTNLGRP_*, NFNLGRP_*, or what the controller tells). */
  readonly groups: readonly number[];
  /** Descriptor of the namespace to listen in. */
  readonly namespace?: number | undefined;
  /** Bytes of the kernel's receive buffer: what it holds while nobody reads. */
  readonly receiveBuffer?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Instead of opening a socket: a fake kernel. */
  readonly native?: NativeSocket | undefined;
}

/** Messages as they came, or word that some were lost: then what is known of the tables must be read anew. */
export type SubscriptionEvent =
  | { readonly kind: 'messages'; readonly messages: DecodedMessage[] }
  | { readonly kind: 'overrun' };

const RECEIVE_BUFFER = 4 * 1024 * 1024;
const BUFFER = 256 * 1024;
const DATAGRAMS = 256;
/** Events that may wait for a slow reader; then reading stops, and the kernel's buffer takes the rest. */
const WAITING = 1024;

/**
 * Listens to multicast groups. Loss is an event, never silence: when the kernel's buffer overran, or a datagram was
 * cut short, `overrun` comes between the messages before and after.
 */
export class Subscription implements AsyncIterable<SubscriptionEvent> {
  readonly #protocol: Protocol;
  readonly #native: NativeSocket;
  readonly #buffer = new Uint8Array(BUFFER);
  readonly #table = new Uint32Array(tableLayout.head + DATAGRAMS * tableLayout.entry);
  readonly #events: SubscriptionEvent[] = [];
  #wake: (() => void) | undefined;
  #failure: Error | undefined;
  #closed = false;
  #paused = false;

  private constructor(native: NativeSocket, protocol: Protocol) {
    this.#native = native;
    this.#protocol = protocol;
  }

  /** Subscribes at once: what happens from now on is heard. Throws SystemCallError. */
  static open({
    protocol,
    groups,
    namespace,
    receiveBuffer = RECEIVE_BUFFER,
    signal,
    native,
  }: SubscriptionOptions): Subscription {
    signal?.throwIfAborted();
    const socket = native ?? openSocket({ protocol: protocolNumbers[protocol], namespace, receiveBuffer });
    const subscription = new Subscription(socket, protocol);
    try {
      const SOL_NETLINK = 270;
      const ADD_MEMBERSHIP = 1;
      for (const group of groups) guarded(() => socket.setOption(SOL_NETLINK, ADD_MEMBERSHIP, group));
      guarded(() => socket.startReading(() => subscription.#readable()));
    } catch (error) {
      socket.close();
      throw error;
    }
    signal?.addEventListener(
      'abort',
      () => {
        subscription.#failure ??=
          signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
        subscription.close();
      },
      { once: true },
    );
    return subscription;
  }

  #readable(): void {
    if (this.#closed) return;
    try {
      guarded(() => this.#native.receive(this.#buffer, this.#table));
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    const table = this.#table;
    const count = table[tableLayout.count] as number;
    const messages: DecodedMessage[] = [];
    let lost = false;
    for (let i = 0; i < count; i++) {
      const entry = tableLayout.head + i * tableLayout.entry;
      if ((table[entry + tableLayout.sender] as number) !== 0) continue; // only the kernel is believed
      const offset = table[entry + tableLayout.offset] as number;
      const length = table[entry + tableLayout.length] as number;
      if ((table[entry + tableLayout.realLength] as number) > length) lost = true;
      messages.push(...decodeMessages(this.#protocol, this.#buffer.subarray(offset, offset + length)));
    }
    if (messages.length > 0) this.#events.push({ kind: 'messages', messages });
    const errno = table[tableLayout.errno] as number;
    if (errno !== 0 && errnoCode(errno) !== 'ENOBUFS') {
      this.#fail(new SocketError(errnoCode(errno), `recvmsg: ${errnoMeaning(errno)}`));
      return;
    }
    if (errno !== 0 || lost) this.#events.push({ kind: 'overrun' });
    if (this.#events.length >= WAITING && !this.#paused) {
      this.#paused = true;
      this.#native.stopReading();
    }
    this.#wake?.();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.close();
  }

  /** Ends the listening; what was heard before can still be read. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.close();
    this.#wake?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Whether listening keeps the process alive; it does by default. */
  ref(): void {
    this.#native.ref();
  }
  unref(): void {
    this.#native.unref();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SubscriptionEvent> {
    try {
      for (;;) {
        const event = this.#events.shift();
        if (event !== undefined) {
          yield event;
          continue;
        }
        if (this.#closed) {
          if (this.#failure !== undefined) throw this.#failure;
          return;
        }
        if (this.#paused) {
          this.#paused = false;
          guarded(() => this.#native.startReading(() => this.#readable()));
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    } finally {
      this.close();
    }
  }
}
