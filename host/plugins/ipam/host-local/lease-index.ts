import { statSync, utimesSync } from 'node:fs';

/** A file that says whose an address is. */
export interface Lease {
  /** Name of the file: the address. */
  readonly name: string;
  /** `<container id>\r\n<ifname>`, or of old plugins only the id; empty where a crash left the file so. */
  readonly content: string;
  /** When it was made, ms since 1970. */
  readonly time: number;
}

/** The leases of a network, found by address and by what is in them. */
export class LeaseIndex {
  readonly #byName = new Map<string, Lease>();
  readonly #byContent = new Map<string, Set<string>>();

  constructor(leases: Iterable<Lease> = []) {
    for (const lease of leases) this.add(lease);
  }

  add(lease: Lease): void {
    this.remove(lease.name);
    this.#byName.set(lease.name, lease);
    const names = this.#byContent.get(lease.content);
    if (names === undefined) this.#byContent.set(lease.content, new Set([lease.name]));
    else names.add(lease.name);
  }

  remove(name: string): void {
    const lease = this.#byName.get(name);
    if (lease === undefined) return;
    this.#byName.delete(name);
    const names = this.#byContent.get(lease.content);
    names?.delete(name);
    if (names?.size === 0) this.#byContent.delete(lease.content);
  }

  /** Is an address somebody's? */
  isTaken(name: string): boolean {
    return (this.#byName.get(name)?.content ?? '') !== '';
  }

  withContent(content: string): Lease[] {
    return [...(this.#byContent.get(content) ?? [])].map((name) => this.#byName.get(name) as Lease);
  }

  all(): Lease[] {
    return [...this.#byName.values()];
  }
}

/** Networks whose leases are remembered at a time. */
const MAXIMUM = 64;
const DAY = 86_400;

const remembered = new Map<string, { readonly signature: string; readonly index: LeaseIndex }>();

function signatureOf(directory: string): string {
  const { dev, ino, mtimeNs } = statSync(directory, { bigint: true });
  return `${dev}:${ino}:${mtimeNs}`;
}

/**
 * What this process knew of a directory when it last had the lock, if nobody has made or removed a file there since. To
 * be called under the lock.
 */
export function recall(directory: string): LeaseIndex | undefined {
  const known = remembered.get(directory);
  return known !== undefined && known.signature === signatureOf(directory) ? known.index : undefined;
}

/**
 * Remembers a directory's leases until the lock is taken the next time. The directory is given a time of the day before,
 * drawn by lot: its clock goes by milliseconds, in which somebody else may change it too. To be called under the lock.
 */
export function remember(directory: string, index: LeaseIndex): void {
  remembered.delete(directory);
  try {
    const now = new Date();
    utimesSync(directory, now, now.getTime() / 1000 - Math.random() * DAY);
    remembered.set(directory, { signature: signatureOf(directory), index });
  } catch {
    return; // then it is read again
  }
  const [oldest] = remembered.keys();
  if (remembered.size > MAXIMUM && oldest !== undefined) remembered.delete(oldest);
}
