import { NetloomError } from '../netlink/errors.js';

/**
 * What keeps a daemon from serving: `ERR_DAEMON_DIRECTORY` (the socket's directory is not its own alone),
 * `ERR_DAEMON_RUNS` (another one listens), `ERR_DAEMON_ACTIVATION`, `ERR_DAEMON_LISTEN`; for those who ask it
 * `ERR_DAEMON_UNREACHABLE`.
 */
export class DaemonError extends NetloomError {
  override readonly name = 'DaemonError';
}
