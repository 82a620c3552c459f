/** Steps for `native launch`, which plays the runtime: bench/peers/native/launch.c. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Container } from './cycle.js';
import type { BenchHost } from './host.js';

export type Verb = 'ADD' | 'DEL' | 'CHECK' | 'STATUS' | 'VERSION';

/** What a step took, in ns. */
export interface Step {
  readonly host: string;
  readonly command: Verb;
  /** From before the first start to after the last exit. */
  readonly wall: number;
  /** Of each container, each plugin of the list from before its start to after its exit. */
  readonly took: readonly (readonly number[])[];
}

export class Launcher {
  readonly #native: string;
  readonly #lines: string[] = [];
  readonly #heads: string[] = [];

  /** `native`: the C program. */
  constructor(native: string) {
    this.#native = native;
  }

  /** A contestant: a host and a directory of plugins. */
  host(name: string, { path, configs }: Pick<BenchHost, 'path' | 'configs'>, directory: string): void {
    this.#heads.push(`host ${name} ${path} ${directory}`);
    for (const config of configs) this.#heads.push(`plugin ${name} ${config.type} ${JSON.stringify(config)}`);
  }

  /** One operation of a list, of all these containers at the same time. */
  step(host: string, command: Verb, containers: readonly Container[]): void {
    const fields = containers.flatMap(({ id, netns, ifname }) => [id, netns, ifname]);
    this.#lines.push(['run', host, command, ...fields].join(' '));
  }

  /** Runs the steps, which are then forgotten. Throws when an operation fails. */
  run(): Step[] {
    const directory = mkdtempSync(join(tmpdir(), 'netloom-bench-plan-'));
    try {
      const plan = join(directory, 'plan');
      writeFileSync(plan, `${[...this.#heads, ...this.#lines.splice(0)].join('\n')}\n`);
      const text = execFileSync(this.#native, ['launch', plan], {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      return text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Step);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

/** ns of a container's operation: of its plugins from the `untimed`th on. */
export function sumOf(took: readonly number[] | undefined, untimed = 0): number {
  return (took ?? []).slice(untimed).reduce((sum, ns) => sum + ns, 0);
}
