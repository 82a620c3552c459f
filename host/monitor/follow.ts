import { type FSWatcher, watch } from 'node:fs';
import { placesOf } from '../inspect/places.js';
import { type ResolveOptions, resolveSelectors } from '../inspect/selector.js';
import type { Monitored } from './space.js';

export interface FollowOptions {
  /** Selectors; none for every namespace. */
  readonly selectors: readonly string[];
  /** ms between two looks where nothing tells of a change; 1000 by default, and at least 50 times what a look takes. */
  readonly interval?: number;
  readonly resolve?: ResolveOptions;
  /** Called with all that are there, those already known among them. */
  readonly onFound: (found: readonly Monitored[]) => void;
  /** Looking failed; it goes on. */
  readonly onProblem: (error: Error) => void;
}

const INTERVAL = 1000;
const SHARE = 50;
/** The same where something tells of a change. */
const NUDGED_SHARE = 4;
/** ms: names are made before what they name is mounted. */
const SETTLE = 10;

/** What selectors find now; of those that mean nothing yet, nothing. */
export async function lookUp(
  selectors: readonly string[],
  options: ResolveOptions = {},
): Promise<readonly Monitored[]> {
  if (selectors.length === 0) return await resolveSelectors([], { ...options, all: true });
  return await resolveSelectors(selectors, { ...options, present: true });
}

/**
 * Looks for namespaces again and again: when names appear where engines and `ip netns` have them, when it is nudged,
 * and from time to time.
 */
export class Follower {
  readonly #options: FollowOptions;
  readonly #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #again = false;
  #closed = false;
  #took = 0;
  /** All that is selected is there: what else appears is of no interest. */
  #complete = false;

  constructor(options: FollowOptions) {
    this.#options = options;
    for (const { directory } of placesOf().names) {
      try {
        const watcher = watch(directory, { persistent: false }, () => this.nudge());
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // there is no such engine here, or not yet: looking from time to time will do
      }
    }
    this.#schedule();
  }

  #schedule(delay = Math.max(this.#options.interval ?? INTERVAL, this.#took * SHARE)): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => void this.#look(), delay);
  }

  /** Something changed: looks soon. */
  nudge(): void {
    if (this.#complete) return;
    if (this.#looking) this.#again = true;
    else this.#schedule(Math.max(SETTLE, this.#took * NUDGED_SHARE));
  }

  /** One of those that were found is gone: whatever appears may be its successor. */
  missing(): void {
    this.#complete = false;
    this.nudge();
  }

  async #look(): Promise<void> {
    const { selectors, resolve, onFound, onProblem } = this.#options;
    this.#looking = true;
    this.#again = false;
    this.#complete = false;
    const started = performance.now();
    try {
      const found = await lookUp(selectors, resolve);
      // one that goes meanwhile says so again
      this.#complete = !this.#again && selectors.length > 0 && found.length === selectors.length;
      if (!this.#closed) onFound(found);
    } catch (error) {
      if (!this.#closed) onProblem(error as Error);
    }
    this.#took = performance.now() - started;
    this.#looking = false;
    this.#schedule(this.#again ? Math.max(SETTLE, this.#took * NUDGED_SHARE) : undefined);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
  }
}
