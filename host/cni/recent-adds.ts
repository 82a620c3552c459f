import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  futimesSync,
  openSync,
  readdirSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { flock } from '../netlink/native.js';
import { makeDirectory } from './directory.js';
import type { ValidAttachment } from './plugin.js';

/** Where it is noted which attachments are in the making. */
export const defaultRunDirectory = '/run/netloom';

const LOCK_SHARED = 1;
const LOCK_EXCLUSIVE_NOW = 2 | 4;

/** The note of one ADD, or of one DEL. */
export interface Note {
  /** The attachment is made, or stays. */
  end(): void;
  /** There is no attachment. */
  withdraw(): void;
}

function isCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

/**
 * The ADDs of a network that a GC may meet: a file each, named `<container>:<interface>`. Its ADD holds a shared lock
 * (flock(2)) on it as long as it runs, and sets its time in the end. Where no notes can be written, as without
 * privileges, there are none. While an operation with an intent runs, the file has that: a note with an intent and
 * without a lock is of a process that was killed.
 */
export class RecentAdds {
  readonly #directory: string;

  constructor(runDirectory: string, network: string) {
    this.#directory = join(runDirectory, 'adds', network);
  }

  #path({ containerID, ifname }: ValidAttachment): string {
    return join(this.#directory, `${containerID}:${ifname}`);
  }

  /** To be called before an ADD makes anything, or a DEL with an intent removes anything. */
  begin(attachment: ValidAttachment, intent?: string): Note {
    const path = this.#path(attachment);
    const opened = this.#openLocked(path);
    if (opened === undefined) return { end: () => undefined, withdraw: () => undefined };
    const { fd, size } = opened;
    try {
      // an earlier intent is void: who is here has heard of its end
      if (size > 0) ftruncateSync(fd);
      if (intent !== undefined) writeSync(fd, intent);
    } catch {
      // no room: then this cannot be taken back after a crash
    }
    return {
      end: () => {
        try {
          if (intent !== undefined) ftruncateSync(fd);
          const now = new Date();
          futimesSync(fd, now, now);
        } finally {
          closeSync(fd);
        }
      },
      withdraw: () => {
        rmSync(path, { force: true });
        closeSync(fd);
      },
    };
  }

  #openLocked(path: string): { fd: number; size: number } | undefined {
    for (let fd = -1; ; closeSync(fd)) {
      try {
        fd = openNote(path);
      } catch {
        return undefined;
      }
      try {
        // who looks holds it for a moment only
        flock(fd, LOCK_SHARED);
        const { nlink, size } = fstatSync(fd);
        // unless it was removed just now
        if (nlink > 0) return { fd, size };
      } catch {
        closeSync(fd);
        return undefined;
      }
    }
  }

  /** To be called when an attachment is deleted. */
  forget(attachment: ValidAttachment): void {
    try {
      unlinkSync(this.#path(attachment));
    } catch {
      // there is none, or there never are any
    }
  }

  /** Attachments whose ADD had not ended at `moment` (ms since 1970). Notes that tell nothing any more are removed. */
  since(moment: number): ValidAttachment[] {
    let names: string[];
    try {
      names = readdirSync(this.#directory);
    } catch {
      return [];
    }
    return names.flatMap((name) => {
      const colon = name.indexOf(':');
      const isRecent = colon > 0 && !this.#removeOlder(join(this.#directory, name), moment);
      return isRecent ? [{ containerID: name.slice(0, colon), ifname: name.slice(colon + 1) }] : [];
    });
  }

  #removeOlder(path: string, moment: number): boolean {
    let fd: number;
    try {
      fd = openSync(path, constants.O_RDONLY);
    } catch (error) {
      return isCode(error, 'ENOENT');
    }
    try {
      flock(fd, LOCK_EXCLUSIVE_NOW);
      if (Math.round(fstatSync(fd).mtimeMs) > moment) return false;
      rmSync(path, { force: true });
      return true;
    } catch {
      return false; // its ADD runs
    } finally {
      closeSync(fd);
    }
  }
}

function openNote(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT;
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
    makeDirectory(dirname(path), 0o700);
    return openSync(path, flags, 0o600);
  }
}
