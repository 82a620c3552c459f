import { lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { Namespace } from '../namespace/namespace.js';
import { type Problem, reason } from './errors.js';
import { mountsOf } from './mounts.js';
import { type Places, placesOf } from './places.js';
import { scanProcesses } from './processes.js';
import { byQuality, inodeOf, type NamespaceId, type Reference } from './reference.js';

/** A namespace as it was seen, before anybody is asked whose it is. */
export interface SeenNamespace {
  readonly id: NamespaceId;
  /** Best first; never empty. */
  readonly references: readonly Reference[];
  /** Processes that are in it, ascending. */
  readonly processes: readonly number[];
}

/** Names that lead nowhere: links to what is gone, files whose mount is gone. */
export interface DanglingName {
  readonly name: string;
  readonly path: string;
  /** What the link says, where it is one. */
  readonly target?: string;
}

export interface Discovery {
  readonly namespaces: readonly SeenNamespace[];
  readonly dangling: readonly DanglingName[];
  readonly problems: readonly Problem[];
  /** The caller's own namespace. */
  readonly self: NamespaceId;
}

interface Named {
  readonly inode: number;
  readonly reference: Reference;
}

/** Is the file of nsfs at a path a network namespace? Only opening it can tell. */
function isNetwork(path: string): boolean {
  try {
    Namespace.open({ path }).close();
    return true;
  } catch {
    return false;
  }
}

function inodeAt(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** What is in a directory of names. */
function scanNames(
  { word, directory }: Places['names'][number],
  device: number,
  bound: ReadonlyMap<string, number>,
  dangling: DanglingName[],
): Named[] {
  const found: Named[] = [];
  for (const entry of readdirSync(directory)) {
    const path = `${directory}/${entry}`;
    const name = `${word}:${entry}`;
    const reference: Reference = { kind: 'name', path, name };
    const inode = bound.get(path);
    if (inode !== undefined) {
      found.push({ inode, reference });
      continue;
    }
    try {
      const { dev, ino } = statSync(path);
      if (dev === device) {
        if (isNetwork(path)) found.push({ inode: ino, reference });
        continue;
      }
      const { isFile, size } = { isFile: lstatSync(path).isFile(), size: lstatSync(path).size };
      if (isFile && size === 0) dangling.push({ name, path });
    } catch {
      const target = linkTarget(path);
      if (target !== undefined) dangling.push({ name, path, target });
    }
  }
  return found;
}

/**
 * Every network namespace that can be seen from here, each once: bound to names, bound elsewhere and in other mount
 * namespaces, of processes and threads, and held open. Nothing is changed, and nobody is asked.
 */
export function discover(places: Places = placesOf()): Discovery {
  const problems: Problem[] = [];
  const dangling: DanglingName[] = [];
  const { dev: device, ino: own } = statSync('/proc/thread-self/ns/net');
  const references = new Map<number, Reference[]>();
  const note = (inode: number, reference: Reference): void => {
    const known = references.get(inode);
    if (known === undefined) references.set(inode, [reference]);
    else known.push(reference);
  };
  note(own, { kind: 'self', path: '/proc/self/ns/net', pid: process.pid });

  const bound = new Map<string, number>();
  try {
    for (const { inode, path } of mountsOf(places.proc, 'self')) bound.set(path, inode);
  } catch (error) {
    problems.push({ source: 'mounts', message: reason(error) });
  }
  const named = new Set<string>();
  for (const place of places.names) {
    try {
      for (const { inode, reference } of scanNames(place, device, bound, dangling)) {
        note(inode, reference);
        named.add(reference.path);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        problems.push({ source: place.word, message: reason(error) });
    }
  }
  for (const [path, inode] of bound) {
    // what is mounted over hides what was there
    if (!named.has(path) && inodeAt(path) === inode) note(inode, { kind: 'mount', path });
  }

  const { seen, members, hidden } = scanProcesses(places.proc, device);
  for (const [inode, reference] of seen) note(inode, reference);
  if (hidden > 0) {
    const message = `${hidden} ${hidden === 1 ? 'process' : 'processes'} could not be looked at: namespaces that only they are in are missing`;
    problems.push({ source: 'processes', message });
  }
  const namespaces = [...references].map(([inode, all]) => ({
    id: { device, inode },
    references: all.sort(byQuality),
    processes: [...(members.get(inode) ?? [])].sort((a, b) => a - b),
  }));
  namespaces.sort((a, b) => a.id.inode - b.id.inode);
  return { namespaces, dangling, problems, self: { device, inode: own } };
}

/** Which namespace a path leads to; undefined when it leads to none. */
export function idOf(path: string): NamespaceId | undefined {
  try {
    const link = /^\/proc\/\d+\/ns\/net$/.test(path) ? inodeOf(readlinkSync(path)) : undefined;
    const { dev, ino } = statSync(path);
    if (link !== undefined || dev === statSync('/proc/self/ns/net').dev) return { device: dev, inode: ino };
    return undefined;
  } catch {
    return undefined;
  }
}
