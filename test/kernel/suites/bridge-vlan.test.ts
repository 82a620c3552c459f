import t, { type Test, test } from 'tap';
import { leases, succeeds } from '../../plugins/main/support/child-link.js';
import { CniHost, type Container, type Json } from '../../plugins/support/host.js';
import { Resident } from '../../plugins/support/resident.js';

// each program takes its time on this kernel
t.setTimeout(300_000);

const BRIDGE = 'br-test';

function configOf(host: CniHost, extra: Json = {}): Json {
  return {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'bridge',
    bridge: BRIDGE,
    vlan: 100,
    ipam: { type: 'host-local', subnet: '10.68.0.0/24', dataDir: host.dataDir },
    ...extra,
  };
}

async function add(t: Test, plugins: Resident, config: Json, container: Container): Promise<Json> {
  const outcome = await plugins.run('bridge', 'ADD', config, container);
  succeeds(t, outcome, `ADD of ${JSON.stringify(config)}`);
  return outcome.json;
}

function nameOf(result: Json, index: number): string {
  return String((result.interfaces as { name: string }[])[index]?.name);
}

function reaches({ lab }: Container, address: string): boolean {
  return lab.namespace.execSync('ping', ['-c1', '-W1', address]).status === 0;
}

interface PortVlans {
  ifname: string;
  vlans: { vlan: number; vlanEnd?: number; flags?: string[] }[];
}

/** The VLANs of a port as bridge(8) tells them: `1 PVID Egress Untagged`, `300-302`. */
function vlans({ lab }: CniHost, port: string): string[] {
  const all = JSON.parse(lab.run('bridge', '-compressvlans', '-j', 'vlan', 'show')) as PortVlans[];
  const found = all.find(({ ifname }) => ifname === port)?.vlans ?? [];
  return found.map(({ vlan, vlanEnd, flags = [] }) =>
    [vlanEnd === undefined ? vlan : `${vlan}-${vlanEnd}`, ...flags].join(' '),
  );
}

const native = (vlan: number): string => `${vlan} PVID Egress Untagged`;

function links({ lab }: CniHost | Container): string[] {
  return lab.ip('link', 'show').map(({ ifname }: { ifname: string }) => ifname);
}

/** A bridge that the host has of its own. */
function makeBridge({ lab }: CniHost, ...settings: string[]): void {
  lab.run('ip', 'link', 'add', BRIDGE, 'up', 'type', 'bridge', ...settings);
}

test('containers of one VLAN reach each other and their gateway', { timeout: 100_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const [one, two, other, trunk] = [host.container(), host.container(), host.container(), host.container()];
  const ranges = [[{ subnet: '10.68.0.0/24' }], [{ subnet: 'fd00:68::/64' }]];
  const ipam = { type: 'host-local', dataDir: host.dataDir, ranges };
  const access = configOf(host, { isGateway: true, ipam });
  const trunked = configOf(host, {
    vlan: 0,
    vlanTrunk: [{ id: 100 }, { minID: 300, maxID: 302 }, { id: 301 }],
    ipam: undefined,
  });
  const elsewhere = configOf(host, { vlan: 200, ipam });
  const attachments: [Json, Container, Json][] = [];
  for (const [config, container] of [
    [access, one],
    [access, two],
    [elsewhere, other],
    [trunked, trunk],
  ] as const)
    attachments.push([config, container, await add(t, plugins, config, container)]);
  const [first, , third, fourth] = attachments.map(([, , result]) => result) as [Json, Json, Json, Json];
  const [bridge] = host.lab.ip('link', 'show', BRIDGE);
  t.equal(bridge.linkinfo.info_data.vlan_filtering, 1);
  const [gateway] = host.lab.ip('addr', 'show', 'br-test.100');
  t.match(gateway, { linkinfo: { info_kind: 'veth' }, operstate: 'UP' });
  t.match(gateway.addr_info, [
    { local: '10.68.0.1', prefixlen: 24 },
    { local: 'fd00:68::1', prefixlen: 64 },
  ]);
  t.match(first.interfaces, [{ name: BRIDGE }, {}, {}, { name: 'br-test.100', mac: gateway.address }]);
  t.equal((third.interfaces as Json[]).length, 3, 'without a gateway');
  t.same(vlans(host, nameOf(first, 1)), [native(100)]);
  t.same(vlans(host, gateway.link), [native(100)]);
  t.same(vlans(host, nameOf(third, 1)), [native(200)]);
  t.same(vlans(host, nameOf(fourth, 1)), [native(1), '100', '300-302']);
  for (const [vlan, address] of [
    ['100', '10.68.0.200/24'],
    ['302', '10.69.0.200/24'],
  ] as const) {
    trunk.lab.run('ip', 'link', 'add', `v${vlan}`, 'link', 'eth0', 'up', 'type', 'vlan', 'id', vlan);
    trunk.lab.run('ip', 'addr', 'add', address, 'dev', `v${vlan}`);
  }
  for (const address of ['10.68.0.3', 'fd00:68::3', '10.68.0.1', 'fd00:68::1', '10.68.0.200'])
    t.ok(reaches(one, address), `one reaches ${address}`);
  t.notOk(reaches(one, '10.68.0.4'), 'another VLAN');
  t.notOk(reaches(other, '10.68.0.1'), 'the gateway from another VLAN');
  t.notOk(reaches(other, '10.68.0.200'), 'the trunk, which does not carry it');
  for (const [config, container, prevResult] of attachments)
    succeeds(t, await plugins.run('bridge', 'CHECK', { ...config, prevResult }, container), 'CHECK');
  const remove = async (config: Json, container: Container): Promise<void> => {
    for (const what of ['DEL', 'DEL twice'])
      succeeds(t, await plugins.run('bridge', 'DEL', config, container), what);
  };
  await remove(access, one);
  t.ok(reaches(two, '10.68.0.1'), 'the gateway stays for the others');
  await remove(access, two);
  t.ok(links(host).includes('br-test.100'), 'the trunk is in its VLAN');
  await remove(trunked, trunk);
  t.same(links(host), ['lo', BRIDGE, nameOf(third, 1)], 'it goes with its last user');
  await remove(elsewhere, other);
  t.same(links(host), ['lo'], 'and the bridge with its last port');
  t.same(leases(host), []);
});

test('bridges that are there, and all that a port may be in', { timeout: 100_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const container = host.container();
  makeBridge(host, 'vlan_filtering', '1', 'vlan_default_pvid', '5');
  host.lab.run('ip', 'link', 'add', 'up0', 'up', 'master', BRIDGE, 'type', 'dummy');
  const before = links(host);
  const l2 = { ipam: undefined };
  const cases: [Json, string[]][] = [
    [{}, [native(100)]],
    [{ isGateway: true }, [native(100)]],
    [{ preserveDefaultVlan: true }, ['5 Egress Untagged', native(100)]],
    [{ vlan: 0, vlanTrunk: [] }, [native(5)]],
    [{ vlan: 0, vlanTrunk: [{ id: 7 }] }, [native(1), '7']],
    [{ vlan: 0, vlanTrunk: [{ minID: 4, maxID: 7 }], preserveDefaultVlan: true }, ['4', native(5), '6-7']],
    [{ vlanTrunk: [{ minID: 99, maxID: 101 }], isGateway: true }, ['99', native(100), '101']],
    [{ ...l2, vlan: 4094, vlanTrunk: [{ minID: 1, maxID: 4094 }] }, ['1-4093', native(4094)]],
  ];
  for (const [extra, expected] of cases) {
    const config = configOf(host, extra);
    const text = JSON.stringify(extra);
    const prevResult = await add(t, plugins, config, container);
    t.same(vlans(host, nameOf(prevResult, 1)), expected, text);
    t.equal(links(host).includes('br-test.100'), extra.isGateway === true, text);
    succeeds(t, await plugins.run('bridge', 'CHECK', { ...config, prevResult }, container), `CHECK ${text}`);
    succeeds(t, await plugins.run('bridge', 'DEL', { ...config, prevResult }, container), text);
    t.same(links(host), before, text);
  }
  // the host's own link of that name serves as it is, and stays
  host.lab.run('ip', 'link', 'add', 'br-test.100', 'link', BRIDGE, 'up', 'type', 'vlan', 'id', '100');
  host.lab.run('bridge', 'vlan', 'add', 'dev', BRIDGE, 'vid', '100', 'self');
  const config = configOf(host, { isGateway: true });
  const prevResult = await add(t, plugins, config, container);
  t.ok(reaches(container, '10.68.0.1'), 'over an interface of the host’s own');
  succeeds(t, await plugins.run('bridge', 'CHECK', { ...config, prevResult }, container), 'CHECK');
  succeeds(t, await plugins.run('bridge', 'DEL', config, container), 'DEL');
  t.same(links(host), [...before, 'br-test.100']);
  host.lab.run('ip', 'link', 'del', BRIDGE);
  makeBridge(host);
  const told = await plugins.run('bridge', 'ADD', configOf(host), container);
  succeeds(t, told, 'a bridge that filters nothing');
  t.match(told.stderr, 'bridge "br-test" filters no VLANs: its ports are not kept apart');
  t.equal(host.lab.ip('link', 'show', BRIDGE)[0].linkinfo.info_data.vlan_filtering, 0);
  succeeds(t, await plugins.run('bridge', 'DEL', configOf(host), container), 'DEL');
  t.same(links(host), ['lo', 'up0', BRIDGE]);
});

test('a gateway whose name would be too long', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const container = host.container();
  const config = configOf(host, { bridge: 'br-longer-name', vlan: 10, isDefaultGateway: true });
  const refusal = {
    code: 7,
    msg: 'the gateway of VLAN 10 cannot be named "br-longer-name.10": interface names have at most 15 characters',
  };
  for (const command of ['ADD', 'STATUS'])
    t.match((await plugins.run('bridge', command, config, container)).json, refusal, command);
  t.same([links(host), links(container), leases(host)], [['lo'], ['lo'], []]);
  // no gateway, no interface
  const plain = { ...config, isDefaultGateway: false };
  await add(t, plugins, plain, container);
  for (const one of [config, plain])
    succeeds(t, await plugins.run('bridge', 'DEL', one, container), 'DEL does not look at it');
  t.same([links(host), links(container), leases(host)], [['lo'], ['lo'], []]);
});

test('what an ADD that was killed leaves, and what a container does that is gone', {
  timeout: 60_000,
}, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const container = host.container();
  makeBridge(host, 'vlan_filtering', '1');
  const config = configOf(host, { isGateway: true, vlanTrunk: [{ id: 7 }] });
  // what an ADD that was killed may leave: a pair in no VLAN, down
  host.lab.run('ip', 'link', 'add', 'veth0000abcd', 'up', 'type', 'veth', 'peer', 'name', 'br-test.100');
  host.lab.run('ip', 'link', 'set', 'veth0000abcd', 'master', BRIDGE);
  await add(t, plugins, config, container);
  t.same(vlans(host, 'veth0000abcd'), [native(100)], 'put in order');
  t.ok(reaches(container, '10.68.0.1'));
  // GC: the container went without a DEL
  container.lab.run('ip', 'link', 'del', 'eth0');
  t.ok(links(host).includes('br-test.100'));
  succeeds(t, await plugins.run('bridge', 'GC', { ...config, 'cni.dev/valid-attachments': [] }), 'GC');
  t.same([links(host), leases(host)], [['lo', BRIDGE], []]);
});

test('many at once share the gateways of their VLANs', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const containers = Array.from({ length: 8 }, () => host.container());
  const config = (i: number): Json => {
    const ipam = { type: 'host-local', subnet: `10.68.${i % 2}.0/24`, dataDir: host.dataDir };
    return configOf(host, { name: `net${i % 2}`, vlan: 100 + (i % 2), isGateway: true, ipam });
  };
  const all = (command: string) =>
    Promise.all(containers.map((container, i) => plugins.run('bridge', command, config(i), container)));
  for (const outcome of await all('ADD')) succeeds(t, outcome, 'ADD');
  t.equal(links(host).length, 2 + containers.length + 4, 'two gateways, each with its port');
  for (const i of [0, 7]) t.ok(reaches(containers[i] as Container, `10.68.${i % 2}.1`), `${i}`);
  for (const outcome of await all('DEL')) succeeds(t, outcome, 'DEL');
  t.same(links(host), ['lo']);
});

test('CHECK finds VLANs and gateways that are wrong', { timeout: 100_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const container = host.container();
  const config = configOf(host, { isGateway: true, portIsolation: true, vlanTrunk: [{ id: 7 }] });
  const prevResult = await add(t, plugins, config, container);
  const check = () => plugins.run('bridge', 'CHECK', { ...config, prevResult }, container);
  succeeds(t, await check(), 'as it was');
  const port = nameOf(prevResult, 1);
  const peer = host.lab.ip('link', 'show', 'br-test.100')[0].link as string;
  const vlan = (verb: string, dev: string, vid: string, ...flags: string[]): string[] => [
    'bridge',
    'vlan',
    verb,
    'dev',
    dev,
    'vid',
    vid,
    ...flags,
  ];
  const own = ['pvid', 'untagged'];
  const link = (...rest: string[]): string[] => ['ip', 'link', 'set', ...rest];
  const address = ['10.68.0.1/24', 'dev', 'br-test.100'];
  const breakage: [string[], string[], RegExp][] = [
    [vlan('del', port, '7'), vlan('add', port, '7'), /veth\w+ is not in VLAN 7/],
    [vlan('add', port, '7', 'untagged'), vlan('add', port, '7'), /has VLAN 7 untagged/],
    [vlan('add', port, '100'), vlan('add', port, '100', ...own), /has VLAN 100, but not as its own/],
    [vlan('add', port, '100', 'pvid'), vlan('add', port, '100', ...own), /has VLAN 100 tagged/],
    [vlan('add', port, '9'), vlan('del', port, '9'), /is in VLAN 9, which is not its/],
    [vlan('del', peer, '100'), vlan('add', peer, '100', ...own), /br-test.100 is not in VLAN 100/],
    [['ip', 'addr', 'del', ...address], ['ip', 'addr', 'add', ...address], /match addr 10.68.0.1\/24/],
    [link('br-test.100', 'down'), link('br-test.100', 'up'), /Interface br-test.100 is down/],
    [link(peer, 'nomaster'), link(peer, 'master', BRIDGE), /br-test.100 leads to no port of bridge br-test/],
    [
      link('dev', port, 'type', 'bridge_slave', 'isolated', 'off'),
      link('dev', port, 'type', 'bridge_slave', 'isolated', 'on'),
      /is not isolated/,
    ],
  ];
  for (const [[harm, ...harmArguments], [repair, ...repairArguments], msg] of breakage) {
    host.lab.run(String(harm), ...harmArguments);
    t.match((await check()).json, { code: 999, msg });
    host.lab.run(String(repair), ...repairArguments);
  }
  host.lab.run('bridge', ...vlan('del', peer, '1').slice(1));
  host.lab.run('bridge', ...vlan('add', peer, '100', ...own).slice(1));
  succeeds(t, await check(), 'as it was again');
  host.lab.run('ip', 'link', 'del', 'br-test.100');
  t.match((await check()).json, { code: 999, msg: 'Interface br-test.100 not found' });
  succeeds(t, await plugins.run('bridge', 'DEL', config, container), 'DEL');
  t.same(links(host), ['lo']);
});

test('each removes what the other made for a VLAN', { timeout: 100_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const [one, two] = [host.container(), host.container()];
  const config = configOf(host, { cniVersion: '1.0.0', isGateway: true });
  const theirs = host.run('reference', 'bridge', 'ADD', config, one);
  succeeds(t, theirs, 'ADD by the reference');
  const prevResult = theirs.json;
  succeeds(t, await plugins.run('bridge', 'CHECK', { ...config, prevResult }, one), 'CHECK of theirs');
  const peer = host.lab.ip('link', 'show', 'br-test.100')[0].link as string;
  const before = vlans(host, peer);
  const ours = await add(t, plugins, config, two);
  t.same(vlans(host, peer), before, 'their gateway serves ours, as it is');
  t.ok(reaches(two, '10.68.0.2'), 'theirs and ours in one VLAN');
  const withResult = { ...config, prevResult: ours };
  succeeds(t, host.run('reference', 'bridge', 'CHECK', withResult, two), 'CHECK by the reference');
  succeeds(t, host.run('reference', 'bridge', 'DEL', withResult, two), 'DEL by the reference');
  t.same(links(two), ['lo']);
  succeeds(t, await plugins.run('bridge', 'DEL', { ...config, prevResult }, one), 'DEL of theirs');
  t.same([links(one), links(host), leases(host)], [['lo'], ['lo', BRIDGE], []], 'their bridge stays');
});
