import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { temporaryDirectory } from '../plugins/ipam/support/leases.js';
import { Lab } from '../support/lab.js';
import type { Report, Work } from './support/pods-program.js';

const program = fileURLToPath(new URL('support/pods-program.js', import.meta.url));

interface Teardown {
  teardown(work: () => unknown): void;
}

/** A host with two networks. */
class Host {
  readonly lab: Lab;
  readonly directory: string;

  constructor(t: Teardown) {
    this.lab = new Lab(t, 'host');
    this.lab.run('ip', 'link', 'set', 'lo', 'up');
    this.directory = temporaryDirectory(t);
    mkdirSync(join(this.directory, 'net.d'));
    const network = (name: string, net: string, type: object): object => ({
      cniVersion: '1.1.0',
      name,
      plugins: [
        {
          ...type,
          ipMasq: true,
          ipam: { type: 'host-local', ranges: [[{ subnet: net }]], dataDir: join(this.directory, 'leases') },
        },
        { type: 'firewall' },
      ],
    });
    const write = (file: string, list: object): void =>
      writeFileSync(join(this.directory, 'net.d', file), JSON.stringify(list));
    write(
      '1.conflist',
      network('bridged', '10.41.0.0/24', { type: 'bridge', bridge: 'br0', isGateway: true }),
    );
    write('2.conflist', network('routed', '10.42.0.0/24', { type: 'ptp' }));
  }

  run(work: Omit<Work, 'directory'>): Report | undefined {
    const argument = JSON.stringify({ ...work, directory: this.directory });
    const { status, signal, stdout, stderr } = this.lab.namespace.run(() =>
      spawnSync(process.execPath, [program, argument], { encoding: 'utf8' }),
    );
    if (signal === 'SIGKILL') return undefined;
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as Report;
  }

  leases(): string[] {
    const all = ['bridged', 'routed'].map((name) => join(this.directory, 'leases', name));
    return all
      .flatMap((path) => (existsSync(path) ? readdirSync(path) : []))
      .filter((name) => /^10\./.test(name));
  }

  /** What is left on the host but its loopback and the rules that all attachments share. */
  left(): string[] {
    const cache = join(this.directory, 'cache/results');
    const links = this.lab.ip('link') as { ifname: string }[];
    return [
      ...links.map(({ ifname }) => ifname).filter((name) => name !== 'lo'),
      ...this.leases(),
      ...(existsSync(cache) ? readdirSync(cache) : []),
      ...[...this.lab.run('nft', 'list', 'ruleset').matchAll(/10\.4[12]\.0\.\d+/g)].map(
        ([address]) => address,
      ),
    ];
  }
}

const COUNT = 30;

test('30 containers at once, with two networks each, in one process', { timeout: 120_000 }, async (t) => {
  const host = new Host(t);
  const labs = Array.from({ length: COUNT }, () => new Lab(t, 'pod'));
  const containers = labs.map(({ path }, i) => ({ id: `c${i}`, netns: path }));
  const added = host.run({ operation: 'setup', containers });
  const outcomes = added?.outcomes.map((one) => (typeof one === 'string' ? one : Object.keys(one).sort()));
  t.same(
    outcomes,
    containers.map(() => ['eth0', 'eth1', 'lo']),
  );
  t.comment(`${COUNT} containers, two networks and the loopback: ${added?.duration.toFixed(0)} ms`);
  const addresses = added?.outcomes.flatMap((one) => (typeof one === 'string' ? [] : [one.eth0, one.eth1]));
  t.equal(new Set(addresses?.flat()).size, 2 * COUNT, 'no address twice');
  t.equal(host.leases().length, 2 * COUNT);
  const [first, last] = [labs[0], labs.at(-1)];
  const peer = added?.outcomes.at(-1);
  const address = typeof peer === 'object' ? peer.eth0?.[0]?.split('/')[0] : undefined;
  first?.run('ping', '-c1', '-W2', address ?? '');
  last?.run('ping', '-c1', '-W2', '127.0.0.1');
  // half of them are forgotten by their runtime
  host.run({ operation: 'gc', containers: containers.slice(COUNT / 2) });
  t.equal(host.leases().length, COUNT);
  t.equal(readdirSync(join(host.directory, 'cache/results')).length, (3 * COUNT) / 2);
  const removed = host.run({ operation: 'remove', containers });
  t.same(
    removed?.outcomes,
    containers.map(() => ({})),
  );
  t.same(host.left(), []);
});

test('the runtime is killed at any moment: remove leaves nothing', { timeout: 200_000 }, async (t) => {
  const host = new Host(t);
  for (let killAt = 1; ; killAt++) {
    const pod = new Lab(t, 'pod');
    const containers = [{ id: 'c1', netns: pod.path }];
    const killed = host.run({ operation: 'setup', containers, killAt }) === undefined;
    const half = host.run({ operation: 'remove', containers, killAt: Math.ceil(killAt / 2) });
    const removed = host.run({ operation: 'remove', containers });
    t.same(removed?.outcomes, [{}], `killed at event ${killAt}`);
    t.same(half?.outcomes ?? [{}], [{}]);
    t.same(host.left(), [], `killed at event ${killAt}`);
    t.same(
      pod.ip('link').map(({ ifname }: { ifname: string }) => ifname),
      ['lo'],
    );
    if (!killed) break;
  }
});
