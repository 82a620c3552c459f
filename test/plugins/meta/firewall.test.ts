import { type Test, test } from 'tap';
import type { Lab } from '../../support/lab.js';
import { CniHost, type Container, type Json } from '../support/host.js';

const BRIDGE = 'br-test';

function resultOf(container: Container, ...addresses: string[]): Json {
  return {
    cniVersion: '1.0.0',
    interfaces: [{ name: BRIDGE }, { name: 'veth12345678' }, { name: 'eth0', sandbox: container.lab.path }],
    ips: addresses.map((address) => ({ address, interface: 2 })),
  };
}

function configOf(container: Container, addresses: string[], extra: Json = {}): Json {
  return {
    cniVersion: '1.0.0',
    name: 'net',
    type: 'firewall',
    prevResult: resultOf(container, ...addresses),
    ...extra,
  };
}

function filter(host: CniHost): Json {
  return (host.state() as { iptables: Json }).iptables;
}

test('iptables: as the reference', { timeout: 90_000 }, async (t) => {
  const cases: [string, string[], Json][] = [
    ['an address', ['10.1.2.3/24'], {}],
    ['both families', ['10.1.2.3/24', 'fd00::3/64'], {}],
    ['same-bridge', ['10.1.2.3/24'], { ingressPolicy: 'same-bridge' }],
    ['same-bridge, both families', ['10.1.2.3/24', 'fd00::3/64'], { ingressPolicy: 'same-bridge' }],
    ['another admin chain', ['10.1.2.3/24'], { iptablesAdminChainName: 'SITE' }],
  ];
  for (const [name, addresses, extra] of cases) {
    const seen = (['reference', 'ours'] as const).map((side) => {
      const host = new CniHost(t);
      const container = host.container();
      const config = configOf(container, addresses, { backend: 'iptables', ...extra });
      const added = host.run(side, 'firewall', 'ADD', config, container);
      t.equal(added.status, 0, `${side}: ${added.stdout}${added.stderr}`);
      const again = host.run(side, 'firewall', 'ADD', config, container);
      t.equal(again.status, 0);
      const withRules = filter(host);
      t.equal(host.run(side, 'firewall', 'CHECK', config, container).status, 0);
      t.equal(host.run(side, 'firewall', 'DEL', config, container).status, 0);
      return { ips: added.json.ips, withRules: canonical(withRules), after: canonical(filter(host)) };
    });
    t.same(seen[1], seen[0], name);
  }
});

/** The rules alone. Since there is `isolated`, the comments name both policies; Debian's version has only the one. */
function canonical(tables: Json): Json {
  return Object.fromEntries(
    Object.entries(tables).map(([family, lines]) => [
      family,
      (lines as string[])
        .filter((line) => line.startsWith('-A'))
        .map((line) => line.replaceAll('same-bridge|isolated', 'same-bridge')),
    ]),
  );
}

test('iptables: isolated', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const config = configOf(container, ['10.1.2.3/24'], { backend: 'iptables', ingressPolicy: 'isolated' });
  t.equal(host.run('ours', 'firewall', 'ADD', config, container).status, 0);
  const lines = (filter(host) as { ip: string[] }).ip.filter((line) => line.startsWith('-A CNI-ISOLATION'));
  const all = '-m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)"';
  const own = '-m comment --comment "CNI firewall plugin rules (ingressPolicy: isolated)"';
  t.same(lines, [
    `-A CNI-ISOLATION-STAGE-1 -i ${BRIDGE} -o ${BRIDGE} ${own} -j DROP`,
    `-A CNI-ISOLATION-STAGE-1 -i ${BRIDGE} ! -o ${BRIDGE} ${own} -j CNI-ISOLATION-STAGE-2`,
    `-A CNI-ISOLATION-STAGE-1 ${all} -j RETURN`,
    `-A CNI-ISOLATION-STAGE-2 -o ${BRIDGE} ${all} -j DROP`,
    `-A CNI-ISOLATION-STAGE-2 ${all} -j RETURN`,
  ]);
});

test('iptables: each removes what the other added', { timeout: 60_000 }, async (t) => {
  for (const [adds, deletes] of [
    ['ours', 'reference'],
    ['reference', 'ours'],
  ] as const) {
    const host = new CniHost(t);
    const container = host.container();
    const config = configOf(container, ['10.1.2.3/24', 'fd00::3/64'], { backend: 'iptables' });
    t.equal(host.run(adds, 'firewall', 'ADD', config, container).status, 0);
    t.equal(host.run(deletes, 'firewall', 'CHECK', config, container).status, 0);
    t.equal(host.run(deletes, 'firewall', 'DEL', config, container).status, 0);
    t.notMatch(JSON.stringify(filter(host)), /10\.1\.2\.3|fd00::3/);
  }
});

test('nftables: rules of our own, gone with the last attachment', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const [one, two] = [host.container(), host.container()];
  const first = configOf(one, ['10.1.2.3/24', 'fd00::3/64'], { backend: 'nftables' });
  const second = configOf(two, ['10.1.2.4/24'], { backend: 'nftables' });
  const added = host.run('ours', 'firewall', 'ADD', first, one);
  t.equal(added.status, 0, added.stdout);
  t.match(added.json, first.prevResult as Json);
  host.run('ours', 'firewall', 'ADD', first, one);
  host.run('ours', 'firewall', 'ADD', second, two);
  const rules = host.lab.run('nft', 'list', 'table', 'inet', 'cni_firewall');
  for (const line of [
    'ip daddr 10.1.2.3 ct state established,related accept',
    'ip saddr 10.1.2.3 accept',
    'ip6 saddr fd00::3 accept',
    'ip saddr 10.1.2.4 accept',
  ]) {
    t.equal(rules.split(line).length, 2, `once: ${line}`);
  }
  t.equal(host.run('ours', 'firewall', 'CHECK', first, one).status, 0);
  t.match(
    host.run(
      'ours',
      'firewall',
      'CHECK',
      { ...first, prevResult: resultOf(one, '10.9.9.9/24', '10.9.9.8/24', '10.9.9.7/24') },
      one,
    ).json,
    {
      msg: /expected 6 rules .* found 4/,
    },
  );
  t.equal(host.run('ours', 'firewall', 'DEL', first, one).status, 0);
  t.notMatch(host.lab.run('nft', 'list', 'ruleset'), /10\.1\.2\.3/);
  t.equal(
    host.run('ours', 'firewall', 'DEL', { ...second, prevResult: undefined }, two).status,
    0,
    'known by its comment',
  );
  t.equal(host.lab.run('nft', 'list', 'ruleset'), '');
  t.equal(host.run('ours', 'firewall', 'DEL', second, two).status, 0);
});

test('nftables: GC', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const [one, two] = [host.container(), host.container()];
  for (const [container, address] of [
    [one, '10.1.2.3/24'],
    [two, '10.1.2.4/24'],
  ] as const) {
    host.run('ours', 'firewall', 'ADD', configOf(container, [address], { backend: 'nftables' }), container);
  }
  const gc = {
    ...configOf(one, []),
    cniVersion: '1.1.0',
    prevResult: undefined,
    'cni.dev/valid-attachments': [{ containerID: two.id, ifname: 'eth0' }],
  };
  const collected = host.run('ours', 'firewall', 'GC', gc);
  t.equal(collected.status, 0, collected.stdout);
  t.notMatch(host.lab.run('nft', 'list', 'ruleset'), /10\.1\.2\.3/);
  t.match(host.lab.run('nft', 'list', 'ruleset'), /10\.1\.2\.4/);
});

test('without a backend: iptables where forwarding is filtered with it', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const config = configOf(container, ['10.1.2.3/24']);
  host.run('ours', 'firewall', 'ADD', config, container);
  t.match(host.lab.run('nft', 'list', 'ruleset'), /table inet cni_firewall/);
  host.run('ours', 'firewall', 'DEL', config, container);
  host.lab.run('iptables', '-P', 'FORWARD', 'DROP');
  host.run('ours', 'firewall', 'ADD', config, container);
  t.match(host.lab.run('iptables', '-S'), /-A CNI-FORWARD -s 10.1.2.3\/32 -j ACCEPT/);
  host.run('ours', 'firewall', 'DEL', config, container);
  t.notMatch(host.lab.run('iptables', '-S'), /10\.1\.2\.3/);
});

/** Two bridges of the host with a container each, and a second one on the first. */
function forwarding(t: Test): { host: CniHost; pods: Lab[]; containers: Container[] } {
  const host = new CniHost(t);
  host.lab.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  const containers: Container[] = [];
  const pods: Lab[] = [];
  for (const [bridge, address] of [
    ['br-one', '10.1.0.2'],
    ['br-one', '10.1.0.3'],
    ['br-two', '10.2.0.2'],
  ] as const) {
    const container = host.container();
    const { name } = container.lab;
    const gateway = address.replace(/\d+$/, '1');
    const port = `p${address.replaceAll('.', '')}`;
    try {
      host.lab.run('ip', 'link', 'add', bridge, 'type', 'bridge');
      host.lab.run('ip', 'addr', 'add', `${gateway}/24`, 'dev', bridge);
      host.lab.run('ip', 'link', 'set', bridge, 'up');
    } catch {
      // made for the container before
    }
    host.lab.run('ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    host.lab.run('ip', 'link', 'set', port, 'master', bridge, 'up');
    container.lab.run('ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    container.lab.run('ip', 'link', 'set', 'eth0', 'up');
    container.lab.run('ip', 'route', 'add', 'default', 'via', gateway);
    containers.push(container);
    pods.push(container.lab);
  }
  return { host, pods, containers };
}

function pings(from: Lab | undefined, to: string): boolean {
  return from?.namespace.execSync('ping', ['-c1', '-W3', to]).status === 0;
}

test('ingress policies keep packets apart', { timeout: 90_000 }, async (t) => {
  for (const backend of ['nftables', 'iptables']) {
    const { host, pods, containers } = forwarding(t);
    const [a, , c] = pods;
    t.ok(pings(a, '10.2.0.2'), 'at first all reach all');
    for (const [i, [bridge, address]] of (
      [
        ['br-one', '10.1.0.2/24'],
        ['br-one', '10.1.0.3/24'],
        ['br-two', '10.2.0.2/24'],
      ] as const
    ).entries()) {
      const container = containers[i] as Container;
      const prevResult = { cniVersion: '1.0.0', interfaces: [{ name: bridge }], ips: [{ address }] };
      const config = { ...configOf(container, []), prevResult, backend, ingressPolicy: 'same-bridge' };
      const added = host.run('ours', 'firewall', 'ADD', config, container);
      t.equal(added.status, 0, added.stdout);
      t.equal(host.run('ours', 'firewall', 'CHECK', config, container).status, 0);
    }
    t.notOk(pings(a, '10.2.0.2'), `${backend}: not from bridge to bridge`);
    t.notOk(pings(c, '10.1.0.2'), `${backend}: nor back`);
    t.ok(pings(a, '10.1.0.3'), `${backend}: within a bridge`);
    t.ok(pings(a, '10.2.0.1'), `${backend}: the host's own addresses`);
  }
});

test('what is wrong with a config', async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const run = (extra: Json) =>
    host.run('ours', 'firewall', 'ADD', configOf(container, ['10.1.2.3/24'], extra), container).json;
  t.match(run({ prevResult: undefined }), { code: 7, msg: 'missing prevResult from earlier plugin' });
  t.match(run({ ingressPolicy: 'nobody' }), { code: 7, msg: 'unknown ingress policy: "nobody"' });
  t.match(run({ ingressPolicy: 'isolated', prevResult: { cniVersion: '1.0.0', ips: [] } }), {
    code: 7,
    msg: /interface needs to be set for ingress policy/,
  });
  t.match(run({ firewalldZone: 7 }), {
    code: 6,
    msg: /failed to load netconf: firewalldZone: expected a string, got 7/,
  });
  t.match(run({ cniVersion: '0.3.1' }), { code: 1 });
  t.equal(host.lab.run('nft', 'list', 'ruleset'), '');
});
