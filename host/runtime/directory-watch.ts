import { type FSWatcher, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/** ms without news before a change is told: an editor or an installer makes several at once. */
const QUIET = 50;

interface Watched {
  readonly watcher: FSWatcher;
  /** Device and inode: another directory may take the name. */
  readonly identity: string;
}

function identityOf(path: string): string | undefined {
  const status = statSync(path, { throwIfNoEntry: false });
  return status?.isDirectory() ? `${status.dev}:${status.ino}` : undefined;
}

/** The directory, or the nearest above it that is there. */
function nearest(path: string): string {
  for (let at = path; ; at = dirname(at)) {
    if (at === dirname(at) || identityOf(at) !== undefined) return at;
  }
}

/**
 * Watches directories, also such that are not there yet, or go and come back. `wanted` is asked after each change; a
 * directory is watched once however often it is wanted.
 */
export class DirectoryWatch implements Disposable {
  readonly #wanted: () => readonly string[];
  readonly #changed: () => void;
  readonly #failed: (error: Error) => void;
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(wanted: () => readonly string[], changed: () => void, failed: (error: Error) => void) {
    this.#wanted = wanted;
    this.#changed = changed;
    this.#failed = failed;
    this.#refresh();
  }

  #refresh(): void {
    // what appears while it is looked for is seen in the next turn
    for (let turn = 0; turn < 10 && this.#followWanted(); turn++);
  }

  /** Returns whether something had to be done. */
  #followWanted(): boolean {
    const paths = new Set(this.#wanted().map(nearest));
    let isNew = false;
    for (const [path, { watcher, identity }] of this.#watched) {
      if (paths.has(path) && identityOf(path) === identity) continue;
      watcher.close();
      this.#watched.delete(path);
    }
    for (const path of paths) {
      const identity = identityOf(path);
      if (identity === undefined || this.#watched.has(path)) continue;
      try {
        const watcher = watch(path, () => this.#news());
        watcher.on('error', (error) => {
          watcher.close();
          this.#watched.delete(path);
          this.#failed(error);
          this.#news();
        });
        this.#watched.set(path, { watcher, identity });
        isNew = true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#failed(error as Error);
      }
    }
    return isNew;
  }

  #news(): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#refresh();
      this.#changed();
      // what was read may want other directories
      this.#refresh();
    }, QUIET);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
