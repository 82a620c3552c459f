import { closeSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { guarded, openReceiver, peerCredentials, type Receiver } from '../netlink/native.js';
import { HEAD, openingOf } from './protocol.js';

/** What a connection turned out to be. */
export type Received =
  | { readonly kind: 'call'; readonly bytes: Buffer; readonly descriptor: number | undefined }
  /** The first line of a request. */
  | { readonly kind: 'http'; readonly line: string }
  | { readonly kind: 'other version' }
  /** Why there is no call: for the log and the metrics. */
  | { readonly kind: 'nothing'; readonly reason: 'silent' | 'garbage' | 'gone' };

/** Longest first line of an HTTP request. */
const LONGEST_LINE = 4096;
const FIRST_READ = 16 * 1024;

/** Descriptor of a connection: Node has no other name for it. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } | null })._handle?.fd ?? -1;
}

/** Bytes that the kernel takes at once. A stream takes five times as long for an answer. */
function writeNow(descriptor: number, bytes: Uint8Array): number {
  try {
    return writeSync(descriptor, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
    throw error;
  }
}

/** A connection whose owner must not read it by itself: `pauseOnConnect`. */
export class Connection {
  readonly #socket: Socket;
  readonly #receiver: Receiver;
  #gone = false;
  #onGone: () => void = () => undefined;

  /** Throws SystemCallError when the connection has ended already. */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => this.#leave()); // the peer died while it was answered
    this.#receiver = openReceiver(descriptorOf(socket));
  }

  get peer(): { pid: number; uid: number; gid: number } {
    return peerCredentials(descriptorOf(this.#socket));
  }

  /** Has the peer closed its end? It waits for no answer then. */
  get gone(): boolean {
    return this.#gone;
  }

  /** `work` is done when the peer leaves. */
  whenGone(work: () => void): void {
    this.#onGone = work;
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#onGone();
  }

  /** Receives what the peer wants; it must have said so within so many ms. Never throws. */
  receive(patience: number): Promise<Received> {
    let buffer = Buffer.allocUnsafe(FIRST_READ);
    let size = 0;
    let wanted = HEAD;
    const descriptors: number[] = [];
    return new Promise((resolve) => {
      const finish = (received: Received): void => {
        clearTimeout(timer);
        const used = received.kind === 'call' ? 1 : 0;
        for (const fd of descriptors.splice(used)) closeSync(fd);
        if (received.kind === 'nothing') this.#receiver.close();
        else this.#receiver.startReading(() => this.#hear());
        resolve(received);
      };
      const timer = setTimeout(() => finish({ kind: 'nothing', reason: 'silent' }), patience);
      const take = (): void => {
        let count: number;
        try {
          count = guarded(() => this.#receiver.receive(buffer.subarray(size), descriptors));
        } catch {
          count = 0; // a connection that was reset
        }
        if (count < 0) return;
        if (count === 0) {
          finish({ kind: 'nothing', reason: 'gone' });
          return;
        }
        size += count;
        if (size < wanted) return;
        const opening = openingOf(buffer.subarray(0, HEAD));
        if (opening.kind === 'call') {
          wanted = opening.length;
          if (size > wanted) finish({ kind: 'nothing', reason: 'garbage' });
          else if (size === wanted)
            finish({ kind: 'call', bytes: buffer.subarray(0, size), descriptor: descriptors[0] });
          else if (buffer.length < wanted) buffer = Buffer.concat([buffer.subarray(0, size)], wanted);
        } else if (opening.kind === 'http') {
          const line = /^[^\r\n]*(?=\r?\n)/.exec(buffer.toString('latin1', 0, size))?.[0];
          if (line !== undefined) finish({ kind: 'http', line });
          else if (size > LONGEST_LINE) finish({ kind: 'nothing', reason: 'garbage' });
        } else if (opening.kind === 'other version') finish({ kind: 'other version' });
        else finish({ kind: 'nothing', reason: 'garbage' });
      };
      this.#receiver.startReading(take);
    });
  }

  /** After its call a peer says nothing more: what still comes is its end. */
  #hear(): void {
    const late: number[] = [];
    let count: number;
    try {
      count = guarded(() => this.#receiver.receive(Buffer.allocUnsafe(HEAD * 64), late));
    } catch {
      count = 0;
    }
    for (const fd of late) closeSync(fd);
    if (count !== 0) return;
    this.#receiver.close();
    this.#leave();
  }

  /** Sends the answer and closes; false when the peer did not take it. */
  answer(bytes: Buffer): Promise<boolean> {
    return new Promise((resolve) => {
      const close = (taken: boolean): void => {
        clearTimeout(timer);
        this.close();
        resolve(taken);
      };
      // who does not read cannot hold the daemon
      const timer = setTimeout(() => close(false), ANSWER_PATIENCE);
      if (this.#gone || this.#socket.destroyed) {
        close(false);
        return;
      }
      let rest: Buffer;
      try {
        rest = bytes.subarray(writeNow(descriptorOf(this.#socket), bytes));
      } catch {
        close(false); // it has left
        return;
      }
      if (rest.length === 0) {
        close(true);
        return;
      }
      this.#socket.once('close', () => close(false));
      this.#socket.write(rest, (error) => close(error === undefined || error === null));
    });
  }

  close(): void {
    this.#receiver.close();
    this.#socket.destroy();
  }
}

/** ms in which a peer must take its answer. */
const ANSWER_PATIENCE = 10_000;
