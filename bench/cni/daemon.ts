/** Times the native client with the daemon behind it against the reference's programs: one by one, and many at once. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arch, execPath, platform } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { installPlugins } from '../../host/cli/install.js';
import { askDaemon } from '../../host/daemon/index.js';
import { root } from '../peers.js';
import { quantile, type Table } from '../table.js';
import type { CniCase, Json } from './cases.js';
import { type Container, cycle, type Sample } from './cycle.js';
import { BenchHost } from './host.js';

/** Attachments one by one, for each turn. */
const SINGLE = 30;
const AT_ONCE = 100;
const CLIENT_LIMIT = 100 * 1024;

interface DaemonCase {
  readonly title: string;
  /** Index of the case in `cniCases`, or one of its own. */
  readonly one: CniCase;
  readonly targets: {
    readonly add?: number;
    readonly del?: number;
    readonly adds?: number;
    readonly dels?: number;
  };
}

const bridge = ({ dataDir }: { dataDir: string }): Json => ({
  type: 'bridge',
  bridge: 'bench0',
  isGateway: true,
  ipMasq: true,
  ipam: { type: 'host-local', subnet: '10.62.0.0/16', dataDir, routes: [{ dst: '0.0.0.0/0' }] },
});

const portMappings = [8080, 8081, 8082, 8083].map((port) => ({
  hostPort: port,
  containerPort: port,
  protocol: 'tcp',
}));

const daemonCases: readonly DaemonCase[] = [
  {
    title: 'openfaas list: bridge + firewall',
    one: { title: 'openfaas', plugins: (place) => [bridge(place), { type: 'firewall' }] },
    targets: { add: 0.1, del: 0.35, adds: 0.08, dels: 0.05 },
  },
  {
    title: 'list of 5: bridge, portmap, firewall, bandwidth, tuning',
    one: {
      title: 'list of 5',
      plugins: (place) => [
        bridge(place),
        { type: 'portmap', capabilities: { portMappings: true }, runtimeConfig: { portMappings } },
        { type: 'firewall' },
        { type: 'bandwidth', ingressRate: 10_000_000, ingressBurst: 10_000_000 },
        { type: 'tuning', sysctl: { 'net.ipv4.conf.all.log_martians': '1' } },
      ],
    },
    targets: { add: 0.08 },
  },
];

class Resident {
  readonly directory = mkdtempSync(join(tmpdir(), 'netloom-bench-daemon-'));
  readonly bin = join(this.directory, 'bin');
  readonly #daemon: ChildProcess;
  readonly #socketPath = join(this.directory, 'daemon.sock');

  constructor(host: BenchHost) {
    installPlugins({ directory: this.bin, mode: 'client', socketPath: this.#socketPath });
    const main = `${root}dist/host/cli/main.js`;
    const args = [main, 'daemon', '--socket', this.#socketPath, '--log-level', 'error'];
    this.#daemon = host.namespace.run(() =>
      spawn(execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] }),
    );
  }

  async ready(): Promise<void> {
    for (let tries = 0; !existsSync(this.#socketPath); tries++) {
      if (tries > 500) throw new Error('the daemon does not listen');
      await sleep(20);
    }
    await askDaemon(this.#socketPath, '/status');
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#daemon.once('exit', resolve));
    this.#daemon.kill('SIGTERM');
    await ended;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** One operation for many containers at the same time; ns until all are done. */
async function together(
  host: BenchHost,
  directory: string,
  command: 'ADD' | 'DEL',
  containers: readonly Container[],
): Promise<number> {
  const operate = host.starting(directory);
  const configs = command === 'ADD' ? host.configs : [...host.configs].reverse();
  const start = process.hrtime.bigint();
  await Promise.all(
    containers.map(async (container) => {
      let prevResult: Json | undefined;
      for (const config of configs) {
        const result = await operate(
          command,
          prevResult === undefined ? config : { ...config, prevResult },
          container,
        );
        if (command === 'ADD') prevResult = result;
      }
    }),
  );
  return Number(process.hrtime.bigint() - start);
}

interface Contestant {
  readonly title: string;
  readonly host: BenchHost;
  readonly bin: string;
  readonly samples: Sample[];
  readonly adds: number[];
  readonly dels: number[];
}

async function compareCase(
  { title, one, targets }: DaemonCase,
  theirs: { title: string; directory: string },
  table: Table,
  turns: number,
): Promise<void> {
  const hosts = [new BenchHost(one), new BenchHost(one)] as const;
  const resident = new Resident(hosts[0]);
  try {
    await resident.ready();
    const made = { samples: [], adds: [], dels: [] };
    const ours: Contestant = { title: 'netloom', host: hosts[0], bin: resident.bin, ...made };
    const other: Contestant = {
      title: theirs.title,
      host: hosts[1],
      bin: theirs.directory,
      samples: [],
      adds: [],
      dels: [],
    };
    const both = [ours, other];
    const pods = both.map(({ host }) => host.pod());
    for (const { host, bin } of both) await host.occupy(host.executing(bin));
    for (let i = -1; i < turns * SINGLE; i++) {
      for (const [n, { host, bin, samples }] of both.entries()) {
        const sample = await cycle(host.executing(bin), host.configs, 0, host.container(pods[n] as string));
        if (i >= 0) samples.push(sample);
      }
    }
    const rival = theirs.title;
    for (const what of ['add', 'del'] as const) {
      const bench = `daemon ${what.toUpperCase()}: ${title}`;
      const [mine, others] = both.map(({ samples }) => samples.map((sample) => sample[what]));
      const target = targets[what];
      table.add({ bench, rival, ours: mine as number[], theirs: others as number[], target });
      const worst = (all: number[] | undefined): number[] => [quantile(all ?? [], 0.99)];
      table.add({ bench: `${bench}, p99`, rival, ours: worst(mine), theirs: worst(others), target });
    }
    if (targets.adds === undefined) return;
    const crowds = both.map(({ host }) => Array.from({ length: AT_ONCE }, () => host.container(host.pod())));
    for (let i = 0; i < turns; i++) {
      for (const [n, { host, bin, adds, dels }] of both.entries()) {
        adds.push(await together(host, bin, 'ADD', crowds[n] as Container[]));
        dels.push(await together(host, bin, 'DEL', crowds[n] as Container[]));
      }
    }
    const crowd = `${AT_ONCE} containers at once`;
    table.add({
      bench: `daemon ADD, ${crowd}: ${title}`,
      rival,
      ours: ours.adds,
      theirs: other.adds,
      target: targets.adds,
    });
    table.add({
      bench: `daemon DEL, ${crowd}: ${title}`,
      rival,
      ours: ours.dels,
      theirs: other.dels,
      target: targets.dels,
    });
  } finally {
    await resident.end();
    for (const host of hosts) host.remove();
  }
}

/** Fills the table with what calls take that the daemon serves. */
export async function compareDaemon(
  theirs: { title: string; directory: string } | undefined,
  table: Table,
  turns: number,
  wanted: (title: string) => boolean,
): Promise<void> {
  const client = `${root}prebuilds/${platform}-${arch}/netloom-client`;
  if (wanted('native CNI client, size'))
    table.addSize('native CNI client, size', statSync(client).size, CLIENT_LIMIT);
  for (const one of daemonCases) {
    const title = `daemon ADD DEL cni: ${one.title}`;
    if (!wanted(title)) continue;
    process.stderr.write(`${one.title}, with the daemon …\n`);
    if (theirs === undefined) table.skip(title, 'containernetworking/plugins', 'not built');
    else await compareCase(one, theirs, table, turns);
  }
}
