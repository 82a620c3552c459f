/** What to do, last first, when an operation fails half-way. */
export class Undo {
  readonly #steps: (() => Promise<unknown> | unknown)[] = [];

  /** `step` takes back what was just done. */
  push(step: () => Promise<unknown> | unknown): void {
    this.#steps.push(step);
  }

  /** Takes everything back. What fails on the way is told to `log`, and the rest goes on. */
  async run(log: (message: string) => void): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        log(`undoing a failed ADD: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

/** Runs `work`; when it throws, takes back what it did. */
export async function undoing<T>(
  log: (message: string) => void,
  work: (undo: Undo) => Promise<T>,
): Promise<T> {
  const undo = new Undo();
  try {
    return await work(undo);
  } catch (error) {
    await undo.run(log);
    throw error;
  }
}

/** Runs all steps of a DEL, whatever fails on the way; throws the first failure at the end. */
export async function everyStep(...steps: readonly (() => Promise<unknown>)[]): Promise<void> {
  let failed = false;
  let first: unknown;
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      if (!failed) first = error;
      failed = true;
    }
  }
  if (failed) throw first;
}
