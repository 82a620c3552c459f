import { SocketError, SystemCallError } from './errors.js';

/** Codes that the shim gives itself, where no system call was made. */
const states: readonly unknown[] = ['ERR_CLOSED', 'ERR_SOCKET_BUSY'];

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
const EACCES = 13;

/** What is thrown in the place of what the shim threw. */
export function translated(error: unknown): unknown {
  if (
    error instanceof Error &&
    !(error instanceof SocketError) &&
    'code' in error &&
    states.includes(error.code)
  ) {
    return new SocketError(String(error.code), error.message);
  }
  return isShimError(error) ? refusedCall(error) : error;
}

/** A system call that was refused, with a word on what it would have needed. */
export function refusedCall({ errno, syscall, path }: ShimError): SystemCallError {
  const hint =
    errno === EPERM || errno === EACCES
      ? 'root, or the capabilities CAP_NET_ADMIN and CAP_SYS_ADMIN, are needed'
      : undefined;
  return new SystemCallError(errno, syscall, path, hint);
}
