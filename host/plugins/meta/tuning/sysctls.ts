import { posix } from 'node:path';
import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Sandbox } from '../../../cni/plugin.js';
import { SystemCallError } from '../../../netlink/errors.js';
import { wrong } from '../../common/check.js';
import type { Undo } from '../../common/undo.js';

const ROOT = '/proc/sys/';
const NETWORK = `${ROOT}net/`;
const PLACEHOLDER = 'IFNAME';

/** Values of sysctls, by path. */
export type Values = Readonly<Record<string, string>>;

/** The words of Go's errors, which the reference's have. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EINVAL: 'invalid argument',
};

function refused(verb: string, path: string, error: unknown): CniError {
  const reason =
    error instanceof SystemCallError ? (reasons[error.code] ?? error.message) : (error as Error).message;
  return new CniError(errorCodes.internal, `${verb} ${path}: ${reason}`, '', { cause: error });
}

/** `net.ipv4.conf.IFNAME.arp_filter` as a path. Throws CniError 7 for what is not of a network namespace. */
function pathOf(key: string, separated: string, ifname: string): string {
  const path = posix.join(ROOT, separated.replace(PLACEHOLDER, ifname));
  if (path.startsWith(NETWORK)) return path;
  throw new CniError(
    errorCodes.invalidNetworkConfig,
    `invalid net sysctl key: ${JSON.stringify(separated.replace(PLACEHOLDER, ifname))}`,
    key,
  );
}

/** What a name may mean: dots and slashes both separate, as in the reference; or as in sysctl(8) the first of them does. */
export function pathsOf(key: string, ifname: string): string[] {
  const paths = [pathOf(key, key.replaceAll('.', '/'), ifname)];
  const dot = key.indexOf('.');
  const slash = key.indexOf('/');
  if (dot < 0 || slash < 0) return paths;
  const swapped = key.replace(/[./]/g, (character) => (character === '.' ? '/' : '.'));
  return [...paths, pathOf(key, slash < dot ? key : swapped, ifname)];
}

/** Undefined when there is none; null when it can be written only, as `net.ipv4.route.flush`. Throws CniError 999. */
function readValue({ namespace }: Sandbox, path: string): string | null | undefined {
  try {
    return namespace.sysctl.get(path);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ENOENT') return undefined;
    if (code === 'EACCES' || code === 'EPERM') return null;
    throw refused('read', path, error);
  }
}

/** A sysctl that a config sets. */
export interface Wanted {
  /** Below /proc/sys. */
  readonly path: string;
  readonly value: string;
  /** Its value at present; null when it cannot be read. */
  readonly current: string | null;
}

/** Looks the sysctls of a config up. Throws CniError 7 and 999. */
export function lookUp(
  sandbox: Sandbox,
  sysctls: readonly (readonly [name: string, value: string])[],
  ifname: string,
): Wanted[] {
  return sysctls.map(([key, value]) => {
    const paths = pathsOf(key, ifname);
    for (const path of paths) {
      const current = readValue(sandbox, path);
      if (current !== undefined) return { path, value, current };
    }
    throw wrong(`open ${paths[0]}: ${reasons.ENOENT}`);
  });
}

/** Values to be restored: what sysctls had before, the first where one is named twice. */
export function valuesBefore(wanted: readonly Wanted[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { path, current } of wanted) if (current !== null) values[path] ??= current;
  return values;
}

/** Sets sysctls; `undo` sets them back. Throws CniError 999. */
export function apply({ namespace }: Sandbox, wanted: readonly Wanted[], undo: Undo): void {
  for (const { path, value, current } of wanted) {
    try {
      namespace.sysctl.set(path, value);
    } catch (error) {
      throw refused('write', path, error);
    }
    if (current !== null) undo.push(() => namespace.sysctl.set(path, current));
  }
}

/** Sets saved values back, the last first; those of what is gone are left out. `failed` is told of others. */
export function restore({ namespace }: Sandbox, values: Values, failed: (error: unknown) => void): void {
  for (const [path, value] of Object.entries(values).reverse()) {
    try {
      if (path.startsWith(NETWORK)) namespace.sysctl.set(path, value);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') failed(refused('write', path, error));
    }
  }
}

/** The kernel separates several values with tabs, people with blanks. */
function normal(value: string): string {
  return value.trim().replaceAll(/\s+/g, ' ');
}

/** Throws CniError 999. */
export function check(wanted: readonly Wanted[]): void {
  // of a name that is given twice the last value holds
  for (const { path, value, current } of new Map(wanted.map((one) => [one.path, one])).values()) {
    if (current === null || normal(current) === normal(value)) continue;
    throw wrong(`Error: Tuning configured value of ${path} is ${value}, current value is ${current}`);
  }
}
