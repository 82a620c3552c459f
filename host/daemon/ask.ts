import { request } from 'node:http';
import { DaemonError } from './errors.js';

/** What `/status` tells. */
export interface DaemonStatus {
  readonly pid: number;
  readonly draining: boolean;
  /** ISO 8601: when it was started. */
  readonly since: string;
  /** Calls answered so far. */
  readonly calls: number;
  readonly running: number;
  readonly waiting: number;
  readonly connections: number;
  readonly residentBytes: number;
}

const TIMEOUT = 5000;

/** Reads `/status` or `/metrics` of the daemon at a socket. Throws DaemonError `ERR_DAEMON_UNREACHABLE`. */
export function askDaemon(socketPath: string, path: '/status' | '/metrics'): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(
        new DaemonError('ERR_DAEMON_UNREACHABLE', `no daemon answers at ${socketPath}: ${cause.message}`, {
          cause,
        }),
      );
    const asked = request({ socketPath, path, timeout: TIMEOUT }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.once('end', () => resolve(text));
      response.once('error', fail);
    });
    asked.once('timeout', () => asked.destroy(new Error(`nothing within ${TIMEOUT} ms`)));
    asked.once('error', fail);
    asked.end();
  });
}
