import { closeSync, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { defaultRunDirectory } from '../cni/recent-adds.js';
import { flock } from '../netlink/native.js';
import type { Call } from './protocol.js';

const LOCK_EXCLUSIVE_NOW = 2 | 4;

/** What the note of a running call has, so that the next daemon can end what this one began. */
export function intentOf(call: Call): string {
  return JSON.stringify(call);
}

/** A call that a process was killed in, and its note, which is locked. */
export interface Unfinished {
  readonly call: Call;
  /** Lets the note go. */
  release(): void;
}

function readIntent(path: string): Unfinished | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined; // removed meanwhile
  }
  try {
    if (fstatSync(fd).size > 0) {
      // held, it belongs to who is at it
      flock(fd, LOCK_EXCLUSIVE_NOW);
      const call = JSON.parse(readFileSync(fd, 'utf8')) as Call;
      const known = [call.plugin, call.namespace, call.config, call.environment?.command];
      if (known.every((text) => typeof text === 'string')) return { call, release: () => closeSync(fd) };
    }
  } catch {
    // locked; or killed while it was written, before anything was done
  }
  closeSync(fd);
  return undefined;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** The calls in one network namespace that nobody is at any more. */
export function unfinishedCalls(namespace: string, runDirectory = defaultRunDirectory): Unfinished[] {
  const adds = join(runDirectory, 'adds');
  return list(adds).flatMap((network) =>
    list(join(adds, network)).flatMap((name) => {
      const found = readIntent(join(adds, network, name));
      if (found === undefined) return [];
      if (found.call.namespace === namespace) return [found];
      found.release();
      return [];
    }),
  );
}

/** Takes back ADDs that were not finished, and finishes DELs; `undo` does that, and says what failed. */
export async function recover(
  calls: readonly Unfinished[],
  undo: (call: Call) => Promise<string | undefined>,
  { log, recovered }: { log: Logger; recovered: (how: 'undone' | 'finished' | 'failed') => void },
): Promise<void> {
  await Promise.all(
    calls.map(async ({ call, release }) => {
      const { plugin, environment } = call;
      const { command, containerId, ifname } = environment;
      try {
        const error = await undo(call);
        const how = error !== undefined ? 'failed' : command === 'ADD' ? 'undone' : 'finished';
        recovered(how);
        log.warn(
          { plugin, command, containerId, ifname, how, error },
          'an earlier process was killed in this',
        );
      } finally {
        release();
      }
    }),
  );
}
