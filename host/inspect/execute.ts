import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execute as replace } from '../netlink/execution.js';
import { InspectError } from './errors.js';
import type { FoundNamespace } from './inventory.js';
import { openFound } from './open.js';

export interface ExecuteOptions {
  /** As `ip netns exec`: files in /etc/netns/<name> are seen in /etc. True means the namespace's name in /run/netns. */
  readonly etc?: string | boolean | undefined;
  /** As `ip netns exec`: /sys shows the namespace's links. */
  readonly sys?: boolean | undefined;
  /** /etc/resolv.conf and /etc/hosts are those of the container that is in the namespace. */
  readonly resolv?: boolean | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
}

interface Bind {
  readonly source: string;
  readonly target: string;
}

const ETC = '/etc/netns';

/** The files of /etc/netns/<name>; none where there is no such directory. */
function etcBinds(found: FoundNamespace, etc: string | boolean): Bind[] {
  const own = found.names.find((name) => name.startsWith('netns:'))?.slice('netns:'.length);
  const name = typeof etc === 'string' ? etc : own;
  if (name === undefined)
    throw new InspectError(
      'ERR_INVALID_SELECTOR',
      `${found.names[0]} has no name below /run/netns: say which of ${ETC}`,
    );
  try {
    return readdirSync(`${ETC}/${name}`).map((file) => ({
      source: `${ETC}/${name}/${file}`,
      target: `/etc/${file}`,
    }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Copies, since a file of another mount namespace cannot be bound. */
function resolvBinds({ names, processes }: FoundNamespace, directory: string): Bind[] {
  for (const pid of processes) {
    const binds: Bind[] = [];
    for (const file of ['resolv.conf', 'hosts']) {
      try {
        const text = readFileSync(`/proc/${pid}/root/etc/${file}`);
        const source = join(directory, file);
        writeFileSync(source, text, { mode: 0o644 });
        binds.push({ source, target: `/etc/${file}` });
      } catch {
        // it has none
      }
    }
    if (binds.length > 0) return binds;
  }
  throw new InspectError(
    'ERR_NAMESPACE_NOT_FOUND',
    `no process in ${names[0]} has an /etc/resolv.conf that can be read`,
  );
}

/**
 * Replaces this process with a program inside a namespace, as nsenter(1) with `--net` does. Never returns. Throws
 * InspectError or SystemCallError, and then the process is as before.
 */
export function executeIn(
  found: FoundNamespace,
  args: readonly [string, ...string[]],
  options: ExecuteOptions = {},
): never {
  const { etc, sys, resolv, env = process.env } = options;
  const namespace = openFound(found);
  const directory = resolv ? mkdtempSync(join(tmpdir(), 'netloom-exec-')) : undefined;
  try {
    const binds = [
      ...(etc === undefined || etc === false ? [] : etcBinds(found, etc)),
      ...(directory === undefined ? [] : resolvBinds(found, directory)),
    ];
    const temporary =
      directory === undefined
        ? []
        : [...binds.map(({ source }) => source).filter((path) => path.startsWith(directory)), directory];
    return replace(namespace.fd, { args, env, binds, temporary, sys });
  } finally {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    namespace.close();
  }
}
