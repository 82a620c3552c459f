import { connect, type Server } from 'node:net';
import { pid } from 'node:process';

/** First descriptor that systemd passes: SD_LISTEN_FDS_START, sd_listen_fds(3). */
const FIRST = 3;

/** A socket that listens already. */
export interface PassedSocket {
  readonly descriptor: number;
  /** Its FileDescriptorName=, by default the name of its unit; empty where that is not told. */
  readonly name: string;
}

/** The sockets that systemd has opened for this process: sd_listen_fds_with_names(3). */
export function passedSockets(env: NodeJS.ProcessEnv): PassedSocket[] {
  if (env.LISTEN_PID !== String(pid)) return [];
  const names = (env.LISTEN_FDNAMES ?? '').split(':');
  return Array.from({ length: Number(env.LISTEN_FDS ?? '0') }, (_, i) => ({
    descriptor: FIRST + i,
    name: names[i] ?? '',
  }));
}

/** Does anybody listen at a path? What cannot be told counts as yes: whoever asks wants to remove the socket. */
export function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT');
    });
  });
}

/**
 * Has a server listen on a path or on a socket that is open already. `mask` is the umask for the moment of bind(2), so
 * that nobody else can ever connect; `backlog` how many connections may wait (Node's 511 by default). Throws the
 * system's error.
 */
export function listen(
  server: Server,
  where: ({ readonly path: string } | { readonly fd: number }) & { readonly backlog?: number },
  mask: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const before = process.umask(mask);
    try {
      server.listen(where, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}
