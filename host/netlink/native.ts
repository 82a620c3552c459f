import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:process';
import { fileURLToPath } from 'node:url';
import { NativeUnavailableError, SystemCallError } from './errors.js';

/**
 * Words of the table that an exchange fills: four about the whole, then five for each datagram (offset and
 * length in the buffer, length it really had, sender's port, multicast groups). bindings/src/socket.cc
 */
export const tableLayout = {
  count: 0,
  errno: 1,
  flags: 2,
  head: 4,
  entry: 5,
  offset: 0,
  length: 1,
  realLength: 2,
  sender: 3,
  groups: 4,
} as const;
export const exchangeFlags = { sent: 1, timedOut: 2, interrupted: 4 } as const;

/** Bytes that a receive buffer must have room for. */
export const MINIMUM_ROOM = 32_768;

/** A netlink socket as the addon has it; its calls throw SystemCallError. */
export interface NativeSocket {
  readonly fd: number;
  /** nl_pid, given by the kernel. */
  readonly portId: number;
  setOption(level: number, name: number, value: number): void;
  getOption(level: number, name: number): number;
  /** Sends, waits (`timeout` ms, -1 for ever) for a first datagram, and takes all there are. Arrays must not be touched until it is done. */
  exchange(request: Uint8Array, buffer: Uint8Array, table: Uint32Array, timeout: number): Promise<void>;
  exchangeSync(request: Uint8Array, buffer: Uint8Array, table: Uint32Array, timeout: number): void;
  /** Takes the datagrams that are there now. */
  receive(buffer: Uint8Array, table: Uint32Array): void;
  /** Ends a running exchange early. */
  interrupt(): void;
  startReading(onReadable: () => void): void;
  stopReading(): void;
  ref(): void;
  unref(): void;
  close(): void;
}

interface Addon {
  readonly Socket: new (
    protocol: number,
    namespace: number,
    receiveBuffer: number,
    sendBuffer: number,
  ) => NativeSocket;
  openNamespace(path: string): number;
  createAnonymousNamespace(): number;
  bindNewNamespace(path: string): void;
  bindNamespace(fd: number, path: string): void;
  shareMount(path: string): void;
  unmount(path: string): void;
  enterNamespace<T>(fd: number, call: () => T): T;
  readFileIn(fd: number, path: string): string;
  writeFileIn(fd: number, path: string, text: string): void;
  flock(fd: number, operation: number): void;
  peerCredentials(fd: number): { pid: number; uid: number; gid: number };
  closeDescriptor(fd: number): void;
}

let loaded: Addon | undefined;

function candidates(): string[] {
  const given = process.env.NETLOOM_ADDON;
  if (given !== undefined && given !== '') return [given];
  // from dist/host/netlink/, or from a bundle in dist/plugins/
  return ['../../../', '../../'].flatMap((root) => [
    fileURLToPath(new URL(`${root}prebuilds/${platform}-${arch}/netloom.node`, import.meta.url)),
    fileURLToPath(new URL(`${root}bindings/build/Release/netloom.node`, import.meta.url)),
  ]);
}

/** The addon; loaded at first use. Throws NativeUnavailableError. */
function addon(): Addon {
  if (loaded !== undefined) return loaded;
  if (platform !== 'linux')
    throw new NativeUnavailableError(`netlink sockets need Linux; this is ${platform}`);
  const paths = candidates();
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new NativeUnavailableError(
      `the native addon is not built: looked for ${paths.join(', ')}; in the project's directory run: npm run build`,
    );
  }
  try {
    loaded = createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    throw new NativeUnavailableError(
      `the native addon ${path} cannot be loaded: ${(cause as Error).message}`,
      { cause },
    );
  }
  return loaded;
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

interface ShimError {
  readonly errno: number;
  readonly syscall: string;
  readonly path?: string;
}

function isShimError(error: unknown): error is ShimError {
  // Node's own errors have negative numbers
  return (
    error instanceof Error &&
    !(error instanceof SystemCallError) &&
    'syscall' in error &&
    'errno' in error &&
    Number(error.errno) > 0
  );
}

const EPERM = 1;

function translated(error: unknown): unknown {
  if (!isShimError(error)) return error;
  const hint =
    error.errno === EPERM
      ? 'root, or the capabilities CAP_NET_ADMIN and CAP_SYS_ADMIN, are needed'
      : undefined;
  return new SystemCallError(error.errno, error.syscall, error.path, hint);
}

function call<T>(work: (native: Addon) => T): T {
  const native = addon();
  try {
    return work(native);
  } catch (error) {
    throw translated(error);
  }
}

/** Opens a netlink socket inside the namespace whose descriptor is given, else in this process's. */
export function openSocket(options: {
  /** NETLINK_ROUTE 0, NETLINK_NETFILTER 12, NETLINK_GENERIC 16, … */
  readonly protocol: number;
  readonly namespace?: number | undefined;
  /** Bytes. */
  readonly receiveBuffer?: number | undefined;
  /** Bytes. */
  readonly sendBuffer?: number | undefined;
}): NativeSocket {
  const { protocol, namespace = -1, receiveBuffer = 0, sendBuffer = 0 } = options;
  return call((native) => new native.Socket(protocol, namespace, receiveBuffer, sendBuffer));
}

/** Runs a call of a NativeSocket, turning what it throws into SystemCallError. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translated(error);
  }
}

/** Opens a namespace file (`/run/netns/blue`, `/proc/1/ns/net`); EINVAL when it is no network namespace. */
export const openNamespace = (path: string): number => call((native) => native.openNamespace(path));
/** A new namespace that lives as long as the returned descriptor, or anything in it, does. */
export const createAnonymousNamespace = (): number => call((native) => native.createAnonymousNamespace());
/** Binds a new namespace to an existing file. */
export const bindNewNamespace = (path: string): void => call((native) => native.bindNewNamespace(path));
/** Binds an open namespace to an existing file. */
export const bindNamespace = (fd: number, path: string): void =>
  call((native) => native.bindNamespace(fd, path));
/** Makes a directory a shared mount, as `ip netns` has /run/netns. */
export const shareMount = (path: string): void => call((native) => native.shareMount(path));
/** Detaches what is mounted on a file. */
export const unmount = (path: string): void => call((native) => native.unmount(path));
/** Calls a function with this thread inside a namespace; it must not be asynchronous. */
export const enterNamespace = <T>(fd: number, work: () => T): T =>
  call((native) => native.enterNamespace(fd, work));
/** Reads a file as a thread inside the namespace sees it (/proc/sys/net). */
export const readFileIn = (fd: number, path: string): string => call((native) => native.readFileIn(fd, path));
export const writeFileIn = (fd: number, path: string, text: string): void =>
  call((native) => native.writeFileIn(fd, path, text));
/** flock(2); `LOCK_SH` 1, `LOCK_EX` 2, `LOCK_NB` 4, `LOCK_UN` 8. Without LOCK_NB it holds the thread. */
export const flock = (fd: number, operation: number): void => call((native) => native.flock(fd, operation));
/** SO_PEERCRED of a connected unix socket. */
export const peerCredentials = (fd: number): { pid: number; uid: number; gid: number } =>
  call((native) => native.peerCredentials(fd));
export const closeDescriptor = (fd: number): void => call((native) => native.closeDescriptor(fd));
