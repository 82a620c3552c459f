/**
 * Who may work, and when: at most `limit` at a time, first come, first served; and of what has a key in common one after
 * the other, in the order in which it came.
 */
export class WorkQueue {
  readonly #limit: number;
  readonly #ends = new Map<string, Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #known = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get running(): number {
    return this.#running;
  }

  /** How many are known and do not run yet. */
  get waiting(): number {
    return this.#known - this.#running;
  }

  async run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    this.#known++;
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const before = keys.map((key) => this.#ends.get(key));
    for (const key of keys) this.#ends.set(key, ended);
    try {
      await Promise.all(before);
      await this.#start();
      try {
        return await work();
      } finally {
        this.#stop();
      }
    } finally {
      this.#known--;
      end();
      for (const key of keys) if (this.#ends.get(key) === ended) this.#ends.delete(key);
    }
  }

  async #start(): Promise<void> {
    // who leaves hands its place over, so that nobody who comes meanwhile takes it
    if (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
  }

  #stop(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next();
  }
}
