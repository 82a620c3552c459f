import type { DecodedMessage } from '../codec/block.js';
import { decodeMessages } from '../codec/decode.js';
import { Listener, type ListenerOptions } from './listener.js';

export interface SubscriptionOptions extends Omit<ListenerOptions, 'allNamespaces'> {
  readonly signal?: AbortSignal | undefined;
}

/** Messages as they came, or word that some were lost: then what is known of the tables must be read anew. */
export type SubscriptionEvent =
  | { readonly kind: 'messages'; readonly messages: DecodedMessage[] }
  | { readonly kind: 'overrun' };

/** Events that may wait for a slow reader; then reading stops, and the kernel's buffer takes the rest. */
const WAITING = 1024;

/**
 * Listens to multicast groups. Loss is an event, never silence: when the kernel's buffer overran, or a datagram was
 * cut short, `overrun` comes between the messages before and after.
 */
export class Subscription implements AsyncIterable<SubscriptionEvent> {
  readonly #events: SubscriptionEvent[] = [];
  #listener: Listener | undefined;
  #wake: (() => void) | undefined;
  #failure: Error | undefined;
  #closed = false;

  /** Subscribes at once: what happens from now on is heard. Throws SystemCallError. */
  static open({ signal, ...options }: SubscriptionOptions): Subscription {
    signal?.throwIfAborted();
    const subscription = new Subscription();
    subscription.#listen(options);
    signal?.addEventListener(
      'abort',
      () =>
        subscription.#fail(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason))),
      { once: true },
    );
    return subscription;
  }

  #listen(options: ListenerOptions): void {
    let messages: DecodedMessage[] = [];
    this.#listener = Listener.open(options, {
      datagram: (bytes) => {
        messages.push(...decodeMessages(options.protocol, bytes));
      },
      drained: (lost) => {
        if (messages.length > 0) this.#events.push({ kind: 'messages', messages });
        messages = [];
        if (lost) this.#events.push({ kind: 'overrun' });
        if (this.#events.length >= WAITING) this.#listener?.pause();
        this.#wake?.();
      },
      failed: (error) => {
        if (messages.length > 0) this.#events.push({ kind: 'messages', messages });
        this.#fail(error);
      },
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.close();
  }

  /** Ends the listening; what was heard before can still be read. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener?.close();
    this.#wake?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Whether listening keeps the process alive; it does by default. */
  ref(): void {
    this.#listener?.ref();
  }
  unref(): void {
    this.#listener?.unref();
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
        this.#listener?.resume();
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
