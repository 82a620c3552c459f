import t, { test } from 'tap';
import { kindData, leases, linkNames, succeeds } from '../../plugins/main/support/child-link.js';
import { CniHost, type Container, type Json } from '../../plugins/support/host.js';
import { Resident } from '../../plugins/support/resident.js';

// each program takes its time on this kernel
t.setTimeout(200_000);

function configOf(host: CniHost, extra: Json = {}): Json {
  return {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'dummy',
    ipam: { type: 'host-local', subnet: '10.69.0.0/24', dataDir: host.dataDir },
    ...extra,
  };
}

test('addresses that lead nowhere', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  host.lab.run('ip', 'link', 'add', 'eth0', 'type', 'dummy');
  const container = host.container();
  const { lab } = container;
  const config = configOf(host, {
    // of the reference, only IPAM's is told
    dns: { domain: 'not.told' },
    ipam: {
      type: 'static',
      addresses: [{ address: '10.69.0.2/24', gateway: '10.69.0.1' }, { address: 'fd00:69::2/64' }],
      routes: [{ dst: '10.99.0.0/16' }, { dst: '10.98.0.0/16', gw: '10.69.0.9' }],
      dns: { domain: 'c.d', nameservers: ['10.2.2.2'] },
    },
  });
  // as a program of its own
  const added = host.run('ours', 'dummy', 'ADD', config, container);
  succeeds(t, added, 'ADD');
  const mac = lab.ip('link', 'show', 'eth0')[0].address;
  t.same(added.json, {
    cniVersion: '1.1.0',
    interfaces: [{ name: 'eth0', mac, sandbox: lab.path }],
    ips: [
      { address: '10.69.0.2/24', gateway: '10.69.0.1', interface: 0 },
      { address: 'fd00:69::2/64', interface: 0 },
    ],
    routes: [{ dst: '10.99.0.0/16' }, { dst: '10.98.0.0/16', gw: '10.69.0.9' }],
    dns: { domain: 'c.d', nameservers: ['10.2.2.2'] },
  });
  t.match(kindData(container), { kind: 'dummy' });
  lab.run('ip', 'link', 'set', 'lo', 'up');
  for (const address of ['10.69.0.2', 'fd00:69::2']) lab.run('ping', '-c1', '-W3', address);
  t.match(lab.ip('route', 'show', 'root', '10.96.0.0/12'), [
    { dst: '10.98.0.0/16', gateway: '10.69.0.9', dev: 'eth0' },
    { dst: '10.99.0.0/16', gateway: '10.69.0.1', dev: 'eth0' },
  ]);
  const check = (extra: Json = {}) =>
    plugins.run('dummy', 'CHECK', { ...config, prevResult: added.json, ...extra }, container);
  succeeds(t, await check(), 'CHECK');
  const [inside] = added.json.interfaces as Json[];
  const told: [Json, RegExp | string][] = [
    // here IPAM says it
    [{ prevResult: undefined }, /Required prevResult missing/],
    [
      { prevResult: { ...added.json, interfaces: [{ ...inside, name: 'eth1' }] } },
      'Container Interface name in prevResult: eth0 not found',
    ],
    [
      { prevResult: { ...added.json, interfaces: [{ ...inside, sandbox: '/x' }] } },
      `Sandbox in prevResult /x doesn't match configured netns: ${lab.path}`,
    ],
    [
      { prevResult: { ...added.json, interfaces: [{ ...inside, mac: '02:00:00:00:00:99' }] } },
      /Interface eth0 Mac 02:00:00:00:00:99 doesn't match container Mac: /,
    ],
  ];
  for (const [extra, msg] of told)
    t.match((await check(extra)).json, { code: 999, msg }, JSON.stringify(extra));
  const breakage: [string[], string[], RegExp][] = [
    [
      ['addr', 'del', 'fd00:69::2/64', 'dev', 'eth0'],
      ['addr', 'add', 'fd00:69::2/64', 'dev', 'eth0'],
      /Failed to match addr fd00:69::2\/64 on interface eth0/,
    ],
    [
      ['route', 'del', '10.99.0.0/16'],
      ['route', 'add', '10.99.0.0/16', 'dev', 'eth0'],
      /Expected Route \{Dst:10.99.0.0\/16 GW:\} not found/,
    ],
    [['link', 'set', 'eth0', 'down'], [], /Interface eth0 is down/],
  ];
  for (const [harm, repair, msg] of breakage) {
    lab.run('ip', ...harm);
    t.match((await check()).json, { code: 999, msg });
    if (repair.length > 0) lab.run('ip', ...repair);
  }
  lab.run('ip', 'link', 'del', 'eth0');
  t.match((await check()).json, { msg: 'Interface eth0 not found' });
  lab.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
  t.match((await check()).json, { msg: 'Error: Container interface eth0 not of type dummy' });
  t.match((await plugins.run('dummy', 'ADD', config, container)).json, {
    msg: 'failed to create dummy: container interface "eth0" already exists',
  });
  for (const what of ['DEL', 'DEL twice'])
    succeeds(t, await plugins.run('dummy', 'DEL', config, container), what);
  t.same(linkNames(container), ['lo']);
  t.same(linkNames(host), ['eth0', 'lo']);
});

test('what fails leaves nothing', { timeout: 100_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const container = host.container();
  const nothing = (what: string): void => {
    t.same(linkNames(container), ['lo'], what);
    t.same(leases(host), [], what);
  };
  const range = { type: 'host-local', subnet: '10.69.0.0/24', dataDir: host.dataDir };
  const impossible = { ...range, routes: [{ dst: '192.168.0.0/16', gw: '172.31.9.9' }] };
  for (const [ipam, msg] of [
    [impossible, /failed to add route '192.168.0.0\/16 via 172.31.9.9 dev eth0'/],
    [{ type: 'static' }, /IPAM plugin returned missing IP config/],
    [{ type: 'nowhere' }, /nowhere/],
  ] as const) {
    const { json } = await plugins.run('dummy', 'ADD', configOf(host, { ipam }), container);
    t.match(json, { msg });
    nothing(String(msg));
  }
});

test('many at once; STATUS', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const containers: Container[] = Array.from({ length: 30 }, () => host.container());
  const all = (command: string) =>
    Promise.all(containers.map((container) => plugins.run('dummy', command, configOf(host), container)));
  for (const outcome of await all('ADD')) succeeds(t, outcome, 'ADD');
  t.equal(leases(host).length, containers.length);
  succeeds(t, await plugins.run('dummy', 'STATUS', configOf(host)), 'STATUS');
  for (const outcome of await all('DEL')) succeeds(t, outcome, 'DEL');
  t.same(leases(host), []);
  for (const container of containers.slice(0, 3)) t.same(linkNames(container), ['lo']);
  const full = { type: 'host-local', dataDir: host.dataDir, ranges: [[{ subnet: '10.69.9.0/30' }]] };
  const config = configOf(host, { ipam: full });
  succeeds(t, await plugins.run('dummy', 'ADD', config, containers[0]), 'the last address');
  t.match((await plugins.run('dummy', 'STATUS', config)).json, { code: 50 }, 'IPAM has nothing left');
});
