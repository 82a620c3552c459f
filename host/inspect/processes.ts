import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { Namespace } from '../namespace/namespace.js';
import { mountsOf } from './mounts.js';
import { inodeOf, type Reference } from './reference.js';

/** What the processes of a host tell about its network namespaces. */
export interface ProcessScan {
  /** Inode and reference, for every one. */
  readonly seen: readonly (readonly [inode: number, reference: Reference])[];
  /** Processes that are in a namespace, by its inode; their main threads, that is. */
  readonly members: ReadonlyMap<number, readonly number[]>;
  /** Processes of which nothing could be seen: they are of other users. */
  readonly hidden: number;
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Entries that are directories themselves: of /proc/PID/task, the threads. */
function hasSeveral(path: string): boolean {
  try {
    return statSync(path).nlink > 3;
  } catch {
    return false;
  }
}

/**
 * Reads what processes are in, have open, and see mounted. A process that ends meanwhile is passed over; one that may
 * not be looked at is counted. `device` is that of nsfs.
 */
export function scanProcesses(proc: string, device: number): ProcessScan {
  const seen: [number, Reference][] = [];
  const members = new Map<number, number[]>();
  const mountNamespaces = new Set<string>();
  const own = link(`${proc}/self/ns/mnt`);
  if (own !== undefined) mountNamespaces.add(own);
  let hidden = 0;
  for (const entry of entries(proc)) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const directory = `${proc}/${pid}`;
    const target = link(`${directory}/ns/net`);
    const inode = target === undefined ? undefined : inodeOf(target);
    if (inode === undefined) {
      // a zombie is in no namespace, and neither is who has just ended
      if (target === undefined && mayNotLook(directory)) hidden++;
      continue;
    }
    const there = members.get(inode);
    if (there === undefined) {
      members.set(inode, [pid]);
      seen.push([inode, { kind: 'process', path: `${directory}/ns/net`, pid }]);
    } else there.push(pid);
    if (hasSeveral(`${directory}/task`)) scanThreads(directory, pid, inode, seen);
    scanDescriptors(directory, pid, device, seen);
    const mounts = link(`${directory}/ns/mnt`);
    if (mounts !== undefined && !mountNamespaces.has(mounts) && scanMounts(proc, pid, seen))
      mountNamespaces.add(mounts);
  }
  return { seen, members, hidden };
}

function mayNotLook(directory: string): boolean {
  try {
    readlinkSync(`${directory}/ns/net`);
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EACCES' || code === 'EPERM';
  }
}

function scanThreads(directory: string, pid: number, own: number, seen: [number, Reference][]): void {
  for (const tid of entries(`${directory}/task`)) {
    const path = `${directory}/task/${tid}/ns/net`;
    const inode = inodeOf(link(path) ?? '');
    if (inode !== undefined && inode !== own) seen.push([inode, { kind: 'thread', path, pid }]);
  }
}

/**
 * Of a namespace that was opened by the file it is bound to, a link tells that file, and `/` when it is not bound any
 * more.
 */
function mayBeBound(target: string): boolean {
  return target === '/' || target.includes('/netns/');
}

/** The inode of the namespace that a path leads to, where it is one of the network. */
function namespaceAt(path: string, device: number): number | undefined {
  try {
    const { dev, ino } = statSync(path);
    if (dev !== device) return undefined;
    Namespace.open({ path }).close();
    return ino;
  } catch {
    return undefined;
  }
}

function scanDescriptors(directory: string, pid: number, device: number, seen: [number, Reference][]): void {
  for (const fd of entries(`${directory}/fd`)) {
    const path = `${directory}/fd/${fd}`;
    const target = link(path) ?? '';
    const inode = inodeOf(target) ?? (mayBeBound(target) ? namespaceAt(path, device) : undefined);
    if (inode !== undefined) seen.push([inode, { kind: 'descriptor', path, pid }]);
  }
}

/** Mounts of another mount namespace, opened through a process that is in it. */
function scanMounts(proc: string, pid: number, seen: [number, Reference][]): boolean {
  try {
    for (const { inode, path } of mountsOf(proc, pid))
      seen.push([inode, { kind: 'mount', path: `${proc}/${pid}/root${path}`, pid }]);
    return true;
  } catch {
    return false; // ended meanwhile: another process of that mount namespace may tell
  }
}

/** The name of a process's program; empty when it has ended. */
export function commandOf(proc: string, pid: number): string {
  try {
    return readFileSync(`${proc}/${pid}/comm`, 'utf8').trimEnd();
  } catch {
    return '';
  }
}
