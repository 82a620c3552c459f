import { lstatSync, rmSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { getuid, pid } from 'node:process';
import { makeDirectory } from '../cni/directory.js';
import { DaemonError } from './errors.js';

/** First descriptor that systemd passes: SD_LISTEN_FDS_START, sd_listen_fds(3). */
const FIRST_PASSED = 3;
/** Connections that wait to be accepted; net.core.somaxconn limits it too. */
const BACKLOG = 4096;

/** The socket that systemd listens on for this process. Throws DaemonError `ERR_DAEMON_ACTIVATION` for several. */
export function activatedSocket(env: NodeJS.ProcessEnv): number | undefined {
  if (env.LISTEN_PID !== String(pid)) return undefined;
  const count = Number(env.LISTEN_FDS ?? '0');
  if (count > 1)
    throw new DaemonError('ERR_DAEMON_ACTIVATION', `systemd passed ${count} sockets instead of one`);
  return count === 1 ? FIRST_PASSED : undefined;
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

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
}

function listen(server: Server, where: { path: string } | { fd: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const before = process.umask(0o177);
    try {
      server.once('error', reject);
      server.listen({ ...where, backlog: BACKLOG }, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
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
  try {
    await listen(server, descriptor === undefined ? { path } : { fd: descriptor });
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
    await listen(server, { path });
  } catch (error) {
    throw failed(error);
  }
}
