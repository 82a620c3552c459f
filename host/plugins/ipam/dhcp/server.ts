import { lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname, isAbsolute, join } from 'node:path';
import { pid } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { isServed, listen, passedSockets } from '../../../cni/unix-socket.js';
import { Daemon } from './daemon.js';
import { DhcpError } from './errors.js';
import { type DaemonFlags, readFlags, usage } from './flags.js';
import { type Handler, serveConnection } from './rpc-server.js';
import { LeaseStore, leaseDirectory } from './store.js';
import { nothing, writeResult } from './wire.js';

/** The owner and the group may connect. */
const MASK = 0o117;

/** A daemon that runs. */
export interface RunningDaemon {
  /** How many leases it has found. */
  readonly resumed: number;
  /** Ends it, and leaves its leases to the next. */
  close(): Promise<void>;
}

export interface DaemonOptions extends DaemonFlags {
  /** A socket that listens already, as systemd gives it. */
  readonly descriptor?: number | undefined;
  log(message: string): void;
}

/** The descriptor that systemd has passed, sd_listen_fds(3). Throws DhcpError `ERR_DHCP_FLAG` when there are several. */
export function activated(env: NodeJS.ProcessEnv): number | undefined {
  const [socket, ...others] = passedSockets(env);
  if (others.length > 0) {
    throw new DhcpError(
      'ERR_DHCP_FLAG',
      `Error getting listener: Too many (${others.length + 1}) FDs passed through socket activation`,
    );
  }
  return socket?.descriptor;
}

function cannotListen(path: string, cause: unknown): DhcpError {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  const why = code === 'EADDRINUSE' ? 'address already in use' : code;
  return new DhcpError('ERR_DHCP_STATE', `Error getting listener: listen unix ${path}: bind: ${why}`, {
    cause,
  });
}

/** Listens; a socket that a daemon left when it was killed is no obstacle. */
async function listenAt(server: Server, path: string): Promise<void> {
  try {
    await listen(server, { path }, MASK);
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const isSocket = lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? true;
    if (!isTaken || !isSocket || (await isServed(path))) throw cannotListen(path, error);
    rmSync(path, { force: true });
    try {
      await listen(server, { path }, MASK);
    } catch (second) {
      throw cannotListen(path, second);
    }
  }
}

/** ms to wait for the leases while a DEL has them that found no daemon. */
const PATIENCE = 10_000;
const POLL = 50;

async function openLeases(socketPath: string, activated: boolean): Promise<LeaseStore> {
  for (const deadline = performance.now() + PATIENCE; ; ) {
    try {
      return LeaseStore.open(leaseDirectory(socketPath));
    } catch (error) {
      const held = error instanceof DhcpError && error.code === 'ERR_DHCP_STATE';
      if (!held || performance.now() > deadline) throw error;
      if (!activated && (await isServed(socketPath))) throw cannotListen(socketPath, { code: 'EADDRINUSE' });
    }
    await pause(POLL);
  }
}

/**
 * Starts a daemon in this process. Throws DhcpError `ERR_DHCP_STATE` where another one has its socket or its leases,
 * `ERR_DHCP_FLAG` for a pidfile whose path is relative.
 */
export async function startDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const { pidFile, hostPrefix, timing, descriptor, log } = options;
  const socketPath = hostPrefix === '' ? options.socketPath : join(hostPrefix, options.socketPath);
  if (pidFile !== '' && !isAbsolute(pidFile)) {
    throw new DhcpError('ERR_DHCP_FLAG', `Error writing pidfile "${pidFile}": path not absolute`);
  }
  mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
  const store = await openLeases(socketPath, descriptor !== undefined);
  const daemon = new Daemon({ hostPrefix, timing, store, log });
  const handlers: readonly (readonly [string, Handler])[] = [
    ['DHCP.Allocate', async (args, signal) => writeResult(await daemon.allocate(args, signal))],
    ['DHCP.Release', async (args) => daemon.release(args).then(() => nothing)],
    ['DHCP.Check', async (args) => daemon.check(args).then(() => nothing)],
    ['DHCP.GC', async (args) => daemon.collect(args).then(() => nothing)],
  ];
  const methods = new Map(handlers);
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    serveConnection(socket, methods, log);
  });
  try {
    if (descriptor === undefined) await listenAt(server, socketPath);
    else await listen(server, { fd: descriptor }, MASK);
    if (pidFile !== '') writeFileSync(pidFile, String(pid), { mode: 0o644 });
  } catch (error) {
    server.close();
    store.close();
    throw error;
  }
  const resumed = daemon.resume();
  return {
    resumed,
    close: async () => {
      server.close();
      await daemon.close();
      for (const socket of connections) socket.destroy();
      if (pidFile !== '') rmSync(pidFile, { force: true });
      store.close();
    },
  };
}

/** `dhcp daemon`: runs until SIGINT or SIGTERM. Sets the exit status: 1 when it cannot, 2 for wrong flags. */
export async function runDaemon(args: readonly string[]): Promise<void> {
  const log = (message: string): void => {
    process.stderr.write(`${new Date().toISOString()} ${message}\n`);
  };
  let flags: DaemonFlags | undefined;
  try {
    flags = readFlags(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`);
    process.exitCode = 2;
    return;
  }
  if (flags === undefined) {
    process.stderr.write(usage);
    return;
  }
  let daemon: RunningDaemon;
  try {
    daemon = await startDaemon({ ...flags, descriptor: activated(process.env), log });
  } catch (error) {
    log(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
    return;
  }
  if (daemon.resumed > 0) log(`goes on with ${daemon.resumed} leases`);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  await daemon.close();
}
