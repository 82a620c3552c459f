import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Lab } from '../../support/lab.js';

/** What tests ask of a tap test. */
interface Teardown {
  teardown(work: () => unknown): void;
}

export const netloom = fileURLToPath(new URL('../../../host/cli/main.js', import.meta.url));

/** A program that prints what happens, and all that it has printed. */
export class Watcher {
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #wake: (() => void) | undefined;
  text = '';
  complaints = '';

  constructor(t: Teardown, lab: Lab | undefined, file: string, ...args: string[]) {
    const start = (): ChildProcess => spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = lab === undefined ? start() : lab.namespace.run(start);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.text += text;
      this.#wake?.();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.complaints += text;
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', (status) => {
        resolve(status);
        this.#wake?.();
      });
    });
    t.teardown(() => this.end());
  }

  /** `netloom monitor …`, started in the lab's namespace. */
  static monitor(t: Teardown, lab: Lab | undefined, ...args: string[]): Watcher {
    return new Watcher(t, lab, process.execPath, netloom, 'monitor', ...args);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Waits until it has printed something; throws when it ends before. */
  async prints(pattern: string | RegExp): Promise<void> {
    const found = (): boolean =>
      typeof pattern === 'string' ? this.text.includes(pattern) : pattern.test(this.text);
    while (!found()) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(
          `it ended without having printed ${pattern}: ${this.text.slice(-500)}${this.complaints}`,
        );
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Ends it, and waits for that; its exit status, null when it was the signal that ended it. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal);
    return await this.#exited;
  }
}

let mark = 0;

function markOf(number: number): string {
  return `127.9.${number >> 8}.${number & 255}`;
}

/** Waits until all of them have heard of everything before: until they print something done after it. */
export async function settled(lab: Lab, ...watchers: Watcher[]): Promise<void> {
  const address = markOf(++mark);
  lab.run('ip', 'addr', 'add', `${address}/32`, 'dev', 'lo');
  await Promise.all(
    watchers.map((one) => one.prints(new RegExp(`${address.replaceAll('.', '\\.')}(?!\\d)`))),
  );
}

/** The same at the beginning: until all of them listen. */
export async function listening(lab: Lab, ...watchers: Watcher[]): Promise<void> {
  const pending = new Set(watchers);
  const ready = Promise.all(watchers.map((one) => one.prints('127.9.').then(() => pending.delete(one))));
  while (pending.size > 0) {
    lab.run('ip', 'addr', 'add', `${markOf(++mark)}/32`, 'dev', 'lo');
    await Promise.race([ready, new Promise((resolve) => setTimeout(resolve, 30))]);
  }
  await settled(lab, ...watchers);
}

/** What was printed without what `listening` and `settled` did. */
export function cleaned(text: string): string {
  return text.replaceAll(/.*\blo {4}inet 127\.9\..*\n.*\n/g, '').replaceAll(/.*\b127\.9\.\d+\.\d+ .*\n/g, '');
}
