/** Times whole plugins: ours as programs and embedded, the reference's as programs, and the floor in C. */
import { deepEqual } from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { hasClient, installPlugins } from '../../host/cli/install.js';
import type { Peers } from '../peers.js';
import { root } from '../peers.js';
import type { Table } from '../table.js';
import { type CniCase, cniCases, type Json } from './cases.js';
import { cycle, type Operate } from './cycle.js';
import { compareDaemon } from './daemon.js';
import { BenchHost } from './host.js';

/** Attachments of a process each, and in one process, that a turn makes. */
const EXECUTED = 8;
const EMBEDDED = 40;
const FLOOR_TARGET = 2;

/** Debian's package, whose programs tell no version. */
const debian = '/usr/lib/cni';

interface Contestant {
  readonly title: string;
  readonly directory: string;
  readonly add: number[];
  readonly del: number[];
}

function debianVersion(): string {
  const { stdout } = spawnSync('dpkg-query', ['--show', 'containernetworking-plugins'], { encoding: 'utf8' });
  return stdout?.trim().split('\t')[1] ?? 'of unknown version';
}

/** The programs of the reference that are here, newest first. */
function references(peers: Peers): { title: string; directory: string }[] {
  const [directory] = peers.cni.command ?? [];
  return [
    ...(directory === undefined ? [] : [{ title: peers.cni.title, directory }]),
    ...(existsSync(debian) ? [{ title: `Debian's plugins ${debianVersion()}`, directory: debian }] : []),
  ];
}

function inside(namespace: string, ...command: string[]): string {
  return execFileSync('nsenter', [`--net=${namespace}`, ...command], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** What must be the same whoever attached: names and addresses of links are random. */
function attached(pod: string, result: Json): Json {
  const show = (...what: string[]): Json[] => JSON.parse(inside(pod, 'ip', '-j', ...what)) as Json[];
  const { ips = [], routes = [] } = result as { ips?: Json[]; routes?: Json[] };
  return {
    ips: ips.map(({ address, gateway }) => ({ address, gateway })),
    routes,
    // whether it runs is seen a moment later
    links: show('link', 'show').map(({ ifname, mtu, flags }) => ({
      ifname,
      mtu,
      up: (flags as string[]).includes('UP'),
    })),
    addresses: show('-4', 'address', 'show').map(({ ifname, addr_info: all }) => [
      ifname,
      (all as Json[]).map(({ local, prefixlen, broadcast }) => ({ local, prefixlen, broadcast })),
    ]),
    kernelRoutes: show('-4', 'route', 'show', 'table', 'all')
      .map(({ dst, gateway, dev, table }) => JSON.stringify({ dst, gateway, dev, table }))
      .sort(),
    rules: show('rule', 'show').map(({ src, table }) => ({ src, table })),
  };
}

/** Throws unless both leave the same in the container, and nothing after DEL. */
async function verifyCase(one: CniCase, ours: string, theirs: string): Promise<void> {
  const seen: Json[] = [];
  for (const directory of [ours, theirs]) {
    const host = new BenchHost(one);
    try {
      const pod = host.pod();
      const before = inside(pod, 'ip', '-j', 'address', 'show').replaceAll(/"(operstate|flags)":[^,]*,/g, '');
      let state: Json = {};
      const look = (result: Json): void => {
        state = attached(pod, result);
      };
      await cycle(host.executing(directory), host.configs, 0, host.container(pod), look);
      if (one.ifname !== 'lo') {
        deepEqual(
          inside(pod, 'ip', '-j', 'address', 'show').replaceAll(/"(operstate|flags)":[^,]*,/g, ''),
          before,
          `${one.title}: what is left in the container`,
        );
      }
      seen.push(state);
    } finally {
      host.remove();
    }
  }
  deepEqual(seen[0], seen[1], `${one.title}: what ours and the reference leave in the container`);
}

/** Everybody's one-shot ADD and DEL, in turns. */
async function executeInTurns(
  one: CniCase,
  contestants: readonly Contestant[],
  turns: number,
): Promise<void> {
  const places: { contestant: Contestant; host: BenchHost; operate: Operate; pod: string }[] = [];
  try {
    for (const contestant of contestants) {
      const host = new BenchHost(one);
      places.push({ contestant, host, operate: host.executing(contestant.directory), pod: host.pod() });
    }
    for (const { host, operate } of places) await host.occupy(operate);
    for (let i = -1; i < turns * EXECUTED; i++) {
      for (const { contestant, host, operate, pod } of places) {
        const { add, del } = await cycle(operate, host.configs, one.untimed ?? 0, host.container(pod));
        if (i < 0) continue;
        contestant.add.push(add);
        contestant.del.push(del);
      }
    }
  } finally {
    for (const { host } of places) host.remove();
  }
}

interface Embedded {
  readonly add: number[];
  readonly del: number[];
  readonly floor: { readonly attach: number[]; readonly detach: number[] };
}

/** Ours in one process and the floor, in turns. */
async function embedInTurns(one: CniCase, ours: string, native: string, turns: number): Promise<Embedded> {
  const out: Embedded = { add: [], del: [], floor: { attach: [], detach: [] } };
  const host = new BenchHost(one);
  const floorHost = new BenchHost(one);
  const program = `${root}dist/bench/cni/program.js`;
  const script = join(floorHost.dataDir, 'script');
  try {
    await host.occupy(host.executing(ours));
    const pod = host.pod();
    const floorPod = floorHost.pod();
    if (one.floor) {
      await floorHost.occupy(floorHost.executing(ours));
      const leases = join(floorHost.dataDir, 'leases');
      writeFileSync(script, inside(floorHost.path, execPath, program, one.title, floorPod, leases, 'record'));
    }
    for (let i = 0; i < turns; i++) {
      const text = inside(host.path, execPath, program, one.title, pod, host.dataDir, String(EMBEDDED));
      const { add, del } = JSON.parse(text) as { add: number[]; del: number[] };
      out.add.push(...add);
      out.del.push(...del);
      if (!one.floor) continue;
      for (const what of ['attach', 'detach'] as const) {
        const floor = inside(floorHost.path, native, what, script, String(EMBEDDED));
        out.floor[what].push(...(JSON.parse(floor) as { samples: number[] }).samples);
      }
    }
    return out;
  } finally {
    host.remove();
    floorHost.remove();
  }
}

function missing(one: CniCase): string | undefined {
  const host = new BenchHost(one);
  try {
    return host.missing;
  } finally {
    host.remove();
  }
}

/** Are all plugins of the case in a directory? Debian's older package lacks some. */
function hasPlugins(one: CniCase, directory: string): boolean {
  return one
    .plugins({ dataDir: '/' })
    .flatMap(({ type, ipam }) => [type, (ipam as Json | undefined)?.type ?? type])
    .every((type) => existsSync(join(directory, String(type))));
}

/** Fills the table with what whole plugins take. */
export async function comparePlugins(
  peers: Peers,
  table: Table,
  turns: number,
  wanted: (title: string) => boolean,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-bench-plugins-'));
  try {
    const theirs = references(peers);
    // no daemon listens there
    installPlugins({ directory, mode: hasClient() ? 'client' : 'node', socketPath: '' });
    await compareDaemon(peers.native.command?.[0] ?? '', theirs[0], table, turns, wanted);
    for (const one of cniCases) {
      const titles = {
        add: `one-shot ADD: ${one.title}`,
        del: `one-shot DEL: ${one.title}`,
        embeddedAdd: `embedded ADD: ${one.title}`,
        embeddedDel: `embedded DEL: ${one.title}`,
      };
      if (!Object.values(titles).some(wanted)) continue;
      process.stderr.write(`${one.title}, whole plugins …\n`);
      const why = missing(one);
      if (why !== undefined) {
        table.skip(titles.add, 'containernetworking/plugins', why);
        continue;
      }
      const having = theirs.filter((rival) => hasPlugins(one, rival.directory));
      const [newest] = having;
      if (newest !== undefined) await verifyCase(one, directory, newest.directory);
      else table.skip(titles.add, 'containernetworking/plugins', peers.cni.skipped ?? 'has no such plugin');
      const contestants = [{ title: 'netloom', directory }, ...having].map(
        (who): Contestant => ({ ...who, add: [], del: [] }),
      );
      await executeInTurns(one, contestants, turns);
      const embedded = await embedInTurns(one, directory, peers.native.command?.[0] ?? '', turns);
      const [ours, ...rivals] = contestants as [Contestant, ...Contestant[]];
      const row = (
        bench: string,
        rival: string,
        [mine, other]: readonly [number[], number[]],
        target?: number,
        plot?: string,
      ): void => {
        if (wanted(bench)) table.add({ bench, rival, ours: mine, theirs: other, target, plot });
      };
      for (const [n, rival] of rivals.entries()) {
        // the target is of the newest
        const [target, plot] = n === 0 ? [one.target, one.plot] : [];
        row(titles.add, rival.title, [ours.add, rival.add], target, plot);
        row(titles.del, rival.title, [ours.del, rival.del]);
        row(titles.embeddedAdd, rival.title, [embedded.add, rival.add]);
        row(titles.embeddedDel, rival.title, [embedded.del, rival.del]);
      }
      if (one.floor) {
        row(
          titles.embeddedAdd,
          'C that sends the same messages',
          [embedded.add, embedded.floor.attach],
          FLOOR_TARGET,
          'embedded-floor',
        );
        // the kernel waits until nobody uses the pair: most of what a DEL takes
        row(titles.embeddedDel, 'C that deletes pair and rules', [embedded.del, embedded.floor.detach]);
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
