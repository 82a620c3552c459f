import { closeSync, mkdirSync, openSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { SystemCallError } from '../netlink/errors.js';
import { bindNamespace, bindNewNamespace, shareMount, unmount } from '../netlink/native.js';
import { NamespaceError } from './errors.js';

/** Where `ip netns` has its names. */
export const namesDirectory = '/run/netns';

/** The path of a namespace told by name, or the path itself. */
export function pathOf(nameOrPath: string): string {
  if (nameOrPath.includes('/')) return nameOrPath;
  if (nameOrPath === '' || nameOrPath === '.' || nameOrPath === '..') {
    throw new NamespaceError('ERR_INVALID_NAME', `'${nameOrPath}' is no name for a network namespace`);
  }
  return `${namesDirectory}/${nameOrPath}`;
}

/** The file that a namespace will be bound to; its directory becomes a shared mount, so that all mount namespaces see the name. */
function makeFile(path: string): void {
  const directory = dirname(path);
  if (directory === namesDirectory) {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    shareMount(directory);
  }
  try {
    closeSync(openSync(path, 'wx', 0o444));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new NamespaceError('ERR_NAMESPACE_EXISTS', `${path} exists already`, { cause: error });
    }
    throw error;
  }
}

function bound(path: string, bind: () => void): void {
  makeFile(path);
  try {
    bind();
  } catch (error) {
    unlinkSync(path);
    throw error;
  }
}

/** As `ip netns add`. Throws NamespaceError `ERR_NAMESPACE_EXISTS`. */
export function createNamed(path: string): void {
  bound(path, () => bindNewNamespace(path));
}

/** As `ip netns attach`: names the namespace of an open descriptor. */
export function nameNamespace(fd: number, path: string): void {
  bound(path, () => bindNamespace(fd, path));
}

const EINVAL = 22;
const ENOENT = 2;

/** As `ip netns delete`: takes the name away; what runs in the namespace keeps it alive. False when there was no such name. */
export function deleteNamed(path: string): boolean {
  try {
    unmount(path);
  } catch (error) {
    // EINVAL: a file on which nothing is mounted (any more)
    if (!(error instanceof SystemCallError) || (error.errno !== EINVAL && error.errno !== ENOENT))
      throw error;
  }
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** A namespace that `ip netns` lists. */
export interface NamedNamespace {
  readonly name: string;
  readonly path: string;
  /** Inode in the kernel's nsfs, which identifies a namespace. */
  readonly inode: number;
}

/** The names in a directory that are network namespaces. */
export function listNamed(directory = namesDirectory): NamedNamespace[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const here = statSync(directory).dev;
  const found: NamedNamespace[] = [];
  for (const name of names.sort()) {
    const path = `${directory}/${name}`;
    try {
      const { dev, ino } = statSync(path);
      // on the directory's own file system there is no namespace: a name whose mount is gone
      if (dev !== here) found.push({ name: basename(path), path, inode: ino });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return found;
}
