import { errnoCode, errnoMeaning } from '../codec/errno.js';
import type { Protocol } from '../schema/definition.js';
import { SocketError } from './errors.js';
import { guarded, type NativeSocket, OWN_NAMESPACE, openSocket, tableLayout } from './native.js';
import { protocolNumbers } from './socket.js';

/** What a listener is told; all of it synchronously, in the order in which it happened. */
export interface Listening {
  /** A datagram. `bytes` are only good during the call. `nsid` is undefined for those of the socket's own namespace. */
  datagram(bytes: Uint8Array, nsid: number | undefined): void;
  /** All that was there has been told. `lost`: the kernel's buffer overran, or a datagram was cut short. */
  drained(lost: boolean): void;
  /** Nothing more will be heard. */
  failed(error: Error): void;
}

export interface ListenerOptions {
  readonly protocol: Protocol;
  /** Numbers of multicast groups (RTNLGRP_*, NFNLGRP_*, or what the controller tells). */
  readonly groups: readonly number[];
  /** Descriptor of the namespace to listen in. */
  readonly namespace?: number | undefined;
  /**
   * Hears also what happens in every namespace that has a number in this one (NETLINK_LISTEN_ALL_NSID, Linux 4.2;
   * needs CAP_NET_BROADCAST), without keeping any of them alive.
   */
  readonly allNamespaces?: boolean | undefined;
  /** Bytes of the kernel's receive buffer: what it holds while nobody reads. */
  readonly receiveBuffer?: number | undefined;
  /** Instead of opening a socket: a fake kernel. */
  readonly native?: NativeSocket | undefined;
}

const RECEIVE_BUFFER = 4 * 1024 * 1024;
const BUFFER = 256 * 1024;
const DATAGRAMS = 256;
const SOL_NETLINK = 270;
const ADD_MEMBERSHIP = 1;
const LISTEN_ALL_NSID = 8;

// reading is synchronous, so one buffer does for all
let buffer: Uint8Array | undefined;
const table = new Uint32Array(tableLayout.head + DATAGRAMS * tableLayout.entry);

/** Listens to multicast groups, and calls back from the event loop. Loss is told, never silent. */
export class Listener {
  readonly #native: NativeSocket;
  readonly #heard: Listening;
  #closed = false;
  #paused = false;

  private constructor(native: NativeSocket, heard: Listening) {
    this.#native = native;
    this.#heard = heard;
  }

  /** Subscribes at once: what happens from now on is heard. Throws SystemCallError. */
  static open(options: ListenerOptions, heard: Listening): Listener {
    const { protocol, groups, namespace, receiveBuffer = RECEIVE_BUFFER } = options;
    const socket =
      options.native ?? openSocket({ protocol: protocolNumbers[protocol], namespace, receiveBuffer });
    const listener = new Listener(socket, heard);
    try {
      if (options.allNamespaces) guarded(() => socket.setOption(SOL_NETLINK, LISTEN_ALL_NSID, 1));
      for (const group of groups) guarded(() => socket.setOption(SOL_NETLINK, ADD_MEMBERSHIP, group));
      guarded(() => socket.startReading(() => listener.read()));
    } catch (error) {
      socket.close();
      throw error;
    }
    return listener;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Takes what is there now, without waiting for the event loop. */
  read(): void {
    if (this.#closed) return;
    // whoever is called back may listen and read elsewhere: then the buffer is in use
    const room = buffer ?? new Uint8Array(BUFFER);
    buffer = undefined;
    try {
      guarded(() => this.#native.receive(room, table));
      this.#tell(
        room,
        table.slice(0, tableLayout.head + (table[tableLayout.count] as number) * tableLayout.entry),
      );
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      buffer = room;
    }
  }

  #tell(room: Uint8Array, heads: Uint32Array): void {
    const count = heads[tableLayout.count] as number;
    let lost = false;
    for (let i = 0; i < count && !this.#closed; i++) {
      const entry = tableLayout.head + i * tableLayout.entry;
      if ((heads[entry + tableLayout.sender] as number) !== 0) continue; // only the kernel is believed
      const offset = heads[entry + tableLayout.offset] as number;
      const length = heads[entry + tableLayout.length] as number;
      if ((heads[entry + tableLayout.realLength] as number) > length) lost = true;
      const nsid = heads[entry + tableLayout.nsid] as number;
      this.#heard.datagram(room.subarray(offset, offset + length), nsid === OWN_NAMESPACE ? undefined : nsid);
    }
    const errno = heads[tableLayout.errno] as number;
    if (errno !== 0 && errnoCode(errno) !== 'ENOBUFS') {
      throw new SocketError(errnoCode(errno), `recvmsg: ${errnoMeaning(errno)}`);
    }
    if (!this.#closed) this.#heard.drained(lost || errno !== 0);
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.close();
    this.#heard.failed(error);
  }

  /** Stops reading: the kernel's buffer takes what comes, until it overruns. */
  pause(): void {
    if (this.#closed || this.#paused) return;
    this.#paused = true;
    this.#native.stopReading();
  }

  resume(): void {
    if (this.#closed || !this.#paused) return;
    this.#paused = false;
    guarded(() => this.#native.startReading(() => this.read()));
  }

  /** Closing twice is no error. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.close();
  }

  /** Whether listening keeps the process alive; it does by default. */
  ref(): void {
    this.#native.ref();
  }
  unref(): void {
    this.#native.unref();
  }
}
