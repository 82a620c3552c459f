import t, { type Test, test } from 'tap';
import {
  connect,
  gone,
  kindData,
  leases,
  linkNames,
  MASTER,
  succeeds,
} from '../../plugins/main/support/child-link.js';
import { CniHost, type Container, type Json } from '../../plugins/support/host.js';
import { Resident } from '../../plugins/support/resident.js';

// each program takes its time on this kernel
t.setTimeout(300_000);

function configOf(host: CniHost, extra: Json = {}): Json {
  return {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'vlan',
    master: MASTER,
    vlanId: 100,
    ipam: { type: 'host-local', subnet: '10.67.0.0/24', dataDir: host.dataDir },
    ...extra,
  };
}

async function add(
  t: Test,
  plugins: Resident,
  config: Json,
  container: Container,
  type = 'vlan',
): Promise<Json> {
  const outcome = await plugins.run(type, 'ADD', config, container);
  succeeds(t, outcome, `ADD of ${type}`);
  return outcome.json;
}

function reaches({ lab }: Container, address: string, from = 'eth0'): boolean {
  return lab.namespace.execSync('ping', ['-c1', '-W2', '-I', from, address]).status === 0;
}

test('containers in one VLAN reach each other through a switch, others do not', {
  timeout: 100_000,
}, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  // one VLAN can be there only once on a link: the host has two links to a switch that knows tagged frames only
  const upstream = connect(host);
  const ports = ['eth9', 'eth8'];
  const { lab } = upstream;
  host.lab.run('ip', 'link', 'add', 'up1', 'type', 'veth', 'peer', 'name', 'eth8', 'netns', lab.name);
  host.lab.run('ip', 'link', 'set', 'up1', 'up');
  lab.run('ip', 'link', 'set', 'eth8', 'up');
  lab.run('ip', 'link', 'add', 'sw0', 'up', 'type', 'bridge', 'vlan_filtering', '1', 'mcast_snooping', '0');
  for (const port of ports) {
    lab.run('ip', 'link', 'set', port, 'master', 'sw0');
    lab.run('bridge', 'vlan', 'del', 'dev', port, 'vid', '1');
    for (const vid of ['100', '200']) lab.run('bridge', 'vlan', 'add', 'dev', port, 'vid', vid);
  }
  lab.run('bridge', 'vlan', 'add', 'dev', 'sw0', 'vid', '100', 'self');
  lab.run('ip', 'link', 'add', 'sw0.100', 'link', 'sw0', 'up', 'type', 'vlan', 'id', '100');
  lab.run('ip', 'addr', 'add', '10.67.0.200/24', 'dev', 'sw0.100');
  lab.run('ip', 'addr', 'add', 'fd00:67::200/64', 'dev', 'sw0.100', 'nodad');
  const ranges = [[{ subnet: '10.67.0.0/24' }], [{ subnet: 'fd00:67::/64' }]];
  const ipam = { type: 'host-local', dataDir: host.dataDir, ranges };
  const [one, two, other] = [host.container(), host.container(), host.container()];
  const first = await add(t, plugins, configOf(host, { ipam }), one);
  const second = configOf(host, { master: 'up1', ipam });
  await add(t, plugins, second, two);
  await add(t, plugins, { ...second, vlanId: 200, mtu: 1400 }, other);
  const mac = host.lab.ip('link', 'show', MASTER)[0].address;
  t.match(first, {
    cniVersion: '1.1.0',
    interfaces: [{ name: 'eth0', sandbox: one.lab.path, mac }],
    ips: [
      { address: '10.67.0.2/24', gateway: '10.67.0.1', interface: 0 },
      { address: 'fd00:67::2/64', gateway: 'fd00:67::1', interface: 0 },
    ],
  });
  t.match(kindData(one), { kind: 'vlan', protocol: '802.1Q', id: 100 });
  t.match(kindData(other), { kind: 'vlan', id: 200 });
  t.equal(other.lab.ip('link', 'show', 'eth0')[0].mtu, 1400);
  for (const address of ['10.67.0.3', 'fd00:67::3', '10.67.0.200', 'fd00:67::200'])
    t.ok(reaches(one, address), `one reaches ${address}`);
  t.notOk(reaches(one, '10.67.0.4'), 'another VLAN');
  t.notOk(reaches(other, '10.67.0.200'), 'from another VLAN');
  for (const [config, container, prevResult] of [[configOf(host, { ipam }), one, first]] as const)
    succeeds(t, await plugins.run('vlan', 'CHECK', { ...config, prevResult }, container), 'CHECK');
  // as a program of its own
  succeeds(t, host.run('ours', 'vlan', 'DEL', configOf(host, { ipam }), one), 'DEL');
  t.notOk(reaches(two, '10.67.0.2'));
  t.ok(reaches(two, '10.67.0.200'));
  for (const container of [two, other]) {
    succeeds(t, await plugins.run('vlan', 'DEL', second, container), 'DEL');
    t.same(linkNames(container), ['lo']);
  }
  t.same(linkNames(host), ['lo', MASTER, 'up1']);
  t.same(leases(host), []);
});

test('a VLAN is there once, and names may be taken', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  connect(host);
  // the host's own interface of that name is in nobody's way
  host.lab.run('ip', 'link', 'add', 'eth0', 'type', 'dummy');
  const config = configOf(host);
  const [one, two] = [host.container(), host.container()];
  const prevResult = await add(t, plugins, config, one);
  succeeds(t, await plugins.run('vlan', 'CHECK', { ...config, prevResult }, one), 'CHECK');
  const again = await plugins.run('vlan', 'ADD', config, one);
  t.match(again.json, { msg: 'failed to create vlan: container interface "eth0" already exists' });
  for (const name of ['eth0', 'net1']) {
    const { json } = await plugins.run('vlan', 'ADD', config, two, { CNI_IFNAME: name });
    t.match(
      json,
      { code: 999, msg: /^failed to create vlan: .*File exists.*VLAN device already exists/ },
      name,
    );
    t.same(linkNames(two), ['lo']);
  }
  t.same(leases(host), ['10.67.0.2']);
  await add(t, plugins, { ...config, vlanId: 0, mtu: 0 }, two);
  t.match(kindData(two), { kind: 'vlan', id: 0 });
  for (const container of [one, two]) {
    for (const what of ['DEL', 'DEL twice'])
      succeeds(t, await plugins.run('vlan', 'DEL', config, container), what);
  }
  t.same(linkNames(host), ['eth0', 'lo', MASTER]);
  t.same(leases(host), []);
});

test('without ipam, and on what plugins before have made', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const container = host.container();
  const neighbour = connect(host, container.lab, 'net0');
  connect(host);
  const { lab } = neighbour;
  lab.run('ip', 'link', 'add', 'eth9.100', 'link', 'eth9', 'up', 'type', 'vlan', 'id', '100');
  lab.run('ip', 'addr', 'add', '10.67.0.200/24', 'dev', 'eth9.100');
  const mac = container.lab.ip('link', 'show', 'net0')[0].address;
  const own = { name: 'eth0', mac, sandbox: container.lab.path };
  const net0 = { name: 'net0', sandbox: container.lab.path };
  const master = { name: MASTER };
  const inside = { address: '10.99.0.2/24', interface: 0 };
  const route = { dst: '10.66.0.0/16', gw: '10.67.0.200' };
  const cases: Record<string, { config: Json; expected: Json; address?: string; reached?: boolean }> = {
    'layer 2': { config: { ipam: undefined }, expected: { interfaces: [{ name: 'eth0' }] } },
    'a master of the container': {
      config: { master: 'net0', linkInContainer: true },
      expected: { interfaces: [own], ips: [{ interface: 0 }] },
      reached: true,
    },
    'the only interface before, in the container': {
      config: { master: undefined, prevResult: { interfaces: [net0], ips: [inside] } },
      expected: { interfaces: [net0, own], ips: [inside, { interface: 1 }] },
      reached: true,
    },
    'the same without ipam: its address stays where it is': {
      config: { master: undefined, ipam: undefined, prevResult: { interfaces: [net0], ips: [inside] } },
      expected: { interfaces: [net0, own], ips: [inside] },
    },
    'addresses that are on no interface yet': {
      config: {
        master: undefined,
        linkInContainer: true,
        ipam: undefined,
        prevResult: {
          interfaces: [net0],
          ips: [{ address: '10.67.0.66/24' }],
          routes: [route],
          dns: { domain: 'x.y' },
        },
      },
      expected: {
        interfaces: [net0, own],
        ips: [{ address: '10.67.0.66/24', interface: 1 }],
        routes: [route],
        dns: { domain: 'x.y' },
      },
      address: '10.67.0.66',
      reached: true,
    },
    'the only interface before, on the host': {
      config: {
        master: undefined,
        ipam: undefined,
        prevResult: { interfaces: [master], ips: [{ address: '10.67.0.67/24', interface: 0 }] },
        dns: { nameservers: ['10.1.1.1'] },
      },
      expected: {
        interfaces: [master, { name: 'eth0' }],
        ips: [{ address: '10.67.0.67/24', interface: 1 }],
        dns: { nameservers: ['10.1.1.1'] },
      },
      address: '10.67.0.67',
    },
  };
  for (const [name, { config: extra, expected, address, reached = false }] of Object.entries(cases)) {
    const config = configOf(host, extra);
    const result = await add(t, plugins, config, container);
    t.match(result, expected, name);
    t.equal((result.ips as Json[] | undefined)?.length, (expected.ips as Json[] | undefined)?.length, name);
    if (address !== undefined)
      t.equal(container.lab.ip('-4', 'addr', 'show', 'eth0')[0].addr_info[0].local, address, name);
    t.equal(container.lab.ip('link', 'show', 'eth0')[0].flags.includes('UP'), true, name);
    if (reached) t.ok(reaches(container, '10.67.0.200'), name);
    // what is in there besides is not this test's
    if (!JSON.stringify(extra).includes('10.99.0.2')) {
      const withResult = { ...config, prevResult: result };
      succeeds(t, await plugins.run('vlan', 'CHECK', withResult, container), `CHECK: ${name}`);
    }
    succeeds(t, await plugins.run('vlan', 'DEL', { ...config, prevResult: result }, container), name);
    t.same(linkNames(container), ['lo', 'net0'], name);
    t.same(leases(host), [], name);
  }
  const unknown = configOf(host, { master: undefined, linkInContainer: true });
  succeeds(t, await plugins.run('vlan', 'STATUS', unknown), 'STATUS cannot know containers');
});

test('what fails after the interface is there leaves nothing', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  connect(host);
  const container = host.container();
  const range = { type: 'host-local', subnet: '10.67.0.0/24', dataDir: host.dataDir };
  const impossible = { ...range, routes: [{ dst: '192.168.0.0/16', gw: '172.31.9.9' }] };
  for (const [extra, msg] of [
    [{ ipam: impossible }, /failed to add route '192.168.0.0\/16 via 172.31.9.9 dev eth0'/],
    [{ ipam: { type: 'static' } }, /IPAM plugin returned missing IP config/],
    [{ ipam: { type: 'host-local', dataDir: host.dataDir } }, /no IP ranges|subnet|range/],
    [{ ipam: { type: 'nowhere' } }, /nowhere/],
  ] as const) {
    const { json } = await plugins.run('vlan', 'ADD', configOf(host, extra), container);
    t.match(json, { msg });
    gone(t, host, container, String(msg));
  }
  host.lab.run('ip', 'link', 'set', MASTER, 'down');
  t.match((await plugins.run('vlan', 'ADD', configOf(host), container)).json, {
    msg: /failed to set "eth0" UP: .*Network is down/,
  });
  gone(t, host, container, 'master down');
});

test('many at once', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  connect(host);
  const containers = Array.from({ length: 20 }, () => host.container());
  const config = (i: number): Json => configOf(host, { vlanId: 100 + i });
  const outcomes = await Promise.all(
    containers.map((container, i) => plugins.run('vlan', 'ADD', config(i), container)),
  );
  for (const outcome of outcomes) succeeds(t, outcome, 'ADD');
  const addresses = outcomes.map(({ json }) => (json.ips as { address: string }[] | undefined)?.[0]?.address);
  t.equal(new Set(addresses).size, containers.length);
  const deleted = await Promise.all(
    containers.map((container, i) => plugins.run('vlan', 'DEL', config(i), container)),
  );
  for (const outcome of deleted) succeeds(t, outcome, 'DEL');
  gone(t, host, containers[0] as Container, 'after all DELs');
});

test('CHECK finds what is wrong', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  connect(host);
  connect(host, host.lab, 'up1');
  const config = configOf(host);
  const container = host.container();
  const prevResult = await add(t, plugins, config, container);
  const [inside] = prevResult.interfaces as { mac: string }[];
  const check = (extra: Json = {}) =>
    plugins.run('vlan', 'CHECK', { ...config, prevResult, ...extra }, container);
  succeeds(t, await check(), 'as it was');
  const told: [Json, RegExp | string][] = [
    [{ prevResult: undefined }, 'vlan: Required prevResult missing'],
    [
      { prevResult: { ...prevResult, interfaces: [] } },
      'Container Interface name in prevResult: eth0 not found',
    ],
    [
      { prevResult: { ...prevResult, interfaces: [{ ...inside, sandbox: '/x' }] } },
      `Sandbox in prevResult /x doesn't match configured netns: ${container.lab.path}`,
    ],
    [
      { prevResult: { ...prevResult, interfaces: [{ ...inside, mac: '02:00:00:00:00:99' }] } },
      /Interface eth0 Mac 02:00:00:00:00:99 doesn't match container Mac: /,
    ],
    [{ master: 'no0' }, 'failed to lookup master "no0": Link not found'],
    [{ master: 'up1' }, 'Container interface eth0 is on another link than its master'],
    [{ vlanId: 200 }, 'Container interface eth0 has VLAN ID 100, expected 200'],
    [{ mtu: 1300 }, 'Container interface eth0 has MTU 1500, expected 1300'],
    [
      { prevResult: { ...prevResult, routes: [{ dst: '10.1.0.0/16' }] } },
      /Expected Route \{Dst:10.1.0.0\/16 GW:\} not found/,
    ],
  ];
  for (const [extra, msg] of told)
    t.match((await check(extra)).json, { code: 999, msg }, JSON.stringify(extra));
  const { lab } = container;
  const breakage: [string[], string[], RegExp][] = [
    [
      ['addr', 'del', '10.67.0.2/24', 'dev', 'eth0'],
      ['addr', 'add', '10.67.0.2/24', 'dev', 'eth0'],
      /Failed to match addr 10.67.0.2\/24 on interface eth0/,
    ],
    [
      ['route', 'del', '10.67.0.0/24'],
      ['route', 'add', '10.67.0.0/24', 'dev', 'eth0'],
      /Failed to find Gateway 10.67.0.1 for interface eth0/,
    ],
    [['link', 'set', 'eth0', 'down'], ['link', 'set', 'eth0', 'up'], /Interface eth0 is down/],
  ];
  for (const [harm, repair, msg] of breakage) {
    lab.run('ip', ...harm);
    t.match((await check()).json, { code: 999, msg });
    lab.run('ip', ...repair);
    succeeds(t, await check(), String(msg));
  }
  lab.run('ip', 'link', 'del', 'eth0');
  t.match((await check()).json, { msg: 'Interface eth0 not found' });
  lab.run('ip', 'link', 'add', 'eth0', 'type', 'dummy');
  t.match((await check()).json, { msg: 'Error: Container interface eth0 not of type vlan' });
  lab.run('ip', 'link', 'del', 'eth0');
  const tagged = ['link', 'add', 'eth0', 'link', 'up1', 'netns', lab.name, 'type', 'vlan'];
  host.lab.run('ip', ...tagged, 'proto', '802.1ad', 'id', '100');
  const ofOther = { prevResult: { interfaces: [{ ...inside, mac: '' }] }, master: 'up1' };
  t.match((await check(ofOther)).json, {
    msg: 'Container interface eth0 has VLAN protocol 8021ad, expected 8021q',
  });
  succeeds(t, await plugins.run('vlan', 'DEL', config, container), 'DEL');
});

test('STATUS tells why an ADD would fail', { timeout: 30_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  connect(host);
  const status = (extra: Json = {}) => plugins.run('vlan', 'STATUS', configOf(host, extra));
  for (const extra of [
    {},
    { master: undefined },
    { master: 'no0', linkInContainer: true },
    { ipam: undefined },
  ])
    succeeds(t, await status(extra), JSON.stringify(extra));
  t.match((await status({ master: 'no0' })).json, {
    code: 50,
    msg: 'failed to lookup master "no0": Link not found',
  });
  t.match((await status({ mtu: 9000 })).json, { code: 7, msg: /invalid MTU 9000/ });
  const { dataDir } = host;
  const full = { type: 'host-local', dataDir, ranges: [[{ subnet: '10.67.9.0/30' }]] };
  await plugins.run('host-local', 'ADD', configOf(host, { ipam: full }), host.container());
  t.match((await status({ ipam: full })).json, { code: 50 }, 'IPAM has nothing left');
  host.lab.run('ip', 'link', 'set', MASTER, 'down');
  t.match((await status()).json, { code: 50, msg: `master "${MASTER}" is down` });
});
