import { SystemCallError } from '../netlink/errors.js';
import { readFileIn, writeFileIn, writeFilesIn } from '../netlink/native.js';
import { NamespaceError } from './errors.js';

/**
 * `net.ipv4.ip_forward` or `net/ipv4/ip_forward`. As in sysctl(8), whichever of `.` and `/` comes first separates,
 * and the other stands for itself: `net/ipv4/conf/eth0.1/forwarding`.
 */
export function sysctlPath(name: string): string {
  const slash = name.indexOf('/');
  const dot = name.indexOf('.');
  const dotted = dot >= 0 && (slash < 0 || dot < slash);
  const parts = dotted
    ? name.split('.').map((part) => part.replaceAll('/', '.'))
    : name.replace(/^\/(proc\/sys\/)?/, '').split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'))) {
    throw new NamespaceError('ERR_INVALID_NAME', `${JSON.stringify(name)} is no name of a sysctl`);
  }
  return `/proc/sys/${parts.join('/')}`;
}

/** The sysctls of a network namespace (those below `net`). */
export class Sysctls {
  readonly #fd: () => number;
  constructor(fd: () => number) {
    this.#fd = fd;
  }

  /** The value, without its final newline. Throws SystemCallError (`ENOENT` when there is none of that name). */
  get(name: string): string {
    return readFileIn(this.#fd(), sysctlPath(name)).replace(/\n$/, '');
  }

  /** Writes a value. Throws SystemCallError (`ENOENT`, `EINVAL`, `EPERM` …). */
  set(name: string, value: string | number): void {
    writeFileIn(this.#fd(), sysctlPath(name), String(value));
  }

  /**
   * Sets several at once, without looking first, as for an interface that was just made: those that the kernel does not
   * have are passed over, and where writing is refused they are looked at.
   */
  impose(values: Readonly<Record<string, string | number>>): void {
    const names = Object.keys(values);
    const texts = names.map((name) => String(values[name]));
    const failures = writeFilesIn(this.#fd(), names.map(sysctlPath), texts);
    for (const [i, failure] of failures.entries()) {
      if (failure === undefined || failure.code === 'ENOENT') continue;
      if (this.get(names[i] as string) !== texts[i]) throw failure;
    }
  }

  /** Sets unless it has the value already; false when there is no such sysctl. */
  ensure(name: string, value: string | number): boolean {
    try {
      if (this.get(name) !== String(value)) this.set(name, value);
      return true;
    } catch (error) {
      if (error instanceof SystemCallError && error.code === 'ENOENT') return false;
      throw error;
    }
  }
}
