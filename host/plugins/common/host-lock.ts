import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from '../../namespace/namespace.js';
import { SystemCallError } from '../../netlink/errors.js';
import { flock } from '../../netlink/native.js';

const EXCLUSIVE_NOW = 2 | 4;
const LONGEST_PAUSE = 20;

/**
 * Runs `work` while no other process does under the same lock, which is the network namespace itself: flock(2) on its
 * inode. So there is no file to leave behind, and the lock ends with the process.
 */
export async function withHostLock<T>(namespace: Namespace, work: () => Promise<T>): Promise<T> {
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
