import t, { type Test, test } from 'tap';
import { linkNames, succeeds } from '../../plugins/main/support/child-link.js';
import { CniHost, type Container, type Json } from '../../plugins/support/host.js';
import { Resident } from '../../plugins/support/resident.js';

// each program takes its time on this kernel
t.setTimeout(300_000);

const prevResult = { interfaces: [{ name: 'eth0' }] };

function configOf(extra: Json = {}): Json {
  return { cniVersion: '1.1.0', name: 'net', type: 'vrf', vrfname: 'blue', prevResult, ...extra };
}

/** Gives a container an interface as a main plugin would leave it, on a link to a neighbour. */
function plug({ lab }: Container, neighbour: Container, ifname = 'eth0', net = 70): void {
  const far = `${ifname}far`;
  lab.run('ip', 'link', 'add', ifname, 'type', 'veth', 'peer', 'name', far, 'netns', neighbour.lab.name);
  for (const [side, name, host] of [
    [neighbour.lab, far, 1],
    [lab, ifname, 2],
  ] as const) {
    side.run('ip', 'link', 'set', name, 'up');
    side.run('ip', 'addr', 'add', `10.${net}.0.${host}/24`, 'dev', name);
    side.run('ip', 'addr', 'add', `fd00:${net}::${host}/64`, 'dev', name, 'nodad');
  }
}

const IPV6_METRIC = 1024;

/** Routes over an interface that somebody made, as ip(8) tells them, without their table. */
function routes({ lab }: Container, table: string | number, dev = 'eth0'): Json[] {
  const all = ['-4', '-6'].flatMap((family) => lab.ip(family, 'route', 'show', 'table', 'all')) as Json[];
  return all
    .filter((route) => JSON.stringify(route).includes(`"dev":"${dev}"`))
    .filter(({ protocol, table: its = 'main' }) => protocol !== 'kernel' && its === String(table))
    .map(({ table: _table, flags: _flags, metric = 0, ...rest }) => ({
      ...rest,
      metric: metric === IPV6_METRIC ? 0 : metric,
    }))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function addresses({ lab }: Container, dev = 'eth0'): string[] {
  const [{ addr_info: all }] = lab.ip('addr', 'show', 'dev', dev) as [{ addr_info: Json[] }];
  return all
    .filter(({ scope }) => scope !== 'link')
    .map(({ local, prefixlen, tentative = false, noprefixroute = false, valid_life_time: valid }) =>
      [
        `${local}/${prefixlen}`,
        tentative ? 'tentative' : '',
        noprefixroute ? 'noprefixroute' : '',
        valid,
      ].join(' '),
    );
}

function master({ lab }: Container, ifname = 'eth0'): string | undefined {
  return lab.ip('link', 'show', ifname)[0].master;
}

function vrfs({ lab }: Container): Record<string, number> {
  const all = lab.ip('link', 'show', 'type', 'vrf') as {
    ifname: string;
    linkinfo?: { info_data?: { table: number } };
  }[];
  return Object.fromEntries(
    all
      .filter(({ ifname }) => ifname)
      .map(({ ifname, linkinfo }) => [ifname, linkinfo?.info_data?.table ?? 0]),
  );
}

function reaches({ lab }: Container, address: string, from: string): boolean {
  return lab.namespace.execSync('ping', ['-c1', '-W2', '-I', from, address]).status === 0;
}

const own = [
  ['10.80.0.0/16', 'via', '10.70.0.1'],
  ['10.81.0.0/16', 'via', '10.70.0.1', 'src', '10.70.0.2', 'metric', '7'],
  ['10.82.0.0/16', 'dev', 'eth0', 'proto', 'static', 'mtu', '1300'],
  ['10.82.0.0/16', 'via', '10.82.9.9', 'dev', 'eth0', 'metric', '9'],
  ['10.83.0.0/16', 'via', '172.31.1.1', 'dev', 'eth0', 'onlink'],
  ['10.84.0.0/16', 'nexthop', 'via', '10.70.0.3', 'nexthop', 'via', '10.70.0.4', 'weight', '3'],
  ['default', 'via', '10.70.0.1'],
  ['fd00:80::/64', 'via', 'fd00:70::1', 'src', 'fd00:70::2'],
  ['fd00:81::/64', 'dev', 'eth0', 'metric', '33'],
  ['default', 'via', 'fd00:70::1'],
] as const;

function addRoutes({ lab }: Container): void {
  for (const route of own) {
    const family = route.some((word) => word.includes(':')) ? '-6' : '-4';
    lab.run('ip', family, 'route', 'add', ...route);
  }
  lab.run('ip', 'route', 'add', '10.85.0.0/16', 'via', '10.70.0.1', 'table', '100');
}

test('addresses and routes go into the VRF and serve there', { timeout: 100_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  for (const keep of ['0', '1']) {
    const [container, neighbour] = [host.container(), host.container()];
    const { lab } = container;
    plug(container, neighbour);
    lab.run('sysctl', '-qw', `net.ipv6.conf.eth0.keep_addr_on_down=${keep}`);
    lab.run('ip', 'addr', 'add', 'fd00:71::2/64', 'dev', 'eth0', 'nodad', 'noprefixroute');
    addRoutes(container);
    const [main, other, held] = [routes(container, 'main'), routes(container, 100), addresses(container)];
    t.equal(main.length, own.length);
    const config = configOf();
    const added = await plugins.run('vrf', 'ADD', config, container);
    succeeds(t, added, 'ADD');
    t.match(added.json, { ...prevResult, cniVersion: '1.1.0' }, 'the result is what it was');
    t.same(vrfs(container), { blue: 1 });
    t.equal(master(container), 'blue');
    t.ok(lab.ip('link', 'show', 'blue')[0].flags.includes('UP'));
    t.same(routes(container, 1), main, `keep_addr_on_down ${keep}: each route once, in the VRF`);
    t.same(routes(container, 'main'), [], 'none in the main table');
    t.same(routes(container, 100), other, 'those of other tables stay in them');
    t.same(addresses(container), held, 'addresses');
    for (const address of ['10.70.0.1', 'fd00:70::1']) {
      t.ok(reaches(container, address, 'blue'), address);
      t.notOk(reaches(container, address, '127.0.0.1'), `${address} is only in the VRF`);
    }
    neighbour.lab.run('ip', 'addr', 'add', '10.80.5.5/32', 'dev', 'eth0far');
    t.ok(reaches(container, '10.80.5.5', 'blue'), 'over a route');
    succeeds(t, await plugins.run('vrf', 'CHECK', config, container), 'CHECK');
    const again = await plugins.run('vrf', 'ADD', config, container);
    t.match(again.json, { code: 999, msg: 'cmdAdd failed: interface eth0 has already a master set: blue' });
    t.same(routes(container, 1), main);
    for (const what of ['DEL', 'DEL twice']) {
      succeeds(t, await plugins.run('vrf', 'DEL', config, container), what);
      t.same(linkNames(container), ['eth0', 'lo']);
      t.equal(master(container), undefined);
    }
  }
});

test('which table a VRF gets', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const [container, neighbour] = [host.container(), host.container()];
  const { lab } = container;
  const names = ['eth0', 'net1', 'net2', 'net3'];
  names.forEach((name, i) => void plug(container, neighbour, name, 70 + i));
  const add = (ifname: string, extra: Json) =>
    plugins.run('vrf', 'ADD', configOf(extra), container, { CNI_IFNAME: ifname });
  lab.run('ip', 'rule', 'add', 'from', '10.70.0.2', 'table', '1');
  lab.run('ip', '-6', 'route', 'add', 'fd00:99::/64', 'dev', 'eth0', 'table', '2');
  lab.run('ip', 'link', 'add', 'there', 'type', 'vrf', 'table', '3');
  lab.run('ip', 'link', 'add', 'there2', 'type', 'vrf', 'table', '5');
  succeeds(t, await add('eth0', {}), 'the lowest that nothing uses');
  t.match(vrfs(container), { blue: 4 });
  t.match((await add('net1', { table: 9 })).json, {
    code: 999,
    msg: 'cmdAdd failed: VRF blue already exist with different routing table 4',
  });
  t.equal(master(container, 'net1'), undefined);
  succeeds(t, await add('net1', { vrfname: 'red' }), 'the next');
  succeeds(t, await add('net2', { vrfname: 'big', table: 4_000_000_000 }), 'the one of the config');
  succeeds(t, await add('net3', { vrfname: 'there', table: 3 }), 'a VRF that is there already, down');
  t.match(vrfs(container), { red: 6, big: 4_000_000_000, there: 3 });
  t.ok(lab.ip('link', 'show', 'there')[0].flags.includes('UP'));
  t.match((await plugins.run('vrf', 'CHECK', configOf({ table: 9 }), container)).json, {
    msg: 'VRF blue already exist with different routing table 4',
  });
  t.ok(reaches(container, '10.72.0.1', 'big'));
});

test('a VRF goes with its last interface', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const [container, neighbour] = [host.container(), host.container()];
  const { lab } = container;
  const run = (command: string, ifname: string, extra: Json = {}) =>
    plugins.run('vrf', command, configOf(extra), container, { CNI_IFNAME: ifname });
  plug(container, neighbour);
  plug(container, neighbour, 'net1', 71);
  const added = await Promise.all([run('ADD', 'eth0'), run('ADD', 'net1')]);
  for (const outcome of added) succeeds(t, outcome, 'ADD');
  t.same(vrfs(container), { blue: 1 }, 'one VRF of two ADDs at once');
  t.same([master(container), master(container, 'net1')], ['blue', 'blue']);
  for (const address of ['10.70.0.1', '10.71.0.1']) t.ok(reaches(container, address, 'blue'), address);
  for (const ifname of ['eth0', 'net1']) succeeds(t, await run('CHECK', ifname), 'CHECK');
  for (const what of ['DEL', 'DEL twice']) {
    succeeds(t, await run('DEL', 'eth0'), what);
    t.same(vrfs(container), { blue: 1 });
    t.equal(master(container), undefined);
  }
  t.ok(reaches(container, '10.71.0.1', 'blue'), 'the other is still in it');
  // the reference fails when the interface is gone, and the VRF stays
  lab.run('ip', 'link', 'del', 'net1');
  succeeds(t, await run('DEL', 'net1'), 'DEL of an interface that is gone');
  t.same(vrfs(container), {});
  succeeds(t, await run('ADD', 'eth0'), 'ADD once more');
  succeeds(t, await run('DEL', 'eth0', { vrfname: 7, table: 'x', prevResult: 9 }), 'DEL, broken config');
  t.same(vrfs(container), {});
  t.equal(master(container), undefined);
  // of another VRF than the config's, the interface stays a port
  succeeds(t, await run('ADD', 'eth0', { vrfname: 'red' }), 'ADD to red');
  succeeds(t, await run('DEL', 'eth0'), 'DEL from blue');
  t.equal(master(container), 'red');
});

test('many at once', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const [container, neighbour] = [host.container(), host.container()];
  const names = Array.from({ length: 12 }, (_, i) => `net${i}`);
  for (const name of names)
    container.lab.run('ip', 'link', 'add', name, 'up', 'type', 'veth', 'peer', 'name', `far${name}`);
  plug(container, neighbour);
  const run = (command: string) =>
    Promise.all(
      names.map((name, i) => {
        const config = configOf({ vrfname: `vrf${i % 6}` });
        return plugins.run('vrf', command, config, container, { CNI_IFNAME: name });
      }),
    );
  for (const outcome of await run('ADD')) succeeds(t, outcome, 'ADD');
  const tables = Object.values(vrfs(container));
  t.same(
    tables.sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 6],
  );
  for (const outcome of await run('DEL')) succeeds(t, outcome, 'DEL');
  t.same(vrfs(container), {});
});

/** What must be the same when an ADD has failed. */
function stateOf(container: Container): Json {
  return {
    links: linkNames(container),
    master: master(container) ?? null,
    addresses: addresses(container),
    main: routes(container, 'main'),
  };
}

test('what cannot be moved fails the ADD, and the rest is as it was', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const [container, neighbour] = [host.container(), host.container()];
  const { lab } = container;
  plug(container, neighbour);
  addRoutes(container);
  const before = stateOf(container);
  // its gateway cannot be reached any more: the kernel keeps it, but would not take it again
  lab.run('ip', 'route', 'add', '172.16.0.0/16', 'dev', 'eth0');
  lab.run('ip', 'route', 'add', '10.90.0.0/16', 'via', '172.16.0.1', 'proto', 'static');
  lab.run('ip', 'route', 'del', '172.16.0.0/16', 'dev', 'eth0');
  lab.run('ip', 'route', 'del', 'default');
  lab.run('ip', 'route', 'add', 'default', 'via', '10.70.0.1', 'metric', '0');
  const { json } = await plugins.run('vrf', 'ADD', configOf(), container);
  t.match(json, {
    code: 999,
    msg: /^cmdAdd failed: could not add route '10.90.0.0\/16 via 172.16.0.1 dev eth0 table 1': .*unreachable/,
  });
  t.same(stateOf(container), before);
});

async function chain(t: Test, plugins: Resident, config: Json, container: Container): Promise<Json> {
  const main = await plugins.run('vlan', 'ADD', config, container);
  succeeds(t, main, 'ADD of vlan');
  const last = await plugins.run('vrf', 'ADD', configOf({ prevResult: main.json }), container);
  succeeds(t, last, 'ADD of vrf');
  return last.json;
}

test('CHECK of a chain', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const container = host.container();
  const { lab } = container;
  host.lab.run('ip', 'link', 'add', 'up0', 'up', 'type', 'dummy');
  const config: Json = {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'vlan',
    master: 'up0',
    vlanId: 7,
    ipam: {
      type: 'static',
      addresses: [{ address: '10.70.0.2/24', gateway: '10.70.0.1' }],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '10.80.0.0/16' }, { dst: '10.81.0.0/16', gw: '10.70.0.9' }],
    },
  };
  const result = await chain(t, plugins, config, container);
  const check = (type: string, extra: Json = {}) =>
    plugins.run(
      type,
      'CHECK',
      { ...(type === 'vrf' ? configOf() : config), prevResult: result, ...extra },
      container,
    );
  // the reference's main plugins look for their routes in the main table
  for (const type of ['vrf', 'vlan']) succeeds(t, await check(type), `CHECK of ${type}`);
  t.match((await check('vrf', { vrfname: 'red' })).json, {
    code: 999,
    msg: 'could not get link by name red: Link not found',
  });
  const breakage: [string[], string[], RegExp][] = [
    [
      ['route', 'del', '10.80.0.0/16', 'vrf', 'blue'],
      ['route', 'add', '10.80.0.0/16', 'via', '10.70.0.1', 'vrf', 'blue'],
      /Expected Route \{Dst:10.80.0.0\/16 GW:\} not found/,
    ],
    [['link', 'set', 'blue', 'down'], ['link', 'set', 'blue', 'up'], /VRF blue is down/],
  ];
  for (const [harm, repair, msg] of breakage) {
    lab.run('ip', ...harm);
    t.match((await check('vrf')).json, { code: 999, msg });
    lab.run('ip', ...repair);
    succeeds(t, await check('vrf'), String(msg));
  }
  lab.run('ip', 'link', 'set', 'eth0', 'nomaster');
  t.match((await check('vrf')).json, { msg: 'failed to find eth0 associated to vrf blue' });
  for (const type of ['vrf', 'vlan']) {
    const given = { ...(type === 'vrf' ? configOf() : config), prevResult: result };
    succeeds(t, await plugins.run(type, 'DEL', given, container), `DEL of ${type}`);
  }
  t.same(linkNames(container), ['lo']);
  succeeds(t, await plugins.run('vrf', 'STATUS', configOf()), 'STATUS');
  t.match((await plugins.run('vrf', 'STATUS', configOf({ vrfname: undefined }))).json, {
    code: 7,
    msg: /valid vrf name/,
  });
});
