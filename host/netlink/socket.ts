import { Batch } from '../codec/batch.js';
import type { DecodedMessage } from '../codec/block.js';
import { ColumnReader, type Columns } from '../codec/columns.js';
import { messageFlags } from '../codec/constants.js';
import { type AnyMessageInput, encode, type MessageInput } from '../codec/encode.js';
import { errnoCode, errnoMeaning } from '../codec/errno.js';
import { ViewList } from '../codec/view-list.js';
import type { Message, Protocol } from '../schema/definition.js';
import {
  BatchConversation,
  type Conversation,
  DumpConversation,
  Sequence,
  type Sink,
} from './conversation.js';
import { Driver, nothing } from './driver.js';
import { NetlinkError, SocketError } from './errors.js';
import { Inbox } from './inbox.js';
import { exchangeFlags, guarded, type NativeSocket, openSocket, tableLayout } from './native.js';
import { bytesSink, objectSink } from './sinks.js';
import {
  type BatchOutcome,
  type CallOptions,
  type DumpOptions,
  protocolNumbers,
  type SocketOptions,
} from './socket-options.js';

export { type BatchOutcome, type CallOptions, type DumpOptions, protocolNumbers, type SocketOptions };

const RECEIVE_BUFFER = 1024 * 1024;
const TIMEOUT = 30_000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
/** ms to wait for the rest of a dump that was given up. */
const HEAR_OUT = 1000;

/**
 * A netlink socket. Calls may overlap: they are made one after the other, in their order. Each has a deadline and
 * takes an AbortSignal. The asynchronous calls do their system calls on the thread pool; the `Sync` twins on the
 * calling thread, and only while no asynchronous call runs.
 */
export class NetlinkSocket {
  readonly protocol: Protocol;
  readonly #native: NativeSocket;
  readonly #timeout: number;
  readonly #prompt: boolean;
  readonly #sequences = new Sequence(1 + Math.floor(Math.random() * 0x7fff_0000));
  #inbox = Inbox.take();
  /** While one inbox is read, the other is filled. */
  #spare: Inbox | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #running = 0;
  #closed = false;
  #sendBuffer = 0;
  #abandoned: Conversation | undefined;

  private constructor(native: NativeSocket, { protocol, timeout = TIMEOUT, prompt = false }: SocketOptions) {
    this.protocol = protocol;
    this.#native = native;
    this.#timeout = timeout;
    this.#prompt = prompt;
  }

  /** Opens a socket. Throws SystemCallError (`EPERM` …) or NativeUnavailableError. */
  static open(options: SocketOptions): NetlinkSocket {
    const native =
      options.native ??
      openSocket({
        protocol: protocolNumbers[options.protocol],
        namespace: options.namespace,
        receiveBuffer: options.receiveBuffer ?? RECEIVE_BUFFER,
      });
    return new NetlinkSocket(native, options);
  }

  /** nl_pid of the socket. */
  get portId(): number {
    return this.#native.portId;
  }

  /** Sends one message and waits for its acknowledgement; returns the data that came with it. Throws NetlinkError. */
  async request<M extends Message>(
    message: M,
    input: MessageInput<M> = {},
    options: CallOptions = {},
  ): Promise<DecodedMessage[]> {
    const conversation = this.#single(message, input as AnyMessageInput, options);
    await this.#run(conversation, options);
    return only(conversation);
  }

  requestSync<M extends Message>(
    message: M,
    input: MessageInput<M> = {},
    options: CallOptions = {},
  ): DecodedMessage[] {
    const conversation = this.#single(message, input as AnyMessageInput, options);
    this.#runSync(conversation, options);
    return only(conversation);
  }

  /** Reads a whole table as plain objects. A dump that the kernel could not finish undisturbed is repeated. */
  async dump<M extends Message, T = DecodedMessage>(
    message: M,
    input: MessageInput<M> = {},
    options: DumpOptions<T> = {},
  ): Promise<T[]> {
    const out: T[] = [];
    await this.#run(this.#dump(message, input, objectSink(this.protocol, out, options)), options);
    return out;
  }

  dumpSync<M extends Message, T = DecodedMessage>(
    message: M,
    input: MessageInput<M> = {},
    options: DumpOptions<T> = {},
  ): T[] {
    const out: T[] = [];
    this.#runSync(this.#dump(message, input, objectSink(this.protocol, out, options)), options);
    return out;
  }

  /** Reads a whole table as the kernel's datagrams; the last message of the last one is `done`. */
  dumpBytesSync<M extends Message>(
    message: M,
    input: MessageInput<M> = {},
    options: CallOptions = {},
  ): Uint8Array[] {
    const out: Uint8Array[] = [];
    this.#runSync(this.#dump(message, input, bytesSink(out)), options);
    return out;
  }

  /** Reads chosen fields of a whole table into columns. */
  async dumpColumns<M extends Message, N extends string>(
    message: M,
    input: MessageInput<M>,
    reply: Message,
    names: readonly N[],
    options: CallOptions = {},
  ): Promise<Columns<N>> {
    const reader = new ColumnReader(reply, names);
    const sink: Sink = {
      take: (address, length) => {
        reader.pushLoaded(address, length);
      },
      clear: () => reader.clear(),
    };
    await this.#run(this.#dump(message, input, sink), options);
    return reader.columns();
  }

  /** Reads a whole table as views. */
  async dumpViews<M extends Message, R extends Message>(
    message: M,
    input: MessageInput<M>,
    reply: R,
    options: CallOptions = {},
  ): Promise<ViewList<R>> {
    const out = new ViewList<R>();
    const sink: Sink = {
      take: (address, _length, bytes) => out.pushLoaded(this.protocol, bytes.slice(), address, reply),
      clear: () => out.clear(),
    };
    await this.#run(this.#dump(message, input, sink), options);
    return out;
  }

  /** A batch whose sequence numbers are the socket's, to be filled with up to `capacity` messages and given to `send`. */
  batch(capacity: number): Batch {
    return new Batch({ firstSequence: this.#sequences.take(capacity) });
  }

  /** Sends a batch and waits for its last message's acknowledgement. `messageAt` tells what each message is. */
  async send(
    batch: Batch,
    messageAt: (index: number) => Message,
    options: CallOptions & { first?: number; last?: number } = {},
  ): Promise<BatchOutcome> {
    if (batch.count === 0) return { failures: [], answers: [] };
    const conversation = new BatchConversation(this.protocol, batch, messageAt, options);
    await this.#run(conversation, options);
    return conversation;
  }

  sendSync(
    batch: Batch,
    messageAt: (index: number) => Message,
    options: CallOptions & { first?: number; last?: number } = {},
  ): BatchOutcome {
    if (batch.count === 0) return { failures: [], answers: [] };
    const conversation = new BatchConversation(this.protocol, batch, messageAt, options);
    this.#runSync(conversation, options);
    return conversation;
  }

  /** Closes the socket; calls under way fail with `ERR_CLOSED`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.close();
    if (this.#running === 0) Inbox.give(this.#inbox);
    if (this.#running === 0 && this.#spare !== undefined) Inbox.give(this.#spare);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #single(message: Message, input: AnyMessageInput, options: CallOptions): BatchConversation {
    const batch = this.batch(1);
    batch.addUnchecked(message, { ...input, flags: (input.flags ?? 0) | messageFlags.request });
    return new BatchConversation(this.protocol, batch, () => message, { only: options.only });
  }

  #dump<M extends Message>(message: M, input: MessageInput<M>, sink: Sink): DumpConversation {
    const flags = (input.flags ?? 0) | messageFlags.request | messageFlags.dump;
    const bytes = encode(message, { ...input, flags });
    return new DumpConversation(this.protocol, { message, bytes }, sink, this.#sequences);
  }

  async #run(
    conversation: Conversation,
    { signal, timeout = this.#timeout, lengthy = false }: CallOptions,
  ): Promise<void> {
    const before = this.#tail;
    let release: () => void = () => undefined;
    this.#tail = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#running++;
    const interrupt = (): void => this.#native.interrupt();
    let ahead: Promise<void> | undefined;
    try {
      const driver = new Driver(conversation, timeout, signal);
      // a socket that is idle sends at once: the caller's next work overlaps with the kernel's
      if (this.#running > 1) await before;
      if (this.#abandoned !== undefined) await this.#hearOut();
      signal?.addEventListener('abort', interrupt, { once: true });
      let request = driver.begin();
      if (this.#prompt && !lengthy) {
        this.#check(signal);
        if (this.#atOnce(request, driver, signal)) return;
        // what did not fit into a full send buffer is still to be sent
        if ((this.#inbox.table[tableLayout.flags] as number) & exchangeFlags.sent) request = driver.next();
      }
      for (; ; request = driver.next()) {
        this.#check(signal);
        this.#fit(request);
        ahead = this.#exchange(request, driver.left());
        do {
          await ahead;
          ahead = undefined;
          const inbox = this.#inbox;
          if (inbox.full) {
            // there is more to come: the kernel makes it while this is read
            this.#inbox = this.#spare ?? new Inbox(inbox.buffer.length);
            this.#spare = inbox;
            ahead = this.#exchange(nothing, driver.left());
          }
          if (this.#feed(inbox, driver, signal)) return;
        } while (ahead !== undefined && !driver.restarts);
        if (ahead !== undefined) await this.#recall(ahead);
        ahead = undefined;
      }
    } catch (error) {
      this.#leave(conversation, error);
      if (ahead !== undefined) {
        await this.#recall(ahead);
        ahead = undefined;
        if (this.#abandoned !== undefined) this.#heardOut(this.#abandoned);
      }
      throw this.#closed && !(error instanceof SocketError) ? closed() : error;
    } finally {
      if (ahead !== undefined) await this.#recall(ahead);
      signal?.removeEventListener('abort', interrupt);
      this.#running--;
      release();
    }
  }

  #runSync(conversation: Conversation, { signal, timeout = this.#timeout }: CallOptions): void {
    if (this.#running > 0) {
      throw new SocketError(
        'ERR_SOCKET_BUSY',
        'an asynchronous call runs on this socket: a synchronous one must not wait for it',
      );
    }
    this.#hearOutSync();
    const driver = new Driver(conversation, timeout, signal);
    try {
      for (let request = driver.begin(); ; request = driver.next()) {
        this.#check(signal);
        this.#fit(request);
        const inbox = this.#inbox;
        guarded(() => this.#native.exchangeSync(request, inbox.buffer, inbox.table, driver.left()));
        if (this.#feed(inbox, driver, signal)) return;
      }
    } catch (error) {
      this.#leave(conversation, error);
      throw error;
    }
  }

  /** Sends on this thread, and takes what has come by then; true at the conversation's end. */
  #atOnce(request: Uint8Array, driver: Driver, signal: AbortSignal | undefined): boolean {
    this.#fit(request);
    const inbox = this.#inbox;
    guarded(() => this.#native.exchangeSync(request, inbox.buffer, inbox.table, 0));
    const { table } = inbox;
    const nothingYet = ((table[tableLayout.flags] as number) & exchangeFlags.timedOut) !== 0;
    return nothingYet && table[tableLayout.count] === 0 ? false : this.#feed(inbox, driver, signal);
  }

  #exchange(request: Uint8Array, timeout: number): Promise<void> {
    const { buffer, table } = this.#inbox;
    return this.#native.exchange(request, buffer, table, timeout);
  }

  /** Ends an exchange that was begun for what turned out not to come. */
  async #recall(ahead: Promise<void>): Promise<void> {
    this.#native.interrupt();
    await ahead;
  }

  /** The kernel makes one dump at a time for a socket: one that was given up must be heard to its end first. */
  #leave(conversation: Conversation, error: unknown): void {
    const ended =
      error instanceof NetlinkError ||
      (error instanceof SocketError && error.code === 'ERR_DUMP_INTERRUPTED');
    if (!ended && conversation.abandon()) this.#abandoned = conversation;
  }

  async #hearOut(): Promise<void> {
    while (this.#abandoned !== undefined) {
      this.#check(undefined);
      await this.#exchange(nothing, HEAR_OUT);
      this.#heardOut(this.#abandoned);
    }
  }

  #hearOutSync(): void {
    while (this.#abandoned !== undefined) {
      this.#check(undefined);
      const inbox = this.#inbox;
      guarded(() => this.#native.exchangeSync(nothing, inbox.buffer, inbox.table, HEAR_OUT));
      this.#heardOut(this.#abandoned);
    }
  }

  #heardOut(conversation: Conversation): void {
    try {
      if (!this.#feed(this.#inbox, new Driver(conversation, HEAR_OUT, undefined), undefined)) return;
    } catch {
      // the end of what nobody waits for any more
    }
    this.#abandoned = undefined;
  }

  #check(signal: AbortSignal | undefined): void {
    if (this.#closed) throw closed();
    signal?.throwIfAborted();
  }

  /** The kernel refuses a message longer than the send buffer. */
  #fit(request: Uint8Array): void {
    if (request.length < 64 * 1024 || request.length * 2 <= this.#sendBuffer) return;
    this.#sendBuffer = request.length * 2;
    try {
      guarded(() => this.#native.setOption(SOL_SOCKET, SO_SNDBUFFORCE, this.#sendBuffer));
    } catch {
      // without the capability the system's limit holds; sending then says EMSGSIZE if it is too small
      guarded(() => this.#native.setOption(SOL_SOCKET, SO_SNDBUF, this.#sendBuffer));
    }
  }

  /** Gives what an exchange received to its conversation; true at its end. */
  #feed(inbox: Inbox, driver: Driver, signal: AbortSignal | undefined): boolean {
    const { table } = inbox;
    const flags = table[tableLayout.flags] as number;
    for (const datagram of inbox.datagrams()) {
      if (typeof datagram === 'number') {
        inbox.grow(datagram);
        driver.lost(
          new SocketError(
            'ERR_TRUNCATED',
            `a datagram of ${datagram} bytes did not fit into the receive buffer`,
          ),
        );
        return false;
      }
      if (driver.take(datagram)) return true;
    }
    if (this.#closed) throw closed();
    if (flags & exchangeFlags.interrupted) {
      signal?.throwIfAborted();
      throw closed();
    }
    if (flags & exchangeFlags.timedOut) {
      throw new SocketError('ERR_TIMEOUT', `the kernel did not answer within ${driver.timeout} ms`);
    }
    const errno = table[tableLayout.errno] as number;
    if (errno !== 0) {
      const sent = (flags & exchangeFlags.sent) !== 0 || !driver.sending;
      const code = errnoCode(errno);
      const error = new SocketError(code, `${sent ? 'recvmsg' : 'sendmsg'}: ${errnoMeaning(errno)}`);
      if (code !== 'ENOBUFS' || !sent) throw error;
      driver.lost(
        new SocketError('ERR_OVERRUN', 'the receive buffer overran: answers were lost', { cause: error }),
      );
    }
    return false;
  }
}

function closed(): SocketError {
  return new SocketError('ERR_CLOSED', 'the socket is closed');
}

function only(conversation: BatchConversation): DecodedMessage[] {
  const [failure] = conversation.failures;
  if (failure !== undefined) throw failure.error;
  return conversation.answers;
}
