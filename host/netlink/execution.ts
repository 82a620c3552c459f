import { SystemCallError } from './errors.js';
import { call } from './native.js';

const EINVAL = 22;

export interface Execution {
  /** The program, looked for in PATH, and what it is given. */
  readonly args: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  /** Files to be seen in the place of others, by this program alone. */
  readonly binds?: readonly { readonly source: string; readonly target: string }[] | undefined;
  /** Files, and empty directories after them, to be removed when they have been bound. */
  readonly temporary?: readonly string[] | undefined;
  /** Mounts /sys again, so that it shows the namespace's links. */
  readonly sys?: boolean | undefined;
}

/**
 * Replaces this process with a program inside a namespace: it keeps the process's number, terminal and descriptors 0 to
 * 2. Never returns. Throws SystemCallError, and then nothing has changed.
 */
export function execute(
  namespace: number,
  { args, env, binds = [], temporary = [], sys = false }: Execution,
): never {
  const pairs = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  const bound = binds.flatMap(({ source, target }) => [source, target]);
  for (const text of [...args, ...pairs, ...bound]) {
    if (text.includes('\0')) throw new SystemCallError(EINVAL, 'execve', args[0]);
  }
  return call((native) => native.execute(namespace, args, pairs, bound, temporary, sys));
}
