/** Many may hold it together, or one alone; who comes first is served first. */
export class SharedLock {
  /** How many hold it; -1: one alone. */
  #holders = 0;
  readonly #waiting: { readonly alone: boolean; readonly enter: () => void }[] = [];

  /** Runs `work` beside others that share. */
  shared<T>(work: () => Promise<T>): Promise<T> {
    return this.#hold(false, work);
  }

  /** Runs `work` when nobody else holds the lock. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#hold(true, work);
  }

  async #hold<T>(alone: boolean, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((enter) => {
      this.#waiting.push({ alone, enter });
      this.#admit();
    });
    try {
      return await work();
    } finally {
      this.#holders = alone ? 0 : this.#holders - 1;
      this.#admit();
    }
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.alone ? this.#holders !== 0 : this.#holders < 0) return;
      this.#holders = next.alone ? -1 : this.#holders + 1;
      this.#waiting.shift();
      next.enter();
    }
  }
}
