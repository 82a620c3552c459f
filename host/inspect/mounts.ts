import { readFileSync } from 'node:fs';
import { inodeOf } from './reference.js';

/** A network namespace that is bound to a file. */
export interface BoundNamespace {
  readonly inode: number;
  /** As the mount namespace's processes see it. */
  readonly path: string;
}

/** Blanks and backslashes are written in octal, proc_pid_mountinfo(5). */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** The network namespaces among the mounts of a /proc/PID/mountinfo. */
export function parseMounts(text: string): BoundNamespace[] {
  const found: BoundNamespace[] = [];
  if (!text.includes(' - nsfs ')) return found;
  for (const line of text.split('\n')) {
    if (!line.includes(' - nsfs ')) continue;
    const [, , , root = '', path = ''] = line.split(' ', 5);
    const inode = inodeOf(root);
    if (inode !== undefined) found.push({ inode, path: unescaped(path) });
  }
  return found;
}

/** Throws what node:fs does. */
export function mountsOf(proc: string, pid: number | 'self'): BoundNamespace[] {
  return parseMounts(readFileSync(`${proc}/${pid}/mountinfo`, 'utf8'));
}
