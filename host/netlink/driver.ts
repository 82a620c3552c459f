import type { Conversation } from './conversation.js';
import type { SocketError } from './errors.js';

/** Sent where an exchange only listens. */
export const nothing = new Uint8Array(0);

/** Keeps time, and knows whether a request is still to be sent. */
export class Driver {
  /** Did the last exchange send, or only listen? */
  sending = true;
  readonly timeout: number;
  readonly #conversation: Conversation;
  readonly #deadline: number;
  #sent = 1;

  constructor(conversation: Conversation, timeout: number, signal: AbortSignal | undefined) {
    signal?.throwIfAborted();
    this.#conversation = conversation;
    this.timeout = timeout;
    this.#deadline = timeout < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeout;
  }

  begin(): Uint8Array {
    return this.#conversation.request;
  }

  /** Is the request to be sent once more? */
  get restarts(): boolean {
    return this.#conversation.attempts > this.#sent;
  }

  next(): Uint8Array {
    this.sending = this.restarts;
    this.#sent = this.#conversation.attempts;
    return this.sending ? this.#conversation.request : nothing;
  }

  /** ms, for poll(2). */
  left(): number {
    return this.#deadline === Number.POSITIVE_INFINITY
      ? -1
      : Math.max(0, Math.ceil(this.#deadline - performance.now()));
  }

  take(datagram: Uint8Array): boolean {
    return this.#conversation.take(datagram);
  }

  lost(error: SocketError): void {
    this.#conversation.lost(error);
  }
}
