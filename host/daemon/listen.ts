import { lstatSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { dirname } from 'node:path';
import { getuid } from 'node:process';
import { makeDirectory } from '../cni/directory.js';
import { isServed, listen, passedSockets } from '../cni/unix-socket.js';
import { DaemonError } from './errors.js';

/** Connections that wait to be accepted; net.core.somaxconn limits it too. */
const BACKLOG = 4096;
/** Nobody but the owner may connect. */
const MASK = 0o177;

/** Sockets that systemd listens on for this process, as descriptors. */
export interface ActivatedSockets {
  /** For the clients. */
  readonly calls?: number;
  /** For Docker. */
  readonly docker?: number;
}

/**
 * What systemd has passed; the socket for Docker is known by its name, `dockerName`, and any other is for the clients.
 * Throws DaemonError `ERR_DAEMON_ACTIVATION` for several of one kind.
 */
export function activatedSockets(env: NodeJS.ProcessEnv, dockerName: string): ActivatedSockets {
  const passed = passedSockets(env);
  const only = (docker: boolean): number | undefined => {
    const [socket, ...others] = passed.filter(({ name }) => (name === dockerName) === docker);
    if (others.length > 0) {
      const names = passed.map(({ name }) => name || 'without a name').join(', ');
      throw new DaemonError('ERR_DAEMON_ACTIVATION', `systemd passed several sockets of one kind: ${names}`);
    }
    return socket?.descriptor;
  };
  const [calls, docker] = [only(false), only(true)];
  return { ...(calls === undefined ? {} : { calls }), ...(docker === undefined ? {} : { docker }) };
}

/**
 * Makes the socket's directory, or makes sure that nobody but its owner, who is this user, can reach what is in it. Throws
 * DaemonError `ERR_DAEMON_DIRECTORY`.
 */
export function requirePrivate(directory: string): void {
  makeDirectory(directory, 0o700);
  const { uid, mode } = lstatSync(directory);
  const refuse = (why: string): DaemonError =>
    new DaemonError('ERR_DAEMON_DIRECTORY', `${directory} ${why}: whoever reaches the socket would be root`);
  const status = lstatSync(directory);
  if (!status.isDirectory()) throw refuse('is no directory');
  if (uid !== getuid?.()) throw refuse(`belongs to user ${uid}`);
  if ((mode & 0o077) !== 0) throw refuse(`has mode ${(mode & 0o7777).toString(8)} instead of 700`);
}

/**
 * Has a server listen: at a path, in a directory that is this user's alone, where a socket that a killed daemon left is
 * no obstacle; or on a socket that systemd has opened. Throws DaemonError `ERR_DAEMON_DIRECTORY`, `ERR_DAEMON_RUNS`,
 * `ERR_DAEMON_LISTEN`.
 */
export async function listenAt(server: Server, path: string, descriptor: number | undefined): Promise<void> {
  requirePrivate(dirname(path));
  const failed = (cause: unknown): DaemonError =>
    new DaemonError('ERR_DAEMON_LISTEN', `cannot listen at ${path}: ${(cause as Error).message}`, { cause });
  const listenOn = (where: { path: string } | { fd: number }): Promise<void> =>
    listen(server, { ...where, backlog: BACKLOG }, MASK);
  try {
    await listenOn(descriptor === undefined ? { path } : { fd: descriptor });
    return;
  } catch (error) {
    if (descriptor !== undefined || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE')
      throw failed(error);
  }
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false)
    throw failed(new Error('something else is there'));
  if (await isServed(path)) throw new DaemonError('ERR_DAEMON_RUNS', `a daemon listens at ${path} already`);
  rmSync(path, { force: true });
  try {
    await listenOn({ path });
  } catch (error) {
    throw failed(error);
  }
}
