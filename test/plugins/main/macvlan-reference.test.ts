import { test } from 'tap';
import { CniHost, type Json, type Side, withoutRandom } from '../support/host.js';
import { connect, kindData, linkNames, linksUp, MASTER, notifications } from './support/child-link.js';

const ipam = (dataDir: string, extra: Json = {}): Json => ({
  type: 'host-local',
  subnet: '10.65.0.0/16',
  dataDir,
  routes: [{ dst: '0.0.0.0/0' }],
  ...extra,
});

interface Case {
  readonly config: (dataDir: string) => Json;
  readonly environment?: NodeJS.ProcessEnv;
  /** The host's default route goes over the master. */
  readonly defaultRoute?: '-4' | '-6';
}

const cases: Record<string, Case> = {
  'a master and ipam': { config: (dataDir) => ({ master: MASTER, ipam: ipam(dataDir) }) },
  'layer 2 only': { config: () => ({ master: MASTER, dns: { nameservers: ['10.1.1.1'] } }) },
  'private mode': { config: (dataDir) => ({ master: MASTER, mode: 'private', ipam: ipam(dataDir) }) },
  'vepa mode, mtu': {
    config: (dataDir) => ({ master: MASTER, mode: 'vepa', mtu: 1300, ipam: ipam(dataDir) }),
  },
  'passthru mode': { config: (dataDir) => ({ master: MASTER, mode: 'passthru', ipam: ipam(dataDir) }) },
  'the default route tells the master': {
    defaultRoute: '-4',
    config: (dataDir) => ({ ipam: ipam(dataDir) }),
  },
  'the default route of IPv6 does': { defaultRoute: '-6', config: (dataDir) => ({ ipam: ipam(dataDir) }) },
  'an address from CNI_ARGS': {
    config: () => ({ master: MASTER, mac: '02:00:00:00:00:01' }),
    environment: { CNI_ARGS: 'IgnoreUnknown=1;MAC=02:00:00:00:00:02;K8S_POD_NAME=x' },
  },
  'an address from runtimeConfig': {
    config: () => ({ master: MASTER, mac: '02:00:00:00:00:01', runtimeConfig: { mac: '02:00:00:00:00:03' } }),
    environment: { CNI_ARGS: 'MAC=02:00:00:00:00:02' },
  },
  'an address from the config': { config: () => ({ master: MASTER, mac: '02:00:00:00:00:01' }) },
  'dns of ipam is not told': {
    config: () => ({
      master: MASTER,
      ipam: {
        type: 'static',
        addresses: [{ address: '10.65.5.5/24' }],
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
        ranges: [[{ subnet: '10.65.0.0/24' }], [{ subnet: 'fd00:65::/64' }]],
        routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
      },
    }),
  },
};

const versions = ['0.4.0', '0.3.1', '1.0.0', '0.2.0', '0.1.0', '0.3.0'];

for (const [name, { config: make, environment = {}, defaultRoute }] of Object.entries(cases)) {
  test(`as the reference: ${name}`, { timeout: 60_000 }, async (t) => {
    const seen: Partial<Record<Side, Json>> = {};
    const version = versions[Object.keys(cases).indexOf(name) % versions.length] as string;
    for (const side of ['reference', 'ours'] as const) {
      const host = new CniHost(t);
      connect(host);
      if (defaultRoute !== undefined) {
        host.lab.run('ip', defaultRoute, 'route', 'add', 'default', 'dev', MASTER);
      }
      const given = make(host.dataDir);
      // older versions cannot say that there is no address
      const cniVersion = given.ipam === undefined ? '0.4.0' : version;
      const config = { cniVersion, name: 'net', type: 'macvlan', ...given };
      const single = given.mode === 'passthru' || given.mac !== undefined || !('ipam' in given);
      const containers = single ? [host.container()] : [host.container(), host.container()];
      if ((given.ipam as Json | undefined)?.type === 'static') containers.length = 1;
      const results: Json[] = [];
      for (const container of containers) {
        const added = host.run(side, 'macvlan', 'ADD', config, container, environment);
        t.equal(added.status, 0, `${side}: ${added.stdout}${added.stderr}`);
        results.push(withoutRandom(added.json, container));
        const [inside] = (added.json.interfaces ?? []) as { mac: string }[];
        if (inside !== undefined) t.equal(container.lab.ip('link', 'show', 'eth0')[0].address, inside.mac);
        if (!['0.4.0', '1.0.0'].includes(cniVersion)) continue;
        for (const checker of ['reference', 'ours'] as const) {
          const checked = host.run(
            checker,
            'macvlan',
            'CHECK',
            { ...config, prevResult: added.json },
            container,
            environment,
          );
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
        mac: containers.map(({ lab }) =>
          given.mac === undefined ? '' : lab.ip('link', 'show', 'eth0')[0].address,
        ),
      };
      for (const container of containers) {
        t.equal(host.run(side, 'macvlan', 'DEL', config, container).status, 0);
        t.same(linkNames(container), ['lo']);
      }
      t.same(linkNames(host), ['lo', MASTER]);
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
    connect(host);
    const container = host.container();
    const config: Json = {
      cniVersion: '0.4.0',
      name: 'net',
      type: 'macvlan',
      master: MASTER,
      ipam: ipam(host.dataDir),
    };
    const added = host.run(adds, 'macvlan', 'ADD', config, container);
    t.equal(added.status, 0, added.stdout);
    const withResult = { ...config, prevResult: added.json };
    t.equal(host.run(deletes, 'macvlan', 'CHECK', withResult, container).status, 0);
    t.equal(host.run(deletes, 'macvlan', 'DEL', withResult, container).status, 0);
    t.same(linkNames(container), ['lo']);
    const again = host.run(adds, 'macvlan', 'ADD', config, container);
    t.equal(again.status, 0, `the address is free again: ${again.stdout}`);
    host.run(adds, 'macvlan', 'DEL', config, container);
  }
});
