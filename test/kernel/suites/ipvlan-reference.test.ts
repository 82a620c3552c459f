import t, { test } from 'tap';
import {
  connect,
  kindData,
  linkNames,
  linksUp,
  MASTER,
  notifications,
} from '../../plugins/main/support/child-link.js';
import { CniHost, type Json, type Side, withoutRandom } from '../../plugins/support/host.js';

// each program takes its time on this kernel
t.setTimeout(300_000);

const ipam = (dataDir: string, extra: Json = {}): Json => ({
  type: 'host-local',
  subnet: '10.66.0.0/16',
  dataDir,
  routes: [{ dst: '0.0.0.0/0' }],
  ...extra,
});

interface Case {
  readonly config: (dataDir: string) => Json;
  /** The host's default route goes over the master. */
  readonly defaultRoute?: '-4';
}

const chained = (interfaces: Json[]): Json => ({
  interfaces,
  ips: [{ version: '4', address: '10.66.7.7/24', gateway: '10.66.7.1', interface: 0 }],
  routes: [{ dst: '0.0.0.0/0' }],
  dns: {},
});

const cases: Record<string, Case> = {
  'a master and ipam': { config: (dataDir) => ({ master: MASTER, ipam: ipam(dataDir) }) },
  'mode l2, mtu, dns': {
    config: (dataDir) => ({
      master: MASTER,
      mode: 'l2',
      mtu: 1300,
      dns: { nameservers: ['10.2.2.3'] },
      ipam: ipam(dataDir),
    }),
  },
  'mode l3': { config: (dataDir) => ({ master: MASTER, mode: 'l3', ipam: ipam(dataDir) }) },
  'mode l3s': { config: (dataDir) => ({ master: MASTER, mode: 'l3s', ipam: ipam(dataDir) }) },
  'the default route tells the master': {
    defaultRoute: '-4',
    config: (dataDir) => ({ ipam: ipam(dataDir) }),
  },
  'addresses of the plugin before': {
    config: () => ({ master: MASTER, prevResult: { cniVersion: '0.4.0', ...chained([]) } }),
  },
  'master and addresses of the plugin before': {
    config: () => ({ prevResult: { cniVersion: '0.4.0', ...chained([{ name: MASTER }]) } }),
  },
  'dns of ipam is not told': {
    config: () => ({
      master: MASTER,
      ipam: {
        type: 'static',
        addresses: [{ address: '10.66.5.5/24' }],
        dns: { nameservers: ['10.2.2.2'], domain: 'c.d' },
      },
    }),
  },
  'both families': {
    config: (dataDir) => ({
      master: MASTER,
      ipam: {
        type: 'host-local',
        dataDir,
        ranges: [[{ subnet: '10.66.0.0/24' }], [{ subnet: 'fd00:66::/64' }]],
        routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
      },
    }),
  },
};

const versions = ['0.4.0', '0.3.1', '1.0.0', '0.2.0', '0.1.0', '0.3.0'];

for (const [name, { config: make, defaultRoute }] of Object.entries(cases)) {
  test(`as the reference: ${name}`, { timeout: 120_000 }, async (t) => {
    const seen: Partial<Record<Side, Json>> = {};
    const version = versions[Object.keys(cases).indexOf(name) % versions.length] as string;
    for (const side of ['reference', 'ours'] as const) {
      const host = new CniHost(t);
      connect(host);
      if (defaultRoute !== undefined) {
        host.lab.run('ip', defaultRoute, 'route', 'add', 'default', 'dev', MASTER);
      }
      const given = make(host.dataDir);
      const cniVersion = given.prevResult === undefined ? version : '0.4.0';
      const config: Json = { cniVersion, name: 'net', type: 'ipvlan', ...given };
      const single = (given.ipam as Json | undefined)?.type !== 'host-local';
      const containers = single ? [host.container()] : [host.container(), host.container()];
      const results: Json[] = [];
      for (const container of containers) {
        const added = host.run(side, 'ipvlan', 'ADD', config, container);
        t.equal(added.status, 0, `${side}: ${added.stdout}${added.stderr}`);
        results.push(withoutRandom(added.json, container));
        // the reference's CHECK looks for a master of no name when the config names none
        if (!['0.4.0', '1.0.0'].includes(cniVersion)) continue;
        for (const checker of given.master === undefined
          ? (['ours'] as const)
          : (['reference', 'ours'] as const)) {
          const withResult = { ...config, prevResult: added.json };
          const checked = host.run(checker, 'ipvlan', 'CHECK', withResult, container);
          t.equal(checked.status, 0, `${checker} checks what ${side} added: ${checked.stdout}`);
        }
      }
      await linksUp(...containers.map(({ lab }) => lab), host.lab);
      seen[side] = {
        results,
        host: host.state(),
        containers: containers.map((container) => container.state()),
        data: containers.map((container) => kindData(container)),
        // Debian's version does not tell IPv6 neighbours yet
        notifications: containers.map((container) => notifications(container)[0]),
      };
      for (const container of containers) {
        t.equal(host.run(side, 'ipvlan', 'DEL', config, container).status, 0);
        t.same(linkNames(container), ['lo']);
      }
      t.same(linkNames(host), ['lo', MASTER]);
    }
    t.same(seen.ours, seen.reference);
  });
}

test('each removes what the other added', { timeout: 120_000 }, async (t) => {
  for (const [adds, deletes] of [
    ['ours', 'reference'],
    ['reference', 'ours'],
  ] as const) {
    const host = new CniHost(t);
    connect(host);
    const container = host.container();
    const config: Json = {
      cniVersion: '0.4.0',
      name: 'net',
      type: 'ipvlan',
      master: MASTER,
      ipam: ipam(host.dataDir),
    };
    const added = host.run(adds, 'ipvlan', 'ADD', config, container);
    t.equal(added.status, 0, added.stdout);
    const withResult = { ...config, prevResult: added.json };
    t.equal(host.run(deletes, 'ipvlan', 'CHECK', withResult, container).status, 0);
    t.equal(host.run(deletes, 'ipvlan', 'DEL', withResult, container).status, 0);
    t.same(linkNames(container), ['lo']);
    const again = host.run(adds, 'ipvlan', 'ADD', config, container);
    t.equal(again.status, 0, `the address is free again: ${again.stdout}`);
    host.run(adds, 'ipvlan', 'DEL', config, container);
  }
});
