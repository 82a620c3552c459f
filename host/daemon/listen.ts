import { lstatSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { dirname } from 'node:path';
import { getuid } from 'node:process';
import { makeDirectory } from '../cni/directory.js';
import { firstPassedSocket, isServed, listen, passedSockets } from '../cni/unix-socket.js';
import { DaemonError } from './errors.js';

/** Connections that wait to be accepted; net.core.somaxconn limits it too. */
const BACKLOG = 4096;
/** Nobody but the owner may connect. */
const MASK = 0o177;

/** The socket that systemd listens on for this process. Throws DaemonError `ERR_DAEMON_ACTIVATION` for several. */
export function activatedSocket(env: NodeJS.ProcessEnv): number | undefined {
  const count = passedSockets(env);
  if (count > 1)
    throw new DaemonError('ERR_DAEMON_ACTIVATION', `systemd passed ${count} sockets instead of one`);
  return count === 1 ? firstPassedSocket : undefined;
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
