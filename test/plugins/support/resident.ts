import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CniHost, Container, Json, Outcome } from './host.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

const program = fileURLToPath(new URL('./resident-program.js', import.meta.url));

/**
 * Our plugins in one process that stays on a host. For tests that call them often on a kernel where programs start
 * slowly: a call costs what the plugin does, not the start of Node.
 */
export class Resident {
  readonly #host: CniHost;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  #count = 0;
  #complaints = '';

  constructor(t: Teardown, host: CniHost) {
    this.#host = host;
    this.#child = host.lab.namespace.run(() => spawn(process.execPath, [program], { stdio: 'pipe' }));
    this.#child.stderr.on('data', (text) => {
      this.#complaints += text;
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(line));
    this.#child.on('close', () => {
      const failure = { status: null, signal: null, stdout: '', stderr: this.#complaints, json: {} };
      for (const resolve of this.#waiting.values()) resolve(failure);
      this.#waiting.clear();
    });
    t.teardown(() => this.#child.stdin.end());
  }

  #take(line: string): void {
    const { id, status, stdout, stderr } = JSON.parse(line) as Outcome & { id: number };
    const json = stdout === '' ? {} : (JSON.parse(stdout) as Json);
    this.#waiting.get(id)?.({ status, signal: null, stdout, stderr, json });
    this.#waiting.delete(id);
  }

  /** As `CniHost.run`. */
  run(
    type: string,
    command: string,
    config: Json,
    container?: Container,
    extra: NodeJS.ProcessEnv = {},
  ): Promise<Outcome> {
    const id = ++this.#count;
    const environment = {
      CNI_COMMAND: command,
      CNI_PATH: join(this.#host.directory, 'bin'),
      ...(container === undefined
        ? {}
        : { CNI_CONTAINERID: container.id, CNI_NETNS: container.lab.path, CNI_IFNAME: 'eth0' }),
      ...extra,
    };
    const call = { id, type, environment, stdin: JSON.stringify(config) };
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.stdin.write(`${JSON.stringify(call)}\n`);
    });
  }
}
