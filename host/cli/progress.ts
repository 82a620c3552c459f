/** ms after which something is said */
const PATIENCE = 1000;

/** A terminal to write to. */
interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * Says what is being done on a terminal's last line when it takes longer than a second; the line goes when it is done.
 * On what is no terminal, nothing is said.
 */
export class Progress implements Disposable {
  readonly #stream: Terminal;
  #what = '';
  #begun = 0;
  #isShown = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: Terminal = process.stderr) {
    this.#stream = stream;
  }

  /** What begins now. */
  begin(what: string): void {
    this.#what = what;
    this.#begun = performance.now();
    if (!this.#stream.isTTY || this.#timer !== undefined) return;
    this.#timer = setInterval(() => {
      const time = performance.now() - this.#begun;
      if (time < PATIENCE) return;
      this.#isShown = true;
      this.#stream.write(`\r\u001b[K${this.#what} … ${Math.round(time / 1000)} s`);
    }, PATIENCE / 4);
    this.#timer.unref();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#isShown) this.#stream.write('\r\u001b[K');
    this.#isShown = false;
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

/** Waits for work, and says what it is when it takes longer than a second. */
export async function withProgress<T>(what: string, work: Promise<T>): Promise<T> {
  using progress = new Progress();
  progress.begin(what);
  return await work;
}
