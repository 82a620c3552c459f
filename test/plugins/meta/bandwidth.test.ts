import { type Test, test } from 'tap';
import { deviceNames } from '../../../host/plugins/meta/bandwidth/ifb.js';
import { CniHost, type Container, type Json } from '../support/host.js';
import { attach, configOf, LIMITS, limited, mustRun, nothing } from './support/bandwidth.js';

const { ingressRate, ingressBurst, egressRate, egressBurst } = LIMITS;
const IFB = /^bwp[0-9a-f]{12}$/;

const twins: Record<string, Json> = {
  'both directions': LIMITS,
  'ingress only': { ingressRate, ingressBurst },
  'egress only': { egressRate, egressBurst, ingressRate: 0, ingressBurst: 0 },
  nothing: {},
  zeroes: { ingressRate: 0, ingressBurst: 0 },
  'of the runtime': {
    runtimeConfig: { bandwidth: { IngressRate: ingressRate, IngressBurst: ingressBurst } },
  },
  'of the network before the runtime’s': { ingressRate: 0, runtimeConfig: { bandwidth: LIMITS } },
  'more than 32 bits': { ingressRate: 80_000_000_000, ingressBurst: 3_000_000_000 },
};

test('as the reference', { timeout: 120_000 }, async (t) => {
  for (const [name, limits] of Object.entries(twins)) {
    const seen = (['reference', 'ours'] as const).map((side) => {
      const host = new CniHost(t);
      const container = host.container();
      const end = attach(host, container, 'eth0', 'h0');
      host.lab.run('ip', 'link', 'set', end, 'mtu', '1400');
      const config = configOf(end, limits);
      // its hash is of the identifier
      const extra = { CNI_CONTAINERID: 'c1' };
      const { dns: _dns, ...result } = mustRun(t, host, side, 'ADD', config, container, extra);
      const mac = JSON.stringify(result).replaceAll(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'some address');
      const added = limited(host);
      const ifb = host.lab.ip('link', 'show', 'type', 'ifb') as Json[];
      const links = ifb.map(({ ifname, mtu, txqlen, flags }) => ({ ifname, mtu, txqlen, flags }));
      // the reference's panics without limits
      if (name !== 'nothing' || side === 'ours') mustRun(t, host, side, 'CHECK', config, container, extra);
      mustRun(t, host, side, 'DEL', config, container, extra);
      const { devices } = limited(host);
      return { result: JSON.parse(mac), added, links, devices };
    });
    t.same(seen[1], seen[0], name);
    t.same(seen[1]?.devices, []);
  }
});

test('each removes what the other added', { timeout: 60_000 }, async (t) => {
  for (const [adds, deletes] of [
    ['ours', 'reference'],
    ['reference', 'ours'],
  ] as const) {
    const host = new CniHost(t);
    const container = host.container();
    const end = attach(host, container);
    const config = configOf(end);
    mustRun(t, host, adds, 'ADD', config, container);
    mustRun(t, host, 'ours', 'CHECK', config, container);
    mustRun(t, host, 'reference', 'CHECK', config, container);
    mustRun(t, host, deletes, 'DEL', config, container);
    t.same(limited(host).devices, []);
    if (deletes === 'ours') t.same(limited(host), nothing);
  }
});

/** A device as the kernel gets it, of one network. */
function subnetsSeen(host: CniHost, dev: string): { classes: string[]; filters: string[] } {
  const text = (...args: string[]): string[] =>
    host.lab
      .run('tc', ...args)
      .split('\n')
      .filter((line) => line !== '');
  return {
    classes: text('class', 'show', 'dev', dev).map((line) => line.replace(/leaf \w+:/, 'leaf')),
    filters: text('filter', 'show', 'dev', dev, 'parent', '1:')
      .filter((line) => /match|flowid/.test(line))
      .map((line) => line.replace(/.*(flowid \S+).*/, '$1').trim()),
  };
}

test('subnets', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const end = attach(host, container);
  const networks = ['10.1.0.0/16', 'fd00:1234:5678:9a00::/56', '192.0.2.7/31'];
  for (const key of ['unshapedSubnets', 'shapedSubnets']) {
    const config = configOf(end, { ...LIMITS, [key]: networks });
    const result = mustRun(t, host, 'ours', 'ADD', config, container);
    const ifb = String((result.interfaces as Json[])[2]?.name);
    t.match(
      limited(host).qdiscs.filter(({ kind }) => kind === 'htb'),
      [{ dev: end, options: { default: key === 'shapedSubnets' ? '0x1' : '0x30' } }, { dev: ifb }],
    );
    const flow = `flowid ${key === 'shapedSubnets' ? '1:30' : '1:1'}`;
    for (const [dev, rate, four, six] of [
      [end, '8Mbit', 12, [8, 12]],
      [ifb, '16Mbit', 16, [24, 28]],
    ] as const) {
      const { classes, filters } = subnetsSeen(host, dev);
      t.match(classes.sort(), [
        /^class htb 1:1 root leaf prio 0 rate 800Gbit/,
        new RegExp(`^class htb 1:30 root leaf prio 0 rate ${rate} `),
      ]);
      t.same(filters, [
        flow,
        `match fd001234/ffffffff at ${six[0]}`,
        `match 56789a00/ffffff00 at ${six[1]}`,
        flow,
        `match 0a010000/ffff0000 at ${four}`,
        flow,
        `match c0000206/fffffffe at ${four}`,
      ]);
    }
    mustRun(t, host, 'ours', 'CHECK', config, container);
    host.lab.run('tc', 'filter', 'delete', 'dev', ifb, 'parent', '1:', 'protocol', 'ipv6', 'pref', '15');
    t.match(host.run('ours', 'bandwidth', 'CHECK', config, container).json, {
      msg: 'expected 3 filters of subnets, found 2',
    });
    host.lab.run('tc', 'class', 'change', 'dev', end, 'classid', '1:30', 'htb', 'rate', '5mbit');
    t.match(host.run('ours', 'bandwidth', 'CHECK', config, container).json, { msg: "Rate doesn't match" });
    mustRun(t, host, 'ours', 'DEL', config, container);
    t.same(limited(host), nothing);
  }
  for (const networks of [['0.0.0.0/0'], ['::/0']]) {
    const config = configOf(end, { ...LIMITS, shapedSubnets: networks });
    mustRun(t, host, 'ours', 'ADD', config, container);
    t.ok(subnetsSeen(host, end).filters.includes('match 00000000/00000000 at 0'));
    mustRun(t, host, 'ours', 'DEL', config, container);
  }
});

test('the runtime’s limits: subnets, burst and latency of the network', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const end = attach(host, container);
  const config = configOf(end, {
    // what kubelet's runtimes give as burst
    runtimeConfig: { bandwidth: { ...LIMITS, ingressBurst: 2 ** 31 - 1, egressBurst: 2 ** 36 } },
    maxBurst: 400_000,
    latency: 100,
  });
  mustRun(t, host, 'ours', 'ADD', config, container);
  t.match(limited(host).qdiscs, [
    { kind: 'tbf', dev: end, options: { rate: 1_000_000, burst: 50_000, lat: 100_000 } },
    { kind: 'ingress' },
    { kind: 'tbf', options: { rate: 2_000_000, burst: 50_000, lat: 100_000 } },
  ]);
  mustRun(t, host, 'ours', 'CHECK', config, container);
  t.match(host.run('ours', 'bandwidth', 'CHECK', { ...config, latency: 25 }, container).json, {
    msg: "Limit doesn't match",
  });
  mustRun(t, host, 'ours', 'DEL', config, container);
  const withSubnets = configOf(end, {
    runtimeConfig: { bandwidth: LIMITS },
    unshapedSubnets: ['10.0.0.0/8'],
  });
  mustRun(t, host, 'ours', 'ADD', withSubnets, container);
  t.match(limited(host).qdiscs, [{ kind: 'htb' }]);
  mustRun(t, host, 'ours', 'DEL', withSubnets, container);
});

test('interfaces of one container, and names that hash alike', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const [one, two] = [host.container(), host.container()];
  const cases = [
    { container: one, ifname: 'eth0', name: 'ab', id: 'c' },
    { container: one, ifname: 'net1', name: 'ab', id: 'c' },
    { container: two, ifname: 'eth0', name: 'a', id: 'bc' },
  ].map((one, i) => {
    const end = attach(host, one.container, one.ifname, `h${i}`);
    const extra = { CNI_CONTAINERID: one.id, CNI_IFNAME: one.ifname };
    return { ...one, end, extra, config: { ...configOf(end, LIMITS, one.ifname), name: one.name } };
  });
  for (const { config, container, extra } of cases) mustRun(t, host, 'ours', 'ADD', config, container, extra);
  const { devices } = limited(host);
  t.equal(devices.length, 3);
  t.ok(devices.every((name) => IFB.test(name)));
  t.ok(devices.includes('bwpf0bca4ac77cd') === false);
  t.equal(deviceNames({ name: 'mynet', containerId: 'c1', ifname: 'eth0' })[0], 'bwpf0bca4ac77cd');
  for (const { config, container, extra } of cases)
    mustRun(t, host, 'ours', 'CHECK', config, container, extra);
  let left = 3;
  for (const { config, container, extra } of cases) {
    mustRun(t, host, 'ours', 'DEL', config, container, extra);
    t.equal(limited(host).devices.length, --left);
    for (const other of cases.slice(3 - left)) {
      mustRun(t, host, 'ours', 'CHECK', other.config, other.container, other.extra);
    }
  }
  // the reference's has no mark: DEL of the interface that has no limit leaves it
  const [first, second] = cases as [(typeof cases)[0], (typeof cases)[0]];
  mustRun(t, host, 'reference', 'ADD', first.config, one, first.extra);
  mustRun(t, host, 'ours', 'DEL', second.config, one, second.extra);
  mustRun(t, host, 'ours', 'CHECK', first.config, one, first.extra);
  mustRun(t, host, 'ours', 'ADD', second.config, one, second.extra);
  mustRun(t, host, 'ours', 'CHECK', second.config, one, second.extra);
  mustRun(t, host, 'ours', 'DEL', first.config, one, first.extra);
  mustRun(t, host, 'ours', 'CHECK', second.config, one, second.extra);
  mustRun(t, host, 'ours', 'DEL', second.config, one, second.extra);
  t.same(limited(host), nothing);
});

test('an interface that has no end on the host', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  host.lab.run('ip', 'link', 'add', 'm0', 'up', 'type', 'veth', 'peer', 'name', 'm1');
  host.lab.run(
    'ip',
    'link',
    'add',
    'link',
    'm0',
    'name',
    'eth0',
    'netns',
    container.lab.name,
    'type',
    'macvlan',
  );
  const config = configOf('m0');
  const result = mustRun(t, host, 'ours', 'ADD', config, container);
  const { qdiscs, devices, redirections } = limited(container);
  t.match(qdiscs, [
    // out of the container is what the interface sends
    { kind: 'tbf', dev: 'eth0', options: { rate: egressRate / 8 } },
    { kind: 'ingress', dev: 'eth0' },
    { kind: 'tbf', dev: devices[0], options: { rate: ingressRate / 8 } },
  ]);
  t.match(redirections.eth0?.at(-1), String(devices[0]));
  t.match((result.interfaces as Json[])[2], { name: devices[0], sandbox: container.lab.path });
  t.same(limited(host), nothing);
  mustRun(t, host, 'ours', 'CHECK', config, container);
  mustRun(t, host, 'ours', 'DEL', config, container);
  t.same(limited(container), nothing);
  mustRun(t, host, 'ours', 'ADD', config, container);
  container.lab.run('ip', 'link', 'delete', 'eth0');
  mustRun(t, host, 'ours', 'DEL', config, container);
  t.same(limited(container), nothing);
});

async function checks(
  t: Test,
  host: CniHost,
  config: Json,
  container: Container,
  msg: RegExp,
): Promise<void> {
  t.match(host.run('ours', 'bandwidth', 'CHECK', config, container).json, { code: 999, msg });
}

test('CHECK', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const end = attach(host, container);
  const config = configOf(end);
  await checks(t, host, config, container, /^Failed to find qdisc$/);
  const tc = (...args: string[]): string => host.lab.run('tc', ...args);
  const spoil: [RegExp, (ifb: string) => void][] = [
    [
      /Rate doesn't match/,
      () => tc(...`qdisc change dev ${end} root tbf rate 9mbit burst 10k limit 1m`.split(' ')),
    ],
    [
      /Limit doesn't match/,
      (ifb) => tc(...`qdisc change dev ${ifb} root tbf rate 16mbit burst 200000 limit 1m`.split(' ')),
    ],
    [
      /Buffer doesn't match/,
      (ifb) => tc(...`qdisc change dev ${ifb} root tbf rate 16mbit burst 20k limit 250000`.split(' ')),
    ],
    [/Failed to find qdisc/, () => tc('qdisc', 'delete', 'dev', end, 'root')],
    [/get ifb device: Link not found/, (ifb) => host.lab.run('ip', 'link', 'delete', ifb)],
    [/is down/, (ifb) => host.lab.run('ip', 'link', 'set', ifb, 'down')],
    [/are not redirected to bwp/, () => tc('filter', 'delete', 'dev', end, 'parent', 'ffff:')],
    [/are not redirected to bwp/, () => tc('qdisc', 'delete', 'dev', end, 'ingress')],
  ];
  for (const [msg, damage] of spoil) {
    const result = mustRun(t, host, 'ours', 'ADD', config, container);
    mustRun(t, host, 'ours', 'CHECK', config, container);
    damage(String((result.interfaces as Json[])[2]?.name));
    await checks(t, host, config, container, msg);
    mustRun(t, host, 'ours', 'DEL', config, container);
    t.same(limited(host), nothing);
  }
  await checks(t, host, { ...config, prevResult: null }, container, /^must be called as a chained plugin$/);
  mustRun(t, host, 'ours', 'CHECK', configOf(end, {}), container);
});
