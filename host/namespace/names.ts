import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { bindNamespace, bindNewNamespace, flock, shareMount, unmount } from '../netlink/native.js';
import { filing, isCode, NamespaceError } from './errors.js';

/** Where `ip netns` has its names. */
export const namesDirectory = '/run/netns';

/** What a namespace is called: a name below /run/netns (a string without a slash), or a path. */
export type NamespaceName = string | { readonly name: string } | { readonly path: string };

/** The path that a name stands for. Throws NamespaceError `ERR_INVALID_NAME`. */
export function pathOf(name: NamespaceName): string {
  if (typeof name === 'object' && 'path' in name) return checked(name.path);
  if (typeof name === 'string' && name.includes('/')) return checked(name);
  const plain = typeof name === 'object' ? name.name : name;
  if (plain.includes('/') || plain === '.' || plain === '..') throw invalid(plain);
  return `${namesDirectory}/${checked(plain)}`;
}

function checked(text: string): string {
  if (text === '' || text.includes('\0')) throw invalid(text);
  return text;
}

function invalid(text: string): NamespaceError {
  return new NamespaceError('ERR_INVALID_NAME', `${JSON.stringify(text)} is no name for a network namespace`);
}

const LOCK_EX = 2;

/**
 * The directory of the names, as a shared mount: then all mount namespaces see them. Under a lock, which iproute2 takes
 * too: two who mount at the same time would hide each other's names.
 */
function makeNamesDirectory(): void {
  filing(() => mkdirSync(namesDirectory, { recursive: true, mode: 0o755 }));
  const fd = filing(() => openSync(namesDirectory, constants.O_RDONLY | constants.O_DIRECTORY));
  try {
    flock(fd, LOCK_EX);
    shareMount(namesDirectory);
  } finally {
    closeSync(fd);
  }
}

/** The file that a namespace will be bound to. */
function makeFile(path: string): void {
  if (dirname(path) === namesDirectory) makeNamesDirectory();
  try {
    closeSync(filing(() => openSync(path, 'wx', 0o444)));
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
    throw new NamespaceError('ERR_NAMESPACE_EXISTS', `${path} exists already`, { cause: error });
  }
}

function bound(path: string, bind: () => void): void {
  makeFile(path);
  try {
    bind();
  } catch (error) {
    deleteNamed(path);
    throw error;
  }
}

/** As `ip netns add`. Throws NamespaceError `ERR_NAMESPACE_EXISTS`, SystemCallError. */
export function createNamed(path: string): void {
  bound(path, () => bindNewNamespace(path));
}

/** As `ip netns attach`: names the namespace of an open descriptor. */
export function nameNamespace(fd: number, path: string): void {
  bound(path, () => bindNamespace(fd, path));
}

/** The device of nsfs, in which every namespace is a file. */
function nsfs(): number {
  return statSync('/proc/self/ns/net').dev;
}

function statusOf(path: string): Stats | undefined {
  try {
    return filing(() => lstatSync(path));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * As `ip netns delete`: takes the name away; what runs in the namespace keeps it alive. False when there was no such
 * name. An empty file is what remains of a name whose mount is gone, and goes too; anything else is left alone.
 * Throws NamespaceError `ERR_NOT_A_NAMESPACE`.
 */
export function deleteNamed(path: string): boolean {
  const status = statusOf(path);
  if (status === undefined) return false;
  if (status.dev === nsfs()) {
    try {
      unmount(path);
    } catch (error) {
      // another did it meanwhile
      if (!isCode(error, 'EINVAL', 'ENOENT')) throw error;
    }
  } else if (!status.isSymbolicLink() && !(status.isFile() && status.size === 0)) {
    throw new NamespaceError('ERR_NOT_A_NAMESPACE', `${path} is no network namespace: it is left alone`);
  }
  try {
    filing(() => unlinkSync(path));
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
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

/** The names in a directory that are namespaces; not those whose mount is gone. */
export function listNamed(directory = namesDirectory): NamedNamespace[] {
  let names: string[];
  try {
    names = filing(() => readdirSync(directory));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
  const device = nsfs();
  const found: NamedNamespace[] = [];
  for (const name of names.sort()) {
    const path = `${directory}/${name}`;
    try {
      const { dev, ino } = filing(() => statSync(path));
      if (dev === device) found.push({ name, path, inode: ino });
    } catch (error) {
      // deleted meanwhile, or a link to a process that is gone
      if (!isCode(error, 'ENOENT')) throw error;
    }
  }
  return found;
}
