import type { Run } from './row.js';

/** Something that the two sides do not have alike. */
export interface Found {
  /** `ADD`, `CHECK`, `DEL`; with `by ours` or `by the reference` when one side deletes what the other added. */
  readonly phase: string;
  /** Name of the fact: see facts.ts and outcome.ts. */
  readonly key: string;
  readonly ours: string | undefined;
  readonly reference: string | undefined;
}

/** A difference that is intended. */
export interface Difference {
  readonly id: string;
  /** `all`, or the plugin whose rows may show it. */
  readonly plugin: string;
  /** What Netloom does, and what the reference does. */
  readonly what: string;
  readonly reason: string;
  /** Runs that show it: it is expected there. `bridge/promiscuous@1.0.0` */
  readonly shownBy: readonly string[];
  /** A version of the reference that does as Netloom does: from it on the difference is not expected. */
  readonly until?: string;
  is(found: Found, run: Run): boolean;
}
