import { type Addon, exchangeCalls, type KernelSocket, type PacketSocket, tableLayout } from '../native.js';
import type { Gate } from './faults.js';

const NETLINK_NETFILTER = 12;
const NLMSG_ERROR = 2;
/** Of nlmsghdr, and of the errno after it. */
const TYPE = 4;
const SEQUENCE = 8;
const HEADER = 16;
/** A type that no family of the kernel has. */
const NO_SUCH_TYPE = 0xfff0;
/** NFNL_MSG_BATCH_BEGIN and _END, which open and close a transaction. */
const BATCH_MARKS: readonly number[] = [0x10, 0x11];

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Offsets of the messages of a datagram. */
function messagesIn(bytes: Uint8Array): number[] {
  const view = viewOf(bytes);
  const found: number[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < HEADER) break;
    found.push(at);
    at += (length + 3) & ~3;
  }
  return found;
}

/** Requests of one socket: which of them go through, and what is answered to those that do not. */
class Requests {
  readonly #gate: Gate;
  readonly #protocol: number;
  /** nlmsg_seq of what the kernel was made to refuse. */
  readonly #refused = new Set<number>();

  constructor(gate: Gate, protocol: number) {
    this.#gate = gate;
    this.#protocol = protocol;
  }

  /** What is to be sent in a request's place; undefined when nothing is. */
  admit(name: string, request: Uint8Array): Uint8Array | undefined {
    const view = viewOf(request);
    const messages = messagesIn(request).filter(
      (at) => this.#protocol !== NETLINK_NETFILTER || !BATCH_MARKS.includes(view.getUint16(at + TYPE, true)),
    );
    const verdict = this.#gate.judge(name, messages.length);
    if (verdict === 'pass') return request;
    if (verdict === 'refuse') return undefined;
    const changed = request.slice();
    const at = messages[verdict.message] as number;
    viewOf(changed).setUint16(at + TYPE, NO_SUCH_TYPE, true);
    this.#refused.add(view.getUint32(at + SEQUENCE, true));
    return changed;
  }

  fail(table: Uint32Array): void {
    table.fill(0, 0, tableLayout.head);
    table[tableLayout.errno] = this.#gate.errno;
    table[tableLayout.call] = exchangeCalls.indexOf('sendmsg');
  }

  /** The kernel says that it does not know the type; the test wants another reason. */
  answered(buffer: Uint8Array, table: Uint32Array): void {
    if (this.#refused.size === 0) return;
    for (let i = 0; i < (table[tableLayout.count] as number); i++) {
      const entry = tableLayout.head + i * tableLayout.entry;
      const offset = table[entry + tableLayout.offset] as number;
      const datagram = buffer.subarray(offset, offset + (table[entry + tableLayout.length] as number));
      const view = viewOf(datagram);
      for (const at of messagesIn(datagram)) {
        const isError =
          view.getUint16(at + TYPE, true) === NLMSG_ERROR && view.getInt32(at + HEADER, true) < 0;
        if (isError && this.#refused.delete(view.getUint32(at + SEQUENCE, true))) {
          view.setInt32(at + HEADER, -this.#gate.errno, true);
        }
      }
    }
  }
}

/** Gives an object methods of its own: those of the shim's classes cannot be assigned to. */
function withOwn<T extends object>(object: T, methods: Partial<T>): T {
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(object, name, { value, configurable: true });
  }
  return object;
}

/** A socket whose own methods stand before those of its class. */
function watchedSocket(socket: KernelSocket, protocol: number, gate: Gate): KernelSocket {
  const requests = new Requests(gate, protocol);
  const { exchange, exchangeSync, sendSync, setOption, join } = socket;
  const own: Partial<KernelSocket> = {
    async exchange(request, buffer, table, timeout) {
      const admitted = request.length === 0 ? request : requests.admit('sendmsg', request);
      if (admitted === undefined) return requests.fail(table);
      await exchange.call(socket, admitted, buffer, table, timeout);
      requests.answered(buffer, table);
    },
    exchangeSync(request, buffer, table, timeout) {
      const admitted = request.length === 0 ? request : requests.admit('sendmsg', request);
      if (admitted === undefined) return requests.fail(table);
      exchangeSync.call(socket, admitted, buffer, table, timeout);
      requests.answered(buffer, table);
    },
    sendSync(request) {
      gate.pass('sendmsg');
      sendSync.call(socket, request);
    },
    setOption(level, name, value) {
      gate.pass('setsockopt');
      setOption.call(socket, level, name, value);
    },
    join(group) {
      gate.pass('setsockopt');
      join.call(socket, group);
    },
  };
  return withOwn(socket, own);
}

function watchedPacketSocket(socket: PacketSocket, gate: Gate): PacketSocket {
  const { send } = socket;
  return withOwn(socket, {
    send(packet: Uint8Array, address: Uint8Array): void {
      gate.pass('sendto');
      send.call(socket, packet, address);
    },
  });
}

/** The shim, with the gate before everything that may fail. */
export function shimFaults(native: Addon, gate: Gate): Addon {
  const Socket = new Proxy(native.Socket, {
    construct(target, args: ConstructorParameters<Addon['Socket']>) {
      gate.pass('socket');
      return watchedSocket(new target(...args), args[0], gate);
    },
  });
  const PacketSocket = new Proxy(native.PacketSocket, {
    construct(target, args: ConstructorParameters<Addon['PacketSocket']>) {
      gate.pass('socket');
      return watchedPacketSocket(new target(...args), gate);
    },
  });
  const gated =
    <A extends unknown[], T>(name: string, real: (...args: A) => T) =>
    (...args: A): T => {
      gate.pass(name);
      return real(...args);
    };
  return {
    Socket,
    PacketSocket,
    interruptAll: native.interruptAll,
    closeNamespace: native.closeNamespace,
    openNamespace: gated('open', native.openNamespace),
    createAnonymousNamespace: gated('unshare', native.createAnonymousNamespace),
    bindNewNamespace: gated('unshare', native.bindNewNamespace),
    bindNamespace: gated('mount', native.bindNamespace),
    shareMount: gated('mount', native.shareMount),
    unmount: gated('umount2', native.unmount),
    enterNamespace<T>(fd: number, work: () => T): T {
      gate.pass('setns');
      return native.enterNamespace(fd, work);
    },
    readFileIn: gated('read', native.readFileIn),
    writeFileIn: gated('write', native.writeFileIn),
    writeFilesIn(fd, paths, texts) {
      return paths.flatMap((path, i) =>
        gate.judge('write') === 'pass' ? native.writeFilesIn(fd, [path], [texts[i] as string]) : gate.errno,
      );
    },
    createTap: gated('ioctl', native.createTap),
    execute: gated('execve', native.execute),
    flock: gated('flock', native.flock),
    Receiver: native.Receiver,
    peerCredentials: gated('getsockopt', native.peerCredentials),
  };
}
