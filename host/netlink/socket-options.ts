import type { DecodedMessage } from '../codec/block.js';
import type { Selection } from '../codec/selection.js';
import type { Message, Protocol } from '../schema/definition.js';
import type { Failure } from './conversation.js';
import type { NativeSocket } from './native.js';

/** Protocol numbers of AF_NETLINK, linux/netlink.h */
export const protocolNumbers = { route: 0, netfilter: 12, generic: 16 } as const satisfies Record<
  Protocol,
  number
>;

export interface SocketOptions {
  readonly protocol: Protocol;
  /** Descriptor of the network namespace that the socket shall belong to; this process's by default. */
  readonly namespace?: number | undefined;
  /** Bytes of the kernel's receive buffer. */
  readonly receiveBuffer?: number | undefined;
  /** ms that a call may take unless it says otherwise; 30,000 by default. */
  readonly timeout?: number | undefined;
  /**
   * Does a request's system calls on the calling thread as far as they need no waiting, which spares the way to the
   * thread pool and back: the kernel has answered most requests before send(2) returns. Meanwhile nothing else runs in
   * the process, so this is for tools and for short requests; `lengthy` ones go to the pool all the same.
   */
  readonly prompt?: boolean | undefined;
  /** Instead of opening a socket: a fake kernel. */
  readonly native?: NativeSocket | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** ms until the call fails with `ERR_TIMEOUT`. */
  readonly timeout?: number | undefined;
  /** The kernel takes milliseconds for it (the end of a device waits for all processors): see `prompt`. */
  readonly lengthy?: boolean | undefined;
  /** What is wanted of the answers to a request; all by default. */
  readonly only?: Selection | undefined;
}

/** What became of a batch: the kernel takes each message by itself, so others may have succeeded. */
export interface BatchOutcome {
  readonly failures: readonly Failure[];
  /** Data that came as answers (with the flag `echo`). */
  readonly answers: readonly DecodedMessage[];
}

export interface DumpOptions<T = DecodedMessage> extends CallOptions {
  /** Only messages of this kind. */
  readonly reply?: Message;
  /** Makes what is returned in the message's place; undefined leaves it out. The message is the callee's to change. */
  readonly item?: (message: DecodedMessage) => T | undefined;
}
