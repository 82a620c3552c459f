import { SystemCallError } from '../errors.js';
import { exchangeFlags, type NativeSocket, OWN_NAMESPACE, tableLayout } from '../native.js';

/** What the fake kernel does about one exchange. */
export interface Reaction {
  /** Datagrams to be received, in the order and the cuts given: one exchange each, or together. */
  readonly datagrams?: readonly Uint8Array[];
  /** Delivers each datagram in an exchange of its own, as a slow kernel would. */
  readonly oneByOne?: boolean;
  /** After the datagrams: an errno that receiving fails with (105 is ENOBUFS). */
  readonly errno?: number;
  /** Sending fails with this errno. */
  readonly sendErrno?: number;
  /** Nothing comes: the exchange waits for its deadline, or for an interruption. */
  readonly silent?: boolean;
  /** Port of the sender; 0 is the kernel. */
  readonly sender?: number;
  /** A datagram's real length, where more was sent than is received. */
  readonly realLength?: number;
  /** Number of the namespace that the datagrams are from (NETLINK_LISTEN_ALL_NSID); the socket's own by default. */
  readonly nsid?: number;
}

/** Gets what was sent (a whole sendmsg) and says what shall happen. */
export type Behaviour = (request: Uint8Array) => Reaction;

interface Pending {
  readonly bytes: Uint8Array;
  readonly sender: number;
  readonly realLength: number | undefined;
  readonly nsid: number | undefined;
}

/**
 * A kernel that does as it is told: for tests of what uses a netlink socket, without root and without Linux. Give it
 * as `native` to NetlinkSocket.open or Subscription.open.
 */
export class FakeKernel implements NativeSocket {
  readonly fd = -1;
  readonly portId = 4242;
  /** What was sent, a copy of each. */
  readonly sent: Uint8Array[] = [];
  /** Options that were set: level, name, value. */
  readonly options: [number, number, number][] = [];
  closed = false;
  readonly #behave: Behaviour;
  readonly #pending: Pending[] = [];
  #errno = 0;
  #oneByOne = false;
  #silent = false;
  #interrupt: (() => void) | undefined;
  #onReadable: (() => void) | undefined;

  constructor(behave: Behaviour = () => ({})) {
    this.#behave = behave;
  }

  /** Something comes without having been asked for, as multicast messages do. */
  deliver(reaction: Reaction): void {
    this.#take(reaction);
    this.#onReadable?.();
  }

  #take({
    datagrams = [],
    oneByOne = false,
    errno = 0,
    silent = false,
    sender = 0,
    realLength,
    nsid,
  }: Reaction): void {
    for (const bytes of datagrams) this.#pending.push({ bytes: bytes.slice(), sender, realLength, nsid });
    this.#oneByOne = oneByOne;
    this.#errno = errno;
    this.#silent = silent;
  }

  /** Sends, if there is something to send; false when that failed. */
  #send(request: Uint8Array, table: Uint32Array): boolean {
    table.fill(0, 0, tableLayout.head);
    if (request.length === 0) return true;
    this.sent.push(request.slice());
    const reaction = this.#behave(request.slice());
    if (reaction.sendErrno !== undefined) {
      table[tableLayout.errno] = reaction.sendErrno;
      return false;
    }
    table[tableLayout.flags] = exchangeFlags.sent;
    this.#take(reaction);
    return true;
  }

  #receive(buffer: Uint8Array, table: Uint32Array): void {
    let used = 0;
    let count = 0;
    const limit = this.#oneByOne ? 1 : Number.POSITIVE_INFINITY;
    while (this.#pending.length > 0 && count < limit) {
      const { bytes, sender, realLength, nsid } = this.#pending.shift() as Pending;
      const length = Math.min(bytes.length, buffer.length - used);
      buffer.set(bytes.subarray(0, length), used);
      table.set(
        [used, length, realLength ?? bytes.length, sender, 0, nsid ?? OWN_NAMESPACE],
        tableLayout.head + count * tableLayout.entry,
      );
      used = (used + length + 7) & ~7;
      count++;
    }
    table[tableLayout.count] = count;
    if (this.#pending.length === 0) {
      table[tableLayout.errno] = this.#errno;
      this.#errno = 0;
    }
  }

  #nothingComes(): boolean {
    return this.#pending.length === 0 && this.#errno === 0;
  }

  async exchange(
    request: Uint8Array,
    buffer: Uint8Array,
    table: Uint32Array,
    timeout: number,
  ): Promise<void> {
    if (!this.#send(request, table)) return;
    if (this.#nothingComes()) {
      const interrupted = await new Promise<boolean>((resolve) => {
        const timer = timeout < 0 ? undefined : setTimeout(() => resolve(false), timeout);
        this.#interrupt = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
      this.#interrupt = undefined;
      table[tableLayout.flags] =
        (table[tableLayout.flags] as number) |
        (interrupted ? exchangeFlags.interrupted : exchangeFlags.timedOut);
      return;
    }
    await Promise.resolve();
    this.#receive(buffer, table);
  }

  exchangeSync(request: Uint8Array, buffer: Uint8Array, table: Uint32Array, _timeout: number): void {
    if (!this.#send(request, table)) return;
    if (this.#nothingComes() || this.#silent) {
      table[tableLayout.flags] = (table[tableLayout.flags] as number) | exchangeFlags.timedOut;
      return;
    }
    this.#receive(buffer, table);
  }

  receive(buffer: Uint8Array, table: Uint32Array): void {
    table.fill(0, 0, tableLayout.head);
    this.#receive(buffer, table);
  }

  setOption(level: number, name: number, value: number): void {
    if (this.closed) throw new SystemCallError(9, 'setsockopt');
    this.options.push([level, name, value]);
  }
  getOption(): number {
    return 0;
  }
  interrupt(): void {
    this.#interrupt?.();
  }
  startReading(onReadable: () => void): void {
    this.#onReadable = onReadable;
    if (this.#pending.length > 0) queueMicrotask(onReadable);
  }
  stopReading(): void {
    this.#onReadable = undefined;
  }
  ref(): void {}
  unref(): void {}
  close(): void {
    this.closed = true;
    this.#onReadable = undefined;
    this.#interrupt?.();
  }
}
