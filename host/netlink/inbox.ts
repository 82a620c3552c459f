import { tableLayout } from './native.js';

const DATAGRAMS = 256;
/** Bytes of room without which the shim receives no further datagram. */
const ROOM = 32 * 1024;

/** Bytes of an inbox that has not grown. */
const LENGTH = 256 * 1024;
/** Inboxes of closed sockets, for those to come: an attachment opens several sockets, and each would leave its to the collector. */
const MAXIMUM_SPARE = 8;
const spare: Inbox[] = [];

/** Where an exchange puts what it receives. */
export class Inbox {
  buffer: Uint8Array;
  readonly table = new Uint32Array(tableLayout.head + DATAGRAMS * tableLayout.entry);

  /** `length`: bytes */
  constructor(length = LENGTH) {
    this.buffer = new Uint8Array(length);
  }

  /** One that is empty. */
  static take(): Inbox {
    return spare.pop() ?? new Inbox();
  }

  /** Gives back what no exchange fills any more, and whose datagrams nobody reads. */
  static give(inbox: Inbox): void {
    if (inbox.buffer.length === LENGTH && spare.length < MAXIMUM_SPARE) spare.push(inbox);
  }

  /** Did the exchange end because there was no room for more? */
  get full(): boolean {
    const count = this.table[tableLayout.count] as number;
    if (count === 0) return false;
    if (count === DATAGRAMS) return true;
    const last = tableLayout.head + (count - 1) * tableLayout.entry;
    const end =
      (this.table[last + tableLayout.offset] as number) + (this.table[last + tableLayout.length] as number);
    return this.buffer.length - end < ROOM;
  }

  /** The kernel's datagrams; the length in bytes of one that was cut short. */
  *datagrams(): Generator<Uint8Array | number> {
    const { table, buffer } = this;
    const count = table[tableLayout.count] as number;
    for (let i = 0; i < count; i++) {
      const entry = tableLayout.head + i * tableLayout.entry;
      if ((table[entry + tableLayout.sender] as number) !== 0) continue; // only the kernel is believed
      const offset = table[entry + tableLayout.offset] as number;
      const length = table[entry + tableLayout.length] as number;
      const real = table[entry + tableLayout.realLength] as number;
      yield real > length ? real : buffer.subarray(offset, offset + length);
    }
  }

  /** Makes room for datagrams of this many bytes. */
  grow(length: number): void {
    this.buffer = new Uint8Array(Math.max(length * 2, this.buffer.length * 2));
  }
}
