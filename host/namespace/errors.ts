import { NetloomError, SystemCallError } from '../netlink/errors.js';

/**
 * `ERR_NAMESPACE_NOT_FOUND`, `ERR_NOT_A_NAMESPACE`, `ERR_NAMESPACE_EXISTS`, `ERR_NAMESPACE_CLOSED`, `ERR_INVALID_NAME`,
 * `ERR_ASYNCHRONOUS_RUN`
 */
export class NamespaceError extends NetloomError {
  override readonly name = 'NamespaceError';
}

const EPERM = 1;
const EACCES = 13;

/** Runs calls of node:fs, turning what they throw into SystemCallError. */
export function filing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof NetloomError) throw error;
    const { errno, syscall, path } = error as NodeJS.ErrnoException;
    if (errno === undefined || syscall === undefined) throw error;
    const hint = -errno === EPERM || -errno === EACCES ? 'root is needed' : undefined;
    throw new SystemCallError(-errno, syscall, path, hint, { cause: error });
  }
}

/** Is it a system call's failure with this code? */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof SystemCallError && codes.includes(error.code);
}
