/** Times the native client with the daemon behind it against the reference's programs: one by one, and many at once. */
import { statSync } from 'node:fs';
import { arch, platform } from 'node:process';
import { root } from '../peers.js';
import { quantile, type Table } from '../table.js';
import type { CniCase, Json } from './cases.js';
import { compareCrowded, crowdedTitle, measureMemory, memoryTitle } from './endurance.js';
import { BenchHost } from './host.js';
import { Launcher, type Step, sumOf } from './launcher.js';
import { Resident } from './resident.js';

/** Attachments one by one, for each turn. */
const SINGLE = 30;
/** Of them that do not count, in all. */
const WARM_UP = 5;
/** ADDs and DELs of ours before: a resident daemon has been at work, and its code is compiled. */
const DAEMON_WARM_UP = 200;
const CLIENT_STARTS = 500;
const CLIENT_START_LIMIT = 2_000_000;
const AT_ONCE = 100;
const CLIENT_LIMIT = 100 * 1024;

interface DaemonCase {
  readonly title: string;
  /** Begins the names of its plots' files. */
  readonly name: string;
  /** Index of the case in `cniCases`, or one of its own. */
  readonly one: CniCase;
  readonly targets: {
    readonly ADD?: number;
    readonly DEL?: number;
    readonly crowdAdd?: number;
    readonly crowdDel?: number;
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
    name: 'daemon-openfaas',
    one: { title: 'openfaas', plugins: (place) => [bridge(place), { type: 'firewall' }] },
    targets: { ADD: 0.1, DEL: 0.35, crowdAdd: 0.08, crowdDel: 0.05 },
  },
  {
    title: 'list of 5: bridge, portmap, firewall, bandwidth, tuning',
    name: 'daemon-list-of-5',
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
    targets: { ADD: 0.08 },
  },
];

/** The program that starts the plugins, and whose they are. */
interface Rivals {
  readonly native: string;
  readonly theirs: { readonly title: string; readonly directory: string };
}

/** One of the two, and what its operations took, in ns. */
interface Contestant {
  readonly name: 'ours' | 'theirs';
  readonly host: BenchHost;
  readonly bin: string;
}

async function compareCase(
  { title, name: plotName, one, targets }: DaemonCase,
  { native, theirs }: Rivals,
  table: Table,
  turns: number,
): Promise<void> {
  const hosts = [new BenchHost(one), new BenchHost(one)] as const;
  const resident = new Resident(hosts[0]);
  try {
    await resident.ready();
    const both: readonly Contestant[] = [
      { name: 'ours', host: hosts[0], bin: resident.bin },
      { name: 'theirs', host: hosts[1], bin: theirs.directory },
    ];
    for (const { host, bin } of both) await host.occupy(host.executing(bin));
    const launcher = new Launcher(native);
    for (const { name, host, bin } of both) launcher.host(name, host, bin);
    const times = (name: string, command: string, take: (step: Step) => number): number[] =>
      steps.filter((step) => step.host === name && step.command === command).map(take);
    const add = (
      bench: string,
      target: number | undefined,
      [ours, others]: readonly [number[], number[]],
      plot?: string,
    ): void => table.add({ bench, rival: theirs.title, ours, theirs: others, target, plot });

    const pods = both.map(({ host }) => host.pod());
    for (let i = 0; i < DAEMON_WARM_UP; i++) {
      const container = hosts[0].container(pods[0] as string);
      launcher.step('ours', 'ADD', [container]);
      launcher.step('ours', 'DEL', [container]);
    }
    launcher.run();
    const rounds = turns * SINGLE;
    for (let i = -WARM_UP; i < rounds; i++) {
      for (const [n, { name, host }] of both.entries()) {
        const container = host.container(pods[n] as string);
        launcher.step(name, 'ADD', [container]);
        launcher.step(name, 'DEL', [container]);
      }
    }
    let steps = launcher.run();
    for (const command of ['ADD', 'DEL'] as const) {
      const of = (name: string) => times(name, command, ({ took: [taken] }) => sumOf(taken)).slice(WARM_UP);
      const [ours, others] = [of('ours'), of('theirs')];
      const target = targets[command];
      add(`daemon ${command}: ${title}`, target, [ours, others], `${plotName}-${command.toLowerCase()}`);
      const worst = (all: number[]): number[] => [quantile(all, 0.99)];
      add(`daemon ${command}: ${title}, p99`, target, [worst(ours), worst(others)]);
    }
    if (targets.crowdAdd === undefined) return;
    const crowds = both.map(({ host }) => Array.from({ length: AT_ONCE }, () => host.container(host.pod())));
    for (let i = 0; i < turns; i++) {
      for (const command of ['ADD', 'DEL'] as const) {
        for (const [n, { name }] of both.entries()) launcher.step(name, command, crowds[n] ?? []);
      }
    }
    steps = launcher.run();
    for (const [command, target] of [
      ['ADD', targets.crowdAdd],
      ['DEL', targets.crowdDel],
    ] as const) {
      const of = (name: string) => times(name, command, ({ wall }) => wall);
      add(
        `daemon ${command}, ${AT_ONCE} containers at once: ${title}`,
        target,
        [of('ours'), of('theirs')],
        `${plotName}-${AT_ONCE}-${command.toLowerCase()}`,
      );
    }
  } finally {
    await resident.end();
    for (const host of hosts) host.remove();
  }
}

/** The client from before its start to after its exit, of a call that the daemon answers at once. */
async function timeClient(native: string, one: CniCase, table: Table): Promise<void> {
  const host = new BenchHost(one);
  const resident = new Resident(host);
  try {
    await resident.ready();
    const launcher = new Launcher(native);
    launcher.host('ours', { path: host.path, configs: host.configs.slice(0, 1) }, resident.bin);
    const container = host.container(host.pod());
    for (let i = 0; i < DAEMON_WARM_UP + CLIENT_STARTS; i++) launcher.step('ours', 'VERSION', [container]);
    const times = launcher.run().map(({ took: [taken] }) => sumOf(taken));
    const counted = times.slice(DAEMON_WARM_UP);
    table.addTimes(clientTitle, counted, CLIENT_START_LIMIT, 'native-client');
    table.addTimes(`${clientTitle}, p99`, [quantile(counted, 0.99)], CLIENT_START_LIMIT);
  } finally {
    await resident.end();
    host.remove();
  }
}

const clientTitle = 'native CNI client, start to exit, the daemon answers at once';

/** Fills the table with what calls take that the daemon serves. */
export async function compareDaemon(
  native: string,
  theirs: { title: string; directory: string } | undefined,
  table: Table,
  turns: number,
  wanted: (title: string) => boolean,
): Promise<void> {
  const client = `${root}prebuilds/${platform}-${arch}/netloom-client`;
  if (wanted('native CNI client, size'))
    table.addSize('native CNI client, size', statSync(client).size, CLIENT_LIMIT);
  const openfaas = (daemonCases[0] as DaemonCase).one;
  if (wanted(clientTitle)) await timeClient(native, openfaas, table);
  for (const one of daemonCases) {
    const title = `daemon ADD DEL cni: ${one.title}`;
    if (!wanted(title)) continue;
    process.stderr.write(`${one.title}, with the daemon …\n`);
    if (theirs === undefined) table.skip(title, 'containernetworking/plugins', 'not built');
    else await compareCase(one, { native, theirs }, table, turns);
  }
  for (const [title, measure] of [
    [crowdedTitle, () => compareCrowded(native, openfaas, table, DAEMON_WARM_UP)],
    [memoryTitle, () => measureMemory(native, openfaas, table)],
  ] as const) {
    if (!wanted(title)) continue;
    process.stderr.write(`${title} …\n`);
    await measure();
  }
}
