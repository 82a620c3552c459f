import { uptime } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long the daemon tries, as its flags have it. ms. */
export interface Timing {
  /** For the first answer to a message; twice and four times that for the second and third. */
  readonly timeout: number;
  /** Longest pause between two attempts to get a lease. */
  readonly resendMax: number;
  /** For all attempts to get a lease together. */
  readonly resendTimeout: number;
  /** Asks servers to answer by broadcast. */
  readonly broadcast: boolean;
}

export const defaultTiming: Timing = {
  timeout: 10_000,
  resendMax: 62_000,
  resendTimeout: 208_000,
  broadcast: false,
};

/** Messages are sent so often before an answer is given up. */
export const TRIES = 3;

/** Attempts that follow each other fast, and the pause between them. */
const FAST = 4;
const FAST_PAUSE = 2000;
const FIRST_PAUSE = 4000;
const JITTER = 1000;

/** Pauses between attempts to get a lease, ms: four short ones, then longer and longer; a second more or less. */
export function* pauses({ resendMax }: Pick<Timing, 'resendMax'>): Generator<number> {
  const spread = (pause: number): number => {
    const jitter = Math.min(JITTER, resendMax / 2) * (2 * Math.random() - 1);
    return Math.min(pause, resendMax) + jitter;
  };
  for (let i = 0; i < FAST; i++) yield spread(FAST_PAUSE);
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, resendMax)) yield spread(pause);
}

/** Seconds since the machine was started, its sleep included: the same for one daemon and its successor. */
export const now = (): number => uptime();

/** ms; a machine that slept finds out so late that a moment has passed. */
const LONGEST_NAP = 300_000;

/** Waits until a moment of `now`. Throws the signal's reason. */
export async function until(moment: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const left = (moment - now()) * 1000;
    if (left <= 0) {
      signal.throwIfAborted();
      return;
    }
    await pause(Math.min(left, LONGEST_NAP), signal);
  }
}

/** Waits so many ms. Throws the signal's reason. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
