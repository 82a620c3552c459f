import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from '../../namespace/namespace.js';
import { SystemCallError } from '../../netlink/errors.js';
import { flock } from '../../netlink/native.js';

const EXCLUSIVE_NOW = 2 | 4;
const LONGEST_PAUSE = 20;

/** Who in this process has a lock, or waits for it: by namespace. Without it they would all look at the kernel's again and again. */
const tails = new Map<string, Promise<void>>();

/** Runs `work` when what was to be done under the same lock in this process before is done. */
async function inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
  const before = tails.get(key);
  let end: () => void = () => undefined;
  const tail = new Promise<void>((resolve) => {
    end = resolve;
  });
  tails.set(key, tail);
  try {
    await before;
    return await work();
  } finally {
    end();
    if (tails.get(key) === tail) tails.delete(key);
  }
}

/**
 * Runs `work` while no other process does under the same lock, which is the network namespace itself: flock(2) on its
 * inode. So there is no file to leave behind, and the lock ends with the process. In one process, first come, first served.
 */
export async function withHostLock<T>(namespace: Namespace, work: () => Promise<T>): Promise<T> {
  const { dev, ino } = namespace.id;
  return await inTurn(`${dev}:${ino}`, () => locked(namespace, work));
}

async function locked<T>(namespace: Namespace, work: () => Promise<T>): Promise<T> {
  const fd = openSync(`/proc/self/fd/${namespace.fd}`, 'r');
  try {
    for (let pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      try {
        flock(fd, EXCLUSIVE_NOW);
        break;
      } catch (error) {
        if (!(error instanceof SystemCallError) || error.code !== 'EAGAIN') throw error;
        await sleep(pause * (0.5 + Math.random()));
      }
    }
    return await work();
  } finally {
    closeSync(fd);
  }
}
