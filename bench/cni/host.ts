/** A namespace that stands for a host, and the containers on it, for one contestant. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Namespace } from '../../host/namespace/namespace.js';
import { type CniCase, configsOf, type Json } from './cases.js';
import { attach, type Container, type Operate } from './cycle.js';

/** What a plugin's process gets, and nothing else: what Node is told by variables costs its start. */
function environmentOf(
  command: string,
  { id, netns, ifname }: Container,
  directory: string,
): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    CNI_COMMAND: command,
    CNI_CONTAINERID: id,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_PATH: directory,
  };
}

export class BenchHost {
  readonly namespace: Namespace;
  readonly path: string;
  readonly dataDir: string;
  readonly #names: string[] = [];
  readonly #case: CniCase;
  #count = 0;

  constructor(one: CniCase) {
    this.#case = one;
    const name = this.#named('host');
    this.path = `/run/netns/${name}`;
    this.namespace = Namespace.create(name);
    this.dataDir = mkdtempSync(join(tmpdir(), 'netloom-bench-cni-'));
    for (const line of [['link', 'set', 'lo', 'up'], ...(one.prepare ?? [])]) {
      execFileSync('ip', ['-n', name, ...line], { stdio: ['ignore', 'ignore', 'pipe'] });
    }
  }

  #named(what: string): string {
    const name = `nlb-${what}-${randomBytes(4).toString('hex')}`;
    this.#names.push(name);
    return name;
  }

  /** A namespace for containers. */
  pod(): string {
    const name = this.#named('pod');
    Namespace.create(name).close();
    return `/run/netns/${name}`;
  }

  get configs(): readonly Json[] {
    return configsOf(this.#case, this);
  }

  container(netns: string): Container {
    return { id: `bench-${++this.#count}`, netns, ifname: this.#case.ifname ?? 'eth0' };
  }

  /** Why the case cannot be had on this kernel. */
  get missing(): string | undefined {
    const { probe } = this.#case;
    if (probe === undefined) return undefined;
    const { status, stderr } = this.namespace.run(() => spawnSync('ip', [...probe], { encoding: 'utf8' }));
    return status === 0 ? undefined : `this kernel: ${stderr.trim().split('\n')[0]}`;
  }

  /** Attaches a container and leaves it: a bridge that is there, chains that are there. */
  async occupy(operate: Operate): Promise<void> {
    if (this.#case.alone) return;
    const container = this.container(this.pod());
    await attach(operate, this.configs, 0, container);
  }

  remove(): void {
    this.namespace.close();
    for (const name of this.#names) Namespace.delete(name);
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** Plugins of a directory, a process each. */
  executing(directory: string): Operate {
    return (command, config, container) => {
      const env = environmentOf(command, container, directory);
      const file = join(directory, String(config.type));
      const input = JSON.stringify(config);
      const { status, stdout, stderr, error } = this.namespace.run(() =>
        spawnSync(file, [], { env, input, encoding: 'utf8' }),
      );
      if (status !== 0) throw new Error(`${file} ${command}: ${error?.message ?? stdout + stderr}`);
      return stdout === '' ? {} : (JSON.parse(stdout) as Json);
    };
  }
}
