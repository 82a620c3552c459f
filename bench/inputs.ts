/** What the benchmarks work on: namespaces made for them, and dumps captured there. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const ROUTES = 100_000;
export const LINK_PAIRS = 500;

export interface Inputs {
  /** Paths of namespaces: with 100,000 routes; with none but its own; with 1,000 links. */
  readonly namespaces: { readonly full: string; readonly empty: string; readonly links: string };
  /** Captured dumps: the datagrams one after the other; their lengths are in FILE.lengths. */
  readonly dumps: { readonly routes: string; readonly links: string };
  remove(): void;
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function ipBatch(namespace: string, lines: readonly string[]): void {
  execFileSync('ip', ['-n', namespace, '-batch', '-'], {
    input: lines.join('\n'),
    stdio: ['pipe', 'ignore', 'pipe'],
  });
}

const pathOf = (namespace: string): string => `/run/netns/${namespace}`;

/** Makes everything, with the C rival `native` as the tool that fills and captures. What was made is removed when that fails. */
export function makeInputs(native: string): Inputs {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-bench-'));
  const suffix = randomBytes(4).toString('hex');
  const names = ['full', 'empty', 'links'].map((what) => `nlb-${what}-${suffix}`);
  const [full, empty, links] = names as [string, string, string];
  const remove = (): void => {
    for (const name of names) if (existsSync(pathOf(name))) ip('netns', 'delete', name);
    rmSync(directory, { recursive: true, force: true });
  };
  const inside = (namespace: string, ...args: string[]): void => {
    execFileSync('nsenter', [`--net=${pathOf(namespace)}`, native, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  };
  try {
    for (const name of names) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    for (const name of [full, empty]) {
      ipBatch(name, [
        'link add b0 type veth peer name b1',
        'address add 192.0.2.1/24 dev b0',
        'link set b0 up',
        'link set b1 up',
      ]);
    }
    inside(full, 'fill', String(ROUTES));
    // what a real table has besides, each laid out differently
    ipBatch(full, [
      'route add default via 192.0.2.9',
      'route add blackhole 198.18.0.0/15',
      'route add 203.0.113.0/24 nexthop via 192.0.2.3 weight 1 nexthop via 192.0.2.4 weight 2',
      'route add 198.51.100.0/24 via 192.0.2.5 mtu lock 1400 advmss 1360',
      'route add 198.51.100.128/25 via 192.0.2.5 src 192.0.2.1 table 1000',
    ]);
    ipBatch(
      links,
      Array.from({ length: LINK_PAIRS }, (_, n) => `link add left${n} type veth peer name right${n}`),
    );
    const dumps = { routes: join(directory, 'routes'), links: join(directory, 'links') };
    inside(full, 'capture', 'routes', dumps.routes);
    inside(links, 'capture', 'links', dumps.links);
    return {
      namespaces: { full: pathOf(full), empty: pathOf(empty), links: pathOf(links) },
      dumps,
      remove,
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** A file in memory of its own, aligned. */
export function readDump(path: string): Uint8Array {
  const file = readFileSync(path);
  const bytes = new Uint8Array(file.length);
  bytes.set(file);
  return bytes;
}
