import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { replaceFile } from '../cni/replace-file.js';
import { filing, NamespaceError } from '../namespace/errors.js';
import { namesDirectory } from '../namespace/names.js';
import { idOf } from './discover.js';
import { InspectError } from './errors.js';
import type { FoundNamespace } from './inventory.js';
import { openFound } from './open.js';
import { resolveSelectors } from './selector.js';

/** A symbolic link in /run/netns. */
export interface NamespaceLink {
  readonly name: string;
  readonly path: string;
  /** What it leads to. */
  readonly target: string;
  /** Where it was made by `ns link`: what for. */
  readonly selector?: string;
  /** `dangling`: nothing is there; `stale`: there is another namespace than the one it was made for. */
  readonly state: 'good' | 'dangling' | 'stale';
}

/** What became of a link. */
export interface Repair {
  readonly name: string;
  readonly outcome: 'kept' | 'repaired' | 'removed';
  readonly target: string;
}

/** What is remembered of a link: where it leads can change under it, as numbers of processes are used again. */
interface Memory {
  readonly selector: string;
  readonly inode: number;
}

export interface LinkDirectories {
  readonly names?: string;
  readonly memory?: string;
}

/**
 * Symbolic links in /run/netns to namespaces that have no name there: `ip -n web` then works for Docker's `web`. What
 * each was made for is kept in /run/netloom/links, so that one that leads astray is found.
 */
export class NamespaceLinks {
  readonly #names: string;
  readonly #memory: string;

  constructor({ names = namesDirectory, memory = '/run/netloom/links' }: LinkDirectories = {}) {
    this.#names = names;
    this.#memory = memory;
  }

  #path(name: string): string {
    if (name === '' || name.includes('/') || name.includes('\0') || name === '.' || name === '..')
      throw new NamespaceError(
        'ERR_INVALID_NAME',
        `${JSON.stringify(name)} is no name for a network namespace`,
      );
    return `${this.#names}/${name}`;
  }

  #remembered(name: string): Memory | undefined {
    try {
      const { selector, inode } = JSON.parse(
        readFileSync(`${this.#memory}/${name}`, 'utf8'),
      ) as Partial<Memory>;
      return typeof selector === 'string' && typeof inode === 'number' ? { selector, inode } : undefined;
    } catch {
      return undefined;
    }
  }

  #link(name: string): NamespaceLink | undefined {
    const path = this.#path(name);
    let target: string;
    try {
      if (!lstatSync(path).isSymbolicLink()) return undefined;
      target = readlinkSync(path);
    } catch {
      return undefined;
    }
    const memory = this.#remembered(name);
    const id = idOf(path);
    const state =
      id === undefined ? 'dangling' : memory === undefined || memory.inode === id.inode ? 'good' : 'stale';
    return { name, path, target, state, ...(memory === undefined ? {} : { selector: memory.selector }) };
  }

  /** The links, by name. */
  list(): NamespaceLink[] {
    let names: string[];
    try {
      names = readdirSync(this.#names).sort();
    } catch {
      return [];
    }
    return names.flatMap((name) => this.#link(name) ?? []);
  }

  /**
   * Makes a link to the namespace that a selector means; one of that name that leads astray is replaced. With `hold` the
   * namespace is bound to the name instead, and lives on when its processes end. Throws InspectError, NamespaceError
   * `ERR_NAMESPACE_EXISTS` where the name is another's, SystemCallError.
   */
  async make(name: string, selector: string, { hold = false }: { hold?: boolean } = {}): Promise<void> {
    const path = this.#path(name);
    const [found] = await resolveSelectors([selector]);
    if (found === undefined)
      throw new InspectError('ERR_NAMESPACE_NOT_FOUND', `there is no network namespace ${selector}`);
    const there = this.#link(name);
    const own = there !== undefined && (there.state !== 'good' || idOf(path)?.inode === found.id.inode);
    if (!own && exists(path)) throw new NamespaceError('ERR_NAMESPACE_EXISTS', `${path} exists already`);
    if (hold) {
      this.#remove(name);
      using namespace = openFound(found);
      namespace.bind({ path });
      return;
    }
    this.#point(name, selector, found);
  }

  #point(name: string, selector: string, found: FoundNamespace): string {
    const path = this.#path(name);
    const target = targetOf(found, path);
    filing(() => {
      mkdirSync(this.#names, { recursive: true, mode: 0o755 });
      mkdirSync(this.#memory, { recursive: true, mode: 0o755 });
      // both appear whole: what was there before goes at the same moment
      const memory: Memory = { selector, inode: found.id.inode };
      const place = { draft: `${this.#memory}/.${name}`, mode: 0o666 };
      replaceFile(`${this.#memory}/${name}`, JSON.stringify(memory), place);
      const draft = `${this.#memory}/.${name}-link`;
      rmSync(draft, { force: true });
      symlinkSync(target, draft);
      try {
        renameSync(draft, path);
      } catch (error) {
        // another file system
        rmSync(draft, { force: true });
        if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
        rmSync(path, { force: true });
        symlinkSync(target, path);
      }
    });
    return target;
  }

  /**
   * Looks up again what each link was made for. Links of others are removed only when nothing is where they lead; with a
   * name, only that one. Throws InspectError `ERR_AMBIGUOUS`, SystemCallError.
   */
  async repair(only?: string): Promise<Repair[]> {
    const repairs: Repair[] = [];
    for (const link of this.list()) {
      if (only !== undefined && link.name !== only) continue;
      repairs.push(await this.#repair(link));
    }
    return repairs;
  }

  async #repair({ name, selector, state, target }: NamespaceLink): Promise<Repair> {
    if (selector === undefined) {
      if (state === 'good') return { name, outcome: 'kept', target };
      this.#remove(name);
      return { name, outcome: 'removed', target };
    }
    const found = await meant(selector);
    if (found === undefined || isOwnNumber(selector, found, this.#remembered(name))) {
      this.#remove(name);
      return { name, outcome: 'removed', target };
    }
    if (state === 'good' && idOf(this.#path(name))?.inode === found.id.inode)
      return { name, outcome: 'kept', target };
    return { name, outcome: 'repaired', target: this.#point(name, selector, found) };
  }

  #remove(name: string): void {
    const path = this.#path(name);
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) filing(() => rmSync(path));
    this.forget(name);
  }

  /** Forgets what a link was made for, when it is gone. */
  forget(name: string): void {
    rmSync(`${this.#memory}/${name}`, { force: true });
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** The best path to lead to, that is none through the link itself, nor through this process. */
function targetOf({ references, names }: FoundNamespace, own: string): string {
  const usable = references.find(
    ({ path, kind, pid }) => path !== own && kind !== 'self' && pid !== process.pid && !isLink(path, kind),
  );
  if (usable !== undefined) return usable.path;
  throw new InspectError('ERR_NAMESPACE_NOT_FOUND', `nothing that lasts leads to ${names[0]}`);
}

function isLink(path: string, kind: string): boolean {
  return kind === 'name' && lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

async function meant(selector: string): Promise<FoundNamespace | undefined> {
  try {
    const [found] = await resolveSelectors([selector]);
    return found;
  } catch (error) {
    if (error instanceof InspectError && error.code === 'ERR_NAMESPACE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** A number of a process, or a path, that means another namespace now does not mean what it did. */
function isOwnNumber(selector: string, { id }: FoundNamespace, memory: Memory | undefined): boolean {
  return selector.startsWith('pid:') && memory !== undefined && memory.inode !== id.inode;
}
