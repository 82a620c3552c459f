import t, { type Test, test } from 'tap';
import { Namespace } from '../../../host/namespace/namespace.js';
import {
  connect,
  gone,
  kindData,
  leases,
  linkNames,
  MASTER,
  notifications,
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
    type: 'ipvlan',
    master: MASTER,
    ipam: { type: 'host-local', subnet: '10.66.0.0/24', dataDir: host.dataDir },
    ...extra,
  };
}

function run(
  plugins: Resident,
  command: string,
  config: Json,
  container?: Container,
  environment: NodeJS.ProcessEnv = {},
) {
  return plugins.run('ipvlan', command, config, container, environment);
}

async function add(t: Test, plugins: Resident, config: Json, container: Container): Promise<Json> {
  const outcome = await run(plugins, 'ADD', config, container);
  succeeds(t, outcome, 'ADD');
  return outcome.json;
}

test('containers reach each other and a neighbour of the host', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const neighbour = connect(host);
  neighbour.lab.run('ip', 'addr', 'add', '10.66.0.200/24', 'dev', 'eth9');
  neighbour.lab.run('ip', 'addr', 'add', 'fd00:66::200/64', 'dev', 'eth9', 'nodad');
  const ranges = [[{ subnet: '10.66.0.0/24' }], [{ subnet: 'fd00:66::/64' }]];
  const config = configOf(host, { ipam: { type: 'host-local', dataDir: host.dataDir, ranges } });
  const [one, two] = [host.container(), host.container()];
  const first = await add(t, plugins, config, one);
  await add(t, plugins, config, two);
  t.match(first, {
    cniVersion: '1.1.0',
    interfaces: [
      { name: 'eth0', sandbox: one.lab.path, mac: host.lab.ip('link', 'show', MASTER)[0].address },
    ],
    ips: [
      { address: '10.66.0.2/24', gateway: '10.66.0.1', interface: 0 },
      { address: 'fd00:66::2/64', gateway: 'fd00:66::1', interface: 0 },
    ],
  });
  t.match(kindData(one), { kind: 'ipvlan', mode: 'l2' });
  t.same(notifications(one), ['1', '1']);
  for (const address of ['10.66.0.3', '10.66.0.200', 'fd00:66::3', 'fd00:66::200'])
    one.lab.run('ping', '-c1', '-W3', address);
  succeeds(t, await run(plugins, 'CHECK', { ...config, prevResult: first }, one), 'CHECK');
  succeeds(t, await run(plugins, 'STATUS', config), 'STATUS');
  succeeds(t, await run(plugins, 'DEL', config, one), 'DEL');
  two.lab.run('ping', '-c1', '-W3', '10.66.0.200');
  succeeds(t, await run(plugins, 'DEL', config, two), 'DEL');
  gone(t, host, two, 'DEL');
  succeeds(t, await run(plugins, 'DEL', config, two), 'DEL twice');
  succeeds(t, await run(plugins, 'DEL', config, host.container()), 'DEL without ADD');
});

test('networks of their own in modes l3 and l3s', { timeout: 60_000 }, async (t) => {
  for (const mode of ['l3', 'l3s']) {
    const host = new CniHost(t);
    const plugins = new Resident(t, host);
    connect(host);
    const [one, two] = [host.container(), host.container()];
    for (const [container, address] of [
      [one, '10.66.1.2'],
      [two, '10.66.2.2'],
    ] as const) {
      const config = configOf(host, {
        mode,
        mtu: 1400,
        ipam: {
          type: 'static',
          addresses: [{ address: `${address}/24` }],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      });
      const prevResult = await add(t, plugins, config, container);
      t.match(kindData(container), { kind: 'ipvlan', mode });
      t.match(container.lab.ip('link', 'show', 'eth0')[0], { mtu: 1400 });
      succeeds(t, await run(plugins, 'CHECK', { ...config, prevResult }, container), mode);
    }
    one.lab.run('ping', '-c1', '-W3', '10.66.2.2');
    for (const container of [one, two])
      succeeds(t, await run(plugins, 'DEL', configOf(host), container), 'DEL');
    gone(t, host, one, mode);
  }
});

test('the host may have an interface of the same name', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const neighbour = connect(host, host.lab, 'eth0');
  neighbour.lab.run('ip', 'addr', 'add', '10.66.0.200/24', 'dev', 'eth9');
  const container = host.container();
  const config = configOf(host, { master: 'eth0' });
  const prevResult = await add(t, plugins, config, container);
  container.lab.run('ping', '-c1', '-W3', '10.66.0.200');
  succeeds(t, await run(plugins, 'CHECK', { ...config, prevResult }, container), 'CHECK');
  t.match((await run(plugins, 'ADD', config, container)).json, {
    msg: /failed to create ipvlan: container interface "eth0" already exists/,
  });
  succeeds(t, await run(plugins, 'DEL', config, container), 'DEL');
  t.same(linkNames(container), ['lo']);
  t.same(linkNames(host), ['eth0', 'lo']);
});

test('a master of the container', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const container = host.container();
  const neighbour = connect(host, container.lab, 'net0');
  neighbour.lab.run('ip', 'addr', 'add', '10.66.0.200/24', 'dev', 'eth9');
  const prevResult = {
    interfaces: [{ name: 'net0', sandbox: container.lab.path }],
    ips: [{ address: '10.66.0.77/24', interface: 0 }],
    routes: [{ dst: '10.99.0.0/16', gw: '10.66.0.200' }],
  };
  container.lab.run('ip', 'route', 'add', 'default', 'dev', 'net0');
  for (const extra of [
    { master: 'net0', linkInContainer: true },
    { master: undefined, linkInContainer: true },
    // what the plugin before has put into the container is its master, wherever the config has it
    { master: undefined, ipam: undefined, prevResult },
  ]) {
    const config = configOf(host, extra);
    const result = await add(t, plugins, config, container);
    t.equal((result.interfaces as Json[]).length, 1);
    container.lab.run('ping', '-c1', '-W3', '-I', 'eth0', '10.66.0.200');
    succeeds(t, await run(plugins, 'CHECK', { ...config, prevResult: result }, container), 'CHECK');
    succeeds(t, await run(plugins, 'STATUS', config), 'STATUS cannot know containers');
    succeeds(t, await run(plugins, 'DEL', { ...config, prevResult: result }, container), 'DEL');
    t.same(linkNames(container), ['lo', 'net0']);
  }
  t.same(leases(host), []);
});

test('DEL when namespace, master, config or everything is gone', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  connect(host);
  const config = configOf(host);
  const lost = host.container();
  await add(t, plugins, config, lost);
  Namespace.delete(lost.lab.name);
  lost.lab.namespace.close();
  succeeds(t, await run(plugins, 'DEL', config, lost), 'namespace gone');
  t.same(leases(host), []);
  const container = host.container();
  await add(t, plugins, config, container);
  const broken = { ...config, master: 7, mode: 'x', mtu: 'y', linkInContainer: 'z', prevResult: 'q' };
  succeeds(t, await run(plugins, 'DEL', broken, container), 'a broken config');
  gone(t, host, container, 'config broken');
  await add(t, plugins, config, container);
  host.lab.run('ip', 'link', 'del', MASTER);
  const unnamed = { ...config, master: undefined };
  // the reference looks for a default route, and fails
  succeeds(t, await run(plugins, 'DEL', unnamed, container, { CNI_NETNS: '' }), 'no namespace given');
  t.same(leases(host), []);
  succeeds(t, await run(plugins, 'DEL', unnamed, container), 'master gone');
  succeeds(t, await run(plugins, 'DEL', { ...unnamed, linkInContainer: true }, lost), 'everything is gone');
});

test('what is wrong with a config', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  connect(host);
  const container = host.container();
  const address = { address: '10.66.7.7/24' };
  const wrong: [Json, number, RegExp][] = [
    [{ master: 7 }, 6, /failed to load netconf: master: expected a string, got 7/],
    [{ master: 'no0' }, 999, /failed to lookup master "no0": Link not found/],
    [{ master: undefined }, 999, /no default route interface found/],
    [{ mode: 3 }, 6, /mode: expected a string, got 3/],
    [{ mode: 'l4' }, 7, /unknown ipvlan mode: "l4"/],
    [{ mtu: 'many' }, 6, /mtu: expected a whole number, got "many"/],
    [{ mtu: 9000 }, 7, /invalid MTU 9000, must be \[0, master MTU\(1500\)\]/],
    [{ mtu: -1 }, 7, /invalid MTU -1, must be \[0, master MTU\(1500\)\]/],
    [{ linkInContainer: 'yes' }, 6, /linkInContainer: expected true or false, got "yes"/],
    [{ linkInContainer: true }, 999, /failed to lookup master "up0": Link not found/],
    [{ ipam: [] }, 6, /ipam: expected an object, got \[\]/],
    [{ ipam: undefined }, 999, /no plugin name provided/],
    [{ ipam: { type: 'static' } }, 999, /IPAM plugin returned missing IP config/],
    [{ dns: { search: 1 } }, 6, /dns.search: expected an array, got 1/],
    [
      { master: undefined, prevResult: { interfaces: [{ name: 'a' }, { name: 'b' }], ips: [address] } },
      999,
      /chained master failure. PrevResult lacks a single named interface/,
    ],
    [{ prevResult: { ips: [{ address: 'x' }] } }, 6, /ips\[0\].address: expected an address/],
  ];
  for (const [extra, code, msg] of wrong) {
    const { status, json } = await run(plugins, 'ADD', configOf(host, extra), container);
    t.equal(status, 1);
    t.match(json, { code, msg }, JSON.stringify(extra));
    gone(t, host, container, JSON.stringify(extra));
  }
  const netns = await run(plugins, 'ADD', configOf(host), container, { CNI_NETNS: '/run/netns/nl-gone' });
  t.match(netns.json, { msg: /failed to open netns "\/run\/netns\/nl-gone"/ });
  gone(t, host, container, 'namespace gone');
  // the kernel refuses what the config has in it
  const range = { type: 'host-local', subnet: '10.66.0.0/24', dataDir: host.dataDir };
  const route = configOf(host, { ipam: { ...range, routes: [{ dst: '192.168.0.0/16', gw: '172.31.9.9' }] } });
  t.match((await run(plugins, 'ADD', route, container)).json, {
    msg: /failed to add route '192.168.0.0\/16/,
  });
  gone(t, host, container, 'impossible route');
});

test('many at once', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  connect(host);
  const config = configOf(host);
  const containers = Array.from({ length: 6 }, () => host.container());
  const outcomes = await Promise.all(
    containers.map((container) => host.start('ours', 'ipvlan', 'ADD', config, container)),
  );
  t.same(
    outcomes.filter(({ status }) => status !== 0).map(({ stdout, stderr }) => stdout + stderr),
    [],
  );
  const addresses = outcomes.map(({ json }) => (json.ips as { address: string }[] | undefined)?.[0]?.address);
  t.equal(new Set(addresses).size, containers.length);
  (containers[0] as Container).lab.run('ping', '-c1', '-W3', String(addresses[5]).split('/')[0] as string);
  const deleted = await Promise.all(
    containers.map((container) => host.start('ours', 'ipvlan', 'DEL', config, container)),
  );
  t.same(
    deleted.filter(({ status }) => status !== 0).map(({ stdout }) => stdout),
    [],
  );
  gone(t, host, containers[0] as Container, 'after all DELs');
});

test('CHECK finds what is wrong', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  connect(host);
  connect(host, host.lab, 'up1');
  const config = configOf(host);
  const container = host.container();
  const prevResult = await add(t, plugins, config, container);
  const [inside] = prevResult.interfaces as { mac: string }[];
  const check = (extra: Json = {}) => run(plugins, 'CHECK', { ...config, prevResult, ...extra }, container);
  succeeds(t, await check(), 'as it was');
  succeeds(t, await check({ master: undefined }), 'the reference looks for a master of no name');
  const told: [Json, RegExp | string][] = [
    [{ prevResult: undefined }, 'Required prevResult missing'],
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
    [{ mode: 'l3' }, 'Container IPVlan mode l2 does not match expected value: l3'],
    [{ mtu: 1300 }, 'Container interface eth0 has MTU 1500, expected 1300'],
  ];
  for (const [extra, msg] of told)
    t.match((await check(extra)).json, { code: 999, msg }, JSON.stringify(extra));
  const { lab } = container;
  const breakage: [string[], string[], RegExp][] = [
    [
      ['addr', 'del', '10.66.0.2/24', 'dev', 'eth0'],
      ['addr', 'add', '10.66.0.2/24', 'dev', 'eth0'],
      /Failed to match addr 10.66.0.2\/24 on interface eth0/,
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
  lab.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
  t.match((await check()).json, { msg: 'Error: Container interface eth0 not of type ipvlan' });
  lab.run('ip', 'link', 'del', 'eth0');
  succeeds(t, await run(plugins, 'DEL', config, container), 'DEL');
});

test('GC, STATUS, VERSION', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  connect(host);
  const config = configOf(host);
  const [stays, goes] = [host.container(), host.container()];
  await add(t, plugins, config, stays);
  await add(t, plugins, config, goes);
  Namespace.delete(goes.lab.name);
  goes.lab.namespace.close();
  const valid = [{ containerID: stays.id, ifname: 'eth0' }];
  succeeds(t, await run(plugins, 'GC', { ...config, 'cni.dev/valid-attachments': valid }), 'GC');
  t.same(leases(host), ['10.66.0.2']);
  succeeds(t, await run(plugins, 'STATUS', config), 'STATUS');
  t.match((await run(plugins, 'STATUS', { ...config, master: 'no0' })).json, {
    code: 50,
    msg: 'failed to lookup master "no0": Link not found',
  });
  t.match((await run(plugins, 'STATUS', { ...config, mode: 'x' })).json, { code: 7 });
  succeeds(t, await run(plugins, 'DEL', config, stays), 'DEL');
  t.match((await run(plugins, 'VERSION', config)).json, {
    supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  });
});
