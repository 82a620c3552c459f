import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { arch, execPath, platform } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NativeUnavailableError, SocketError, SystemCallError } from './errors.js';
import { refusedCall, translated } from './shim-errors.js';

/**
 * Words of the table that an exchange fills: four about the whole, then six for each datagram (offset and
 * length in the buffer, length it really had, sender's port, multicast groups, number of the namespace that it is
 * from). bindings/src/exchange.h
 */
export const tableLayout = {
  count: 0,
  errno: 1,
  flags: 2,
  /** Index in `exchangeCalls` of the system call that `errno` is of. */
  call: 3,
  head: 4,
  entry: 6,
  offset: 0,
  length: 1,
  realLength: 2,
  sender: 3,
  groups: 4,
  nsid: 5,
} as const;
export const exchangeFlags = { sent: 1, timedOut: 2, interrupted: 4 } as const;
export const exchangeCalls = ['', 'sendmsg', 'poll', 'recvmsg'] as const;

/** In the place of a namespace's number: the datagram is from the socket's own. */
export const OWN_NAMESPACE = 0xffff_ffff;

/** Bytes that a receive buffer must have room for. */
export const MINIMUM_ROOM = 32_768;

/**
 * What a socket is worked with. Calls throw SystemCallError, SocketError `ERR_CLOSED`, and SocketError
 * `ERR_SOCKET_BUSY` while an exchange runs, when made through `guarded`. What an exchange comes to is in its table:
 * neither a timeout nor an errno is thrown.
 */
export interface NativeSocket {
  /** -1 when it is closed. */
  readonly fd: number;
  /** nl_pid, given by the kernel. */
  readonly portId: number;
  setOption(level: number, name: number, value: number): void;
  getOption(level: number, name: number): number;
  /**
   * Sends, waits (`timeout` ms, -1 for ever) for a first datagram, and takes all there are; on the thread pool. An
   * empty request only listens. The arrays must be neither touched nor transferred until it is done.
   */
  exchange(request: Uint8Array, buffer: Uint8Array, table: Uint32Array, timeout: number): Promise<void>;
  exchangeSync(request: Uint8Array, buffer: Uint8Array, table: Uint32Array, timeout: number): void;
  /** Takes the datagrams that are there now. */
  receive(buffer: Uint8Array, table: Uint32Array): void;
  /** Ends a running exchange early. */
  interrupt(): void;
  /** The event loop calls `onReadable` whenever there is something to receive; until then the socket is not collected. */
  startReading(onReadable: () => void): void;
  stopReading(): void;
  /** Whether reading keeps the process alive: it does at first. */
  ref(): void;
  unref(): void;
  /** A running exchange is interrupted, and the descriptor closed when it has ended. Closing twice is no error. */
  close(): void;
}

/** A socket of the kernel's. */
export interface KernelSocket extends NativeSocket {
  /** Which of the options that every socket gets the kernel has: NETLINK_EXT_ACK (Linux 4.12), NETLINK_CAP_ACK (4.3), NETLINK_GET_STRICT_CHK (4.20). */
  readonly options: {
    readonly extendedAck: boolean;
    readonly cappedAck: boolean;
    readonly strictChecks: boolean;
  };
  /** Joins a multicast group, by its number (NETLINK_ADD_MEMBERSHIP). */
  join(group: number): void;
  leave(group: number): void;
  /** Sends and does not wait for an answer. */
  sendSync(request: Uint8Array): void;
}

/** A packet that a PacketSocket received. */
export interface ReceivedPacket {
  /** Bytes. */
  readonly length: number;
  /** TP_STATUS_… (linux/if_packet.h): 8, TP_STATUS_CSUMNOTREADY, where the sender left the checksum to hardware that is none. */
  readonly status: number;
  /** Link-layer address of the sender. */
  readonly address: Uint8Array;
}

/** A packet socket (packet(7), SOCK_DGRAM) on one link: packets without their link-layer header. */
export interface PacketSocket {
  /** Throws SystemCallError when made through `guarded`; ENETDOWN while the link is down. */
  send(packet: Uint8Array, address: Uint8Array): void;
  /** Takes a packet that is there now; undefined when none is. What is longer than the buffer is cut. */
  receive(buffer: Uint8Array): ReceivedPacket | undefined;
  /** The event loop calls `onReadable` whenever there is something to receive, an error included. */
  startReading(onReadable: () => void): void;
  /** Closing twice is no error. */
  close(): void;
}

/** What comes over a unix socket, descriptors included: Node's own sockets drop them. */
export interface Receiver {
  /**
   * Takes what is there now: how many bytes are in the buffer then, 0 at the end of the stream, -1 when nothing has come
   * yet. Descriptors are pushed to the array, close-on-exec, and are the caller's. Throws SystemCallError when made
   * through `guarded`.
   */
  receive(buffer: Uint8Array, descriptors: number[]): number;
  /** The event loop calls `onReadable` whenever there is something to receive, the stream's end included. */
  startReading(onReadable: () => void): void;
  /** Closing twice is no error. */
  close(): void;
}

/** The shim's functions. */
export interface Addon {
  readonly PacketSocket: new (
    namespace: number,
    protocol: number,
    ifindex: number,
    filter: Uint8Array,
  ) => PacketSocket;
  readonly Socket: new (
    protocol: number,
    namespace: number,
    receiveBuffer: number,
    sendBuffer: number,
  ) => KernelSocket;
  readonly Receiver: new (fd: number) => Receiver;
  /** Interrupts the exchanges that run. */
  interruptAll(): void;
  openNamespace(path: string): number;
  closeNamespace(fd: number): void;
  createAnonymousNamespace(): number;
  bindNewNamespace(path: string): void;
  bindNamespace(fd: number, path: string): void;
  shareMount(path: string): void;
  unmount(path: string): void;
  enterNamespace<T>(fd: number, call: () => T): T;
  readFileIn(fd: number, path: string): string;
  writeFileIn(fd: number, path: string, text: string): void;
  /** The errno of each file, 0 for one that was written. */
  writeFilesIn(fd: number, paths: readonly string[], texts: readonly string[]): number[];
  flock(fd: number, operation: number): void;
  execute(
    namespace: number,
    args: readonly string[],
    env: readonly string[],
    binds: readonly string[],
    temporary: readonly string[],
    sys: boolean,
  ): never;
  peerCredentials(fd: number): { pid: number; uid: number; gid: number };
  createTap(
    namespace: number,
    name: string,
    flags: number,
    owner: number,
    group: number,
    label: string,
  ): void;
}

let loaded: Addon | undefined;

/** The package's directory, from dist/host/netlink/, from a bundle in dist/plugins/, or from the sources. */
function packageRoot(): string {
  const here = new URL('.', import.meta.url);
  return fileURLToPath(new URL(here.pathname.endsWith('/dist/host/netlink/') ? '../../../' : '../../', here));
}

/** Where the addon may be, best first. */
function* candidates(root: string): Generator<string> {
  const given = process.env.NETLOOM_ADDON;
  if (given !== undefined && given !== '') {
    yield given;
    return;
  }
  yield `${root}prebuilds/${platform}-${arch}/netloom.node`;
  yield `${root}bindings/build/Release/netloom.node`;
  // only now: it takes longer to load than the addon does, and finds what is built for another C library
  try {
    const prebuilt = createRequire(import.meta.url)('node-gyp-build') as { resolve(root: string): string };
    yield prebuilt.resolve(root);
  } catch {
    // nothing there, or not installed
  }
}

function buildCommand(root: string): string {
  const prefix = dirname(dirname(execPath));
  const headers = existsSync(`${prefix}/include/node/node_api.h`) ? ` --nodedir=${prefix}` : '';
  return `npx node-gyp rebuild -C ${root}bindings${headers}`;
}

/** The addon; loaded at first use. Throws NativeUnavailableError. */
function addon(): Addon {
  if (loaded !== undefined) return loaded;
  const root = packageRoot();
  if (platform !== 'linux') {
    throw new NativeUnavailableError(`netlink sockets need Linux; this is ${platform}`);
  }
  const paths: string[] = [];
  let failure: Error | undefined;
  for (const path of candidates(root)) {
    if (paths.includes(path)) continue;
    paths.push(path);
    if (!existsSync(path)) continue;
    try {
      // not require: that takes a file without the ending for JavaScript
      const module = { exports: {} };
      process.dlopen(module, path);
      loaded = module.exports as Addon;
    } catch (error) {
      failure ??= error as Error; // of another C library, perhaps
      continue;
    }
    // Node waits for the thread pool when it exits, and the pool for an answer that may never come
    process.once('exit', loaded.interruptAll);
    return loaded;
  }
  const command = buildCommand(root);
  const what =
    failure === undefined
      ? 'there is no native addon'
      : `the native addon cannot be loaded (${failure.message})`;
  throw new NativeUnavailableError(
    `${what}; looked for ${paths.join(', ')}; to build it, run: ${command}`,
    paths,
    command,
    failure === undefined ? {} : { cause: failure },
  );
}

/**
 * Puts something between this module and the shim; returns what takes it away again. For the test kit alone
 * (`netloom/testing`): the package exports this module to nobody else.
 */
export function interpose(between: (native: Addon) => Addon): () => void {
  const real = addon();
  loaded = between(real);
  return () => {
    loaded = real;
  };
}

/** Is the addon there? */
export function nativeAvailable(): boolean {
  try {
    addon();
    return true;
  } catch {
    return false;
  }
}

export function call<T>(work: (native: Addon) => T): T {
  const native = addon();
  try {
    return work(native);
  } catch (error) {
    throw translated(error);
  }
}

export interface OpenSocketOptions {
  /** NETLINK_ROUTE 0, NETLINK_NETFILTER 12, NETLINK_GENERIC 16, … (linux/netlink.h) */
  readonly protocol: number;
  /** Descriptor of the network namespace to open it in. */
  readonly namespace?: number | undefined;
  /** The same as a path. */
  readonly namespacePath?: string | undefined;
  /** Bytes. */
  readonly receiveBuffer?: number | undefined;
  /** Bytes. */
  readonly sendBuffer?: number | undefined;
}

/**
 * Opens a netlink socket inside the namespace that is given, else in this thread's. Throws SystemCallError or
 * NativeUnavailableError.
 */
export function openSocket(options: OpenSocketOptions): KernelSocket {
  const { protocol, namespacePath, receiveBuffer = 0, sendBuffer = 0 } = options;
  const opened = namespacePath === undefined ? undefined : openNamespace(namespacePath);
  try {
    const namespace = opened ?? options.namespace ?? -1;
    return call((native) => new native.Socket(protocol, namespace, receiveBuffer, sendBuffer));
  } finally {
    if (opened !== undefined) closeNamespace(opened);
  }
}

export interface OpenPacketSocketOptions {
  /** Descriptor of the network namespace to open it in; this thread's by default. */
  readonly namespace?: number | undefined;
  /** ETH_P_… (linux/if_ether.h). */
  readonly protocol: number;
  readonly ifindex: number;
  /** A classic BPF program (struct sock_filter of linux/filter.h); everything passes without one. */
  readonly filter?: Uint8Array | undefined;
}

/** Opens a packet socket inside a namespace. Throws SystemCallError or NativeUnavailableError. */
export function openPacketSocket(options: OpenPacketSocketOptions): PacketSocket {
  const { namespace = -1, protocol, ifindex, filter = new Uint8Array() } = options;
  return call((native) => new native.PacketSocket(namespace, protocol, ifindex, filter));
}

/** Runs a call of a NativeSocket or PacketSocket, turning what the shim throws into SystemCallError or SocketError. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translated(error);
  }
}

/** Opens a namespace file (`/run/netns/blue`, `/proc/1/ns/net`); EINVAL when it is no network namespace. */
export const openNamespace = (path: string): number => call((native) => native.openNamespace(path));
/** Closes what `openNamespace` or `createAnonymousNamespace` returned; what a worker forgets is closed at its end. */
export const closeNamespace = (fd: number): void => call((native) => native.closeNamespace(fd));
/** A new namespace that lives as long as the returned descriptor, or anything in it, does. */
export const createAnonymousNamespace = (): number => call((native) => native.createAnonymousNamespace());
/** Binds a new namespace to an existing file. */
export const bindNewNamespace = (path: string): void => call((native) => native.bindNewNamespace(path));
/** Binds an open namespace to an existing file. */
export const bindNamespace = (fd: number, path: string): void =>
  call((native) => native.bindNamespace(fd, path));
/** Makes a directory a shared mount, as `ip netns` has /run/netns. */
export const shareMount = (path: string): void => call((native) => native.shareMount(path));
/** Detaches what is mounted on a file; does not follow a symbolic link. EINVAL when nothing is mounted there. */
export const unmount = (path: string): void => call((native) => native.unmount(path));
/**
 * Calls a function with this thread inside a namespace; what goes on asynchronously does so outside. Ends the process
 * if the thread cannot come back.
 */
export const enterNamespace = <T>(fd: number, work: () => T): T =>
  call((native) => native.enterNamespace(fd, work));
/** Reads a file as a thread inside the namespace sees it (/proc/sys/net). */
export const readFileIn = (fd: number, path: string): string => call((native) => native.readFileIn(fd, path));
export const writeFileIn = (fd: number, path: string, text: string): void =>
  call((native) => native.writeFileIn(fd, path, text));
/** As `writeFileIn`, for several files in one stay: why each could not be written, nothing for those that were. */
export const writeFilesIn = (
  fd: number,
  paths: readonly string[],
  texts: readonly string[],
): (SystemCallError | undefined)[] =>
  call((native) => native.writeFilesIn(fd, paths, texts)).map((errno, i) =>
    errno === 0 ? undefined : refusedCall({ errno, syscall: 'write', path: paths[i] as string }),
  );
/** flock(2); `LOCK_SH` 1, `LOCK_EX` 2, `LOCK_NB` 4, `LOCK_UN` 8. Without LOCK_NB it holds the thread. */
export const flock = (fd: number, operation: number): void => call((native) => native.flock(fd, operation));

/**
 * Makes a persistent link inside a namespace through /dev/net/tun, or nothing. `flags` are those of TUNSETIFF
 * (linux/if_tun.h); owner and group are -1 for none; with a label, the thread that makes it has that for its sockets
 * (/proc/thread-self/attr/sockcreate).
 */
export const createTap = (
  namespace: number,
  name: string,
  flags: number,
  owner: number,
  group: number,
  label: string,
): void => call((native) => native.createTap(namespace, name, flags, owner, group, label));

const LOCK_NB = 4;
const EAGAIN = 11;
/** ms */
const LONGEST_PAUSE = 20;

export interface LockOptions {
  /** ms; none unless given. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * flock(2) that waits without holding any thread: it asks again and again, at most 20 ms apart. Throws
 * SocketError `ERR_TIMEOUT`, SystemCallError, or the signal's reason.
 */
export async function flockAsync(fd: number, operation: number, options: LockOptions = {}): Promise<void> {
  const { timeout = Number.POSITIVE_INFINITY, signal } = options;
  const deadline = performance.now() + timeout;
  for (let pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    signal?.throwIfAborted();
    try {
      flock(fd, operation | LOCK_NB);
      return;
    } catch (error) {
      if (!(error instanceof SystemCallError) || error.errno !== EAGAIN) throw error;
    }
    const left = deadline - performance.now();
    if (left <= 0) throw new SocketError('ERR_TIMEOUT', `the lock was not free within ${timeout} ms`);
    // not all who wait at the same moment
    await sleep(Math.min(pause * (0.5 + Math.random()), left));
  }
}

/** SO_PEERCRED of a connected unix socket. */
export const peerCredentials = (fd: number): { pid: number; uid: number; gid: number } =>
  call((native) => native.peerCredentials(fd));

/** Receives in the place of a connected stream's owner, who reads nothing itself and goes on writing. */
export const openReceiver = (fd: number): Receiver => call((native) => new native.Receiver(fd));
