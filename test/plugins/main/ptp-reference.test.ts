import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'tap';
import type { Lab } from '../../support/lab.js';
import { CniHost, type Json, type Side, withoutRandom } from '../support/host.js';

const ipam = (dataDir: string, extra: Json = {}): Json => ({
  type: 'host-local',
  subnet: '10.63.0.0/16',
  dataDir,
  routes: [{ dst: '0.0.0.0/0' }],
  ...extra,
});

/** What is asked of both sides; `ipMasqBackend` is a key that Debian's version does not know. */
const cases: Record<string, (dataDir: string) => Json> = {
  'no keys but ipam': (dataDir) => ({ ipam: ipam(dataDir, { routes: [] }) }),
  'a default route': (dataDir) => ({ ipam: ipam(dataDir) }),
  'routes with and without gateway': (dataDir) => ({
    ipam: ipam(dataDir, { routes: [{ dst: '192.168.0.0/16', gw: '10.63.0.9' }, { dst: '172.16.0.0/12' }] }),
  }),
  'masquerading with iptables': (dataDir) => ({
    ipMasq: true,
    ipMasqBackend: 'iptables',
    ipam: ipam(dataDir),
  }),
  'both families': (dataDir) => ({
    ipMasq: true,
    ipMasqBackend: 'iptables',
    ipam: {
      type: 'host-local',
      dataDir,
      ranges: [[{ subnet: '10.63.0.0/24' }], [{ subnet: 'fd00:63::/64' }]],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    },
  }),
  'IPv6 only': (dataDir) => ({ ipam: { type: 'host-local', dataDir, subnet: 'fd00:63::/64' } }),
  'mtu and dns of the network': (dataDir) => ({
    mtu: 1400,
    dns: { nameservers: ['10.1.1.1'], search: ['a.b'] },
    ipam: ipam(dataDir),
  }),
  'dns of ipam': () => ({
    ipam: {
      type: 'static',
      addresses: [{ address: '10.63.5.5/24', gateway: '10.63.5.1' }],
      dns: { nameservers: ['10.2.2.2'], domain: 'c.d' },
    },
  }),
  'dns overridden by empty lists': () => ({
    dns: { nameservers: [], search: [] },
    ipam: {
      type: 'static',
      addresses: [{ address: '10.63.5.5/24', gateway: '10.63.5.1' }],
      dns: { nameservers: ['10.2.2.2'], domain: 'c.d' },
    },
  }),
};

/** The kernel notices that both ends of a pair are up within a second. */
async function linksUp(lab: Lab): Promise<void> {
  const isSettling = (): boolean =>
    lab.ip('link', 'show', 'type', 'veth').some(({ operstate }: Json) => operstate !== 'UP');
  for (let i = 0; i < 60 && isSettling(); i++) await sleep(50);
}

const versions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'];

for (const [name, make] of Object.entries(cases)) {
  test(`as the reference: ${name}`, { timeout: 60_000 }, async (t) => {
    const seen: Partial<Record<Side, Json>> = {};
    const cniVersion = versions[Object.keys(cases).indexOf(name) % versions.length] as string;
    for (const side of ['reference', 'ours'] as const) {
      const host = new CniHost(t);
      const config = { cniVersion, name: 'net', type: 'ptp', ...make(host.dataDir) };
      const containers =
        ((config as Json).ipam as Json).type === 'static'
          ? [host.container()]
          : [host.container(), host.container()];
      const results: Json[] = [];
      for (const container of containers) {
        const added = host.run(side, 'ptp', 'ADD', config, container);
        t.equal(added.status, 0, `${side}: ${added.stdout}${added.stderr}`);
        results.push(withoutRandom(added.json, container));
        if (cniVersion !== '0.4.0' && cniVersion !== '1.0.0') continue;
        for (const checker of ['reference', 'ours'] as const) {
          const checked = host.run(checker, 'ptp', 'CHECK', { ...config, prevResult: added.json }, container);
          t.equal(checked.status, 0, `${checker} checks what ${side} added: ${checked.stdout}`);
        }
      }
      for (const { lab } of containers) await linksUp(lab);
      await linksUp(host.lab);
      seen[side] = {
        results,
        host: host.state(),
        containers: containers.map((container) => container.state()),
        forward: ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'].map((key) =>
          host.lab.run('sysctl', '-n', key).trim(),
        ),
      };
      for (const container of containers) {
        t.equal(host.run(side, 'ptp', 'DEL', config, container).status, 0);
        t.same(
          (container.state().links as Json[]).map(({ ifname }) => ifname),
          ['lo'],
        );
      }
      const { links, iptables } = host.state() as { links: Json[]; iptables: { ip: string[] } };
      t.same(
        links.map(({ ifname }) => ifname),
        ['lo'],
      );
      t.notOk(iptables.ip.some((line) => line.includes('CNI-hash')));
    }
    t.same(seen.ours, seen.reference);
  });
}

test('each removes what the other added', { timeout: 60_000 }, async (t) => {
  for (const [adds, deletes] of [
    ['ours', 'reference'],
    ['reference', 'ours'],
  ] as const) {
    const host = new CniHost(t);
    const container = host.container();
    const config: Json = {
      cniVersion: '0.4.0',
      name: 'net',
      type: 'ptp',
      ipMasq: true,
      ipMasqBackend: 'iptables',
      ipam: ipam(host.dataDir),
    };
    const added = host.run(adds, 'ptp', 'ADD', config, container);
    t.equal(added.status, 0, added.stdout);
    const withResult = { ...config, prevResult: added.json };
    t.equal(host.run(deletes, 'ptp', 'CHECK', withResult, container).status, 0);
    t.equal(host.run(deletes, 'ptp', 'DEL', withResult, container).status, 0);
    const { iptables, links } = host.state() as { iptables: { ip: string[] }; links: Json[] };
    t.notOk(iptables.ip.some((line) => line.includes('CNI-hash')));
    t.same(
      links.map(({ ifname }) => ifname),
      ['lo'],
    );
    const again = host.run(adds, 'ptp', 'ADD', config, container);
    t.equal(again.status, 0, `the address is free again: ${again.stdout}`);
    host.run(adds, 'ptp', 'DEL', config, container);
  }
});
