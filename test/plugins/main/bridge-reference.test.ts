import { test } from 'tap';
import { CniHost, type Json, type Side, withoutRandom } from '../support/host.js';

const ipam = (dataDir: string, extra: Json = {}): Json => ({
  type: 'host-local',
  subnet: '10.62.0.0/16',
  dataDir,
  routes: [{ dst: '0.0.0.0/0' }],
  ...extra,
});

/** What is asked of both sides; `ipMasqBackend` is a key that Debian's version does not know. */
const cases: Record<string, (dataDir: string) => Json> = {
  'no keys but ipam': (dataDir) => ({ ipam: ipam(dataDir, { routes: [] }) }),
  'a gateway': (dataDir) => ({ isGateway: true, ipam: ipam(dataDir) }),
  'a default gateway': (dataDir) => ({
    isDefaultGateway: true,
    ipam: ipam(dataDir, { routes: [{ dst: '10.99.0.0/16' }] }),
  }),
  'masquerading with iptables': (dataDir) => ({
    isGateway: true,
    ipMasq: true,
    ipMasqBackend: 'iptables',
    ipam: ipam(dataDir),
  }),
  'both families': (dataDir) => ({
    isGateway: true,
    isDefaultGateway: true,
    ipMasq: true,
    ipMasqBackend: 'iptables',
    ipam: {
      type: 'host-local',
      dataDir,
      ranges: [[{ subnet: '10.62.0.0/24' }], [{ subnet: 'fd00:62::/64' }]],
    },
  }),
  'mtu and hairpin': (dataDir) => ({ isGateway: true, mtu: 1400, hairpinMode: true, ipam: ipam(dataDir) }),
  promiscuous: (dataDir) => ({ isGateway: true, promiscMode: true, ipam: ipam(dataDir) }),
  'layer 2 only': () => ({}),
  'routes with and without gateway': (dataDir) => ({
    isGateway: true,
    ipam: ipam(dataDir, { routes: [{ dst: '192.168.0.0/16', gw: '10.62.0.9' }, { dst: '172.16.0.0/12' }] }),
  }),
  'dns of the network': (dataDir) => ({
    dns: { nameservers: ['10.1.1.1'], search: ['a.b'] },
    ipam: ipam(dataDir),
  }),
};

const versions = ['0.2.0', '0.3.1', '0.4.0', '1.0.0'];

for (const [name, make] of Object.entries(cases)) {
  test(`as the reference: ${name}`, { timeout: 60_000 }, async (t) => {
    const seen: Partial<Record<Side, Json>> = {};
    const version = versions[Object.keys(cases).indexOf(name) % versions.length] as string;
    // version 0.2.0 cannot say that there is no address
    const cniVersion = name === 'layer 2 only' ? '0.4.0' : version;
    for (const side of ['reference', 'ours'] as const) {
      const host = new CniHost(t);
      const [one, two] = [host.container(), host.container()];
      const config = { cniVersion, name: 'net', type: 'bridge', bridge: 'br-test', ...make(host.dataDir) };
      const results: Json[] = [];
      for (const container of [one, two]) {
        const added = host.run(side, 'bridge', 'ADD', config, container);
        t.equal(added.status, 0, `${side}: ${added.stdout}${added.stderr}`);
        results.push(withoutRandom(added.json, container));
      }
      seen[side] = {
        results,
        host: host.state(),
        containers: [one.state(), two.state()],
        forward: host.lab.run('sysctl', '-n', 'net.ipv4.ip_forward').trim(),
      };
      for (const container of [one, two]) {
        t.equal(host.run(side, 'bridge', 'DEL', config, container).status, 0);
        t.same(
          (container.state().links as Json[]).map(({ ifname }) => ifname),
          ['lo'],
        );
      }
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
      type: 'bridge',
      bridge: 'br-test',
      isGateway: true,
      ipMasq: true,
      ipMasqBackend: 'iptables',
      ipam: ipam(host.dataDir),
    };
    const added = host.run(adds, 'bridge', 'ADD', config, container);
    t.equal(added.status, 0, added.stdout);
    const withResult = { ...config, prevResult: added.json };
    t.equal(
      host.run(deletes, 'bridge', 'CHECK', withResult, container).status,
      0,
      `${deletes} finds in order what ${adds} added`,
    );
    t.equal(host.run(deletes, 'bridge', 'DEL', withResult, container).status, 0);
    const { iptables, links } = host.state() as { iptables: { ip: string[] }; links: Json[] };
    t.notOk(iptables.ip.some((line) => line.includes('CNI-hash')));
    t.notOk(links.some(({ kind }) => kind === 'veth'));
    const again = host.run(adds, 'bridge', 'ADD', config, container);
    t.equal(again.status, 0, `the address is free again: ${again.stdout}`);
    host.run(adds, 'bridge', 'DEL', config, container);
  }
});
