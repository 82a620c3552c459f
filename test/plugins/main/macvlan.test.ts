import { type Test, test } from 'tap';
import { Namespace } from '../../../host/namespace/namespace.js';
import { CniHost, type Container, type Json } from '../support/host.js';
import {
  connect,
  gone,
  kindData,
  leases,
  linkNames,
  MASTER,
  notifications,
  succeeds,
} from './support/child-link.js';

function configOf(host: CniHost, extra: Json = {}): Json {
  return {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'macvlan',
    master: MASTER,
    ipam: { type: 'host-local', subnet: '10.65.0.0/24', dataDir: host.dataDir },
    ...extra,
  };
}

function run(
  host: CniHost,
  command: string,
  config: Json,
  container?: Container,
  environment: NodeJS.ProcessEnv = {},
) {
  return host.run('ours', 'macvlan', command, config, container, environment);
}

function add(
  t: Test,
  host: CniHost,
  config: Json,
  container: Container,
  environment: NodeJS.ProcessEnv = {},
): Json {
  const outcome = run(host, 'ADD', config, container, environment);
  succeeds(t, outcome, 'ADD');
  return outcome.json;
}

test('containers reach each other and a neighbour of the host', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const neighbour = connect(host);
  for (const address of ['10.65.0.200/24', 'fd00:65::200/64'])
    neighbour.lab.run(
      'ip',
      'addr',
      'add',
      address,
      'dev',
      'eth9',
      ...(address.includes(':') ? ['nodad'] : []),
    );
  const ranges = [[{ subnet: '10.65.0.0/24' }], [{ subnet: 'fd00:65::/64' }]];
  const config = configOf(host, { ipam: { type: 'host-local', dataDir: host.dataDir, ranges } });
  const [one, two] = [host.container(), host.container()];
  const first = add(t, host, config, one);
  const second = add(t, host, config, two);
  t.match(first, {
    cniVersion: '1.1.0',
    interfaces: [{ name: 'eth0', sandbox: one.lab.path }],
    ips: [
      { address: '10.65.0.2/24', gateway: '10.65.0.1', interface: 0 },
      { address: 'fd00:65::2/64', gateway: 'fd00:65::1', interface: 0 },
    ],
  });
  t.match(kindData(one), { kind: 'macvlan', mode: 'bridge' });
  t.same(notifications(one), ['1', '1']);
  for (const address of ['10.65.0.3', '10.65.0.200', 'fd00:65::3', 'fd00:65::200'])
    one.lab.run('ping', '-c1', '-W2', address);
  for (const [container, prevResult] of [
    [one, first],
    [two, second],
  ] as const)
    succeeds(t, run(host, 'CHECK', { ...config, prevResult }, container), 'CHECK');
  succeeds(t, run(host, 'STATUS', config), 'STATUS');
  succeeds(t, run(host, 'DEL', config, one), 'DEL');
  two.lab.run('ping', '-c1', '-W2', '10.65.0.200');
  succeeds(t, run(host, 'DEL', config, two), 'DEL');
  gone(t, host, two, 'DEL');
  succeeds(t, run(host, 'DEL', config, two), 'DEL twice');
  succeeds(t, run(host, 'DEL', config, host.container()), 'DEL without ADD');
  t.match(run(host, 'VERSION', config).json, {
    supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  });
});

test('what modes mean for neighbours', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const neighbour = connect(host);
  neighbour.lab.run('ip', 'addr', 'add', '10.65.0.200/24', 'dev', 'eth9');
  for (const mode of ['private', 'vepa']) {
    const config = configOf(host, { mode, bcqueuelen: 2000, mtu: 1400 });
    const [one, two] = [host.container(), host.container()];
    const prevResult = add(t, host, config, one);
    const other = add(t, host, config, two);
    t.match(kindData(one), { kind: 'macvlan', mode, bcqueuelen: 2000 });
    t.match(one.lab.ip('link', 'show', 'eth0')[0], { mtu: 1400 });
    const [ip] = other.ips as { address: string }[];
    one.lab.run('ping', '-c1', '-W2', '10.65.0.200');
    t.throws(() => one.lab.run('ping', '-c1', '-W1', String(ip?.address.split('/')[0])), mode);
    succeeds(t, run(host, 'CHECK', { ...config, prevResult }, one), mode);
    for (const container of [one, two]) succeeds(t, run(host, 'DEL', config, container), 'DEL');
  }
  const config = configOf(host, { mode: 'passthru' });
  const [one, two] = [host.container(), host.container()];
  add(t, host, config, one);
  one.lab.run('ping', '-c1', '-W2', '10.65.0.200');
  t.match(run(host, 'ADD', config, two).json, {
    code: 999,
    msg: /^failed to create macvlan: .*(busy|invalid argument)/i,
  });
  t.same(linkNames(two), ['lo']);
  t.same(leases(host).length, 1);
  succeeds(t, run(host, 'DEL', config, one), 'DEL');
  gone(t, host, one, 'passthru');
});

test('the host may have an interface of the same name', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  connect(host, host.lab, 'eth0');
  const container = host.container();
  const config = configOf(host, { master: 'eth0' });
  const prevResult = add(t, host, config, container);
  t.match(kindData(container), { kind: 'macvlan' });
  succeeds(t, run(host, 'CHECK', { ...config, prevResult }, container), 'CHECK');
  succeeds(t, run(host, 'DEL', config, container), 'DEL');
  t.same(linkNames(container), ['lo']);
  t.same(linkNames(host), ['eth0', 'lo']);
});

test('a master of the container', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const neighbour = connect(host, container.lab, 'net0');
  neighbour.lab.run('ip', 'addr', 'add', '10.65.0.200/24', 'dev', 'eth9');
  for (const master of ['net0', undefined]) {
    if (master === undefined) container.lab.run('ip', 'route', 'add', 'default', 'dev', 'net0');
    const config = configOf(host, { master, linkInContainer: true });
    const prevResult = add(t, host, config, container);
    container.lab.run('ping', '-c1', '-W2', '10.65.0.200');
    succeeds(t, run(host, 'CHECK', { ...config, prevResult }, container), 'CHECK');
    succeeds(t, run(host, 'STATUS', config), 'STATUS cannot know containers');
    succeeds(t, run(host, 'DEL', config, container), 'DEL');
    t.same(linkNames(container), ['lo', 'net0']);
  }
  const missing = run(host, 'ADD', configOf(host, { linkInContainer: true, master: 'no0' }), container);
  t.match(missing.json, { code: 999, msg: 'failed to lookup master "no0": Link not found' });
  const same = configOf(host, { linkInContainer: true, master: 'net0' });
  t.match(run(host, 'ADD', same, container, { CNI_IFNAME: 'net0' }).json, {
    msg: /failed to create macvlan: container interface "net0" already exists/,
  });
  t.same(linkNames(container), ['lo', 'net0']);
  t.same(leases(host), []);
});

test('without ipam', async (t) => {
  const host = new CniHost(t);
  connect(host);
  const container = host.container();
  const config = configOf(host, { ipam: undefined, dns: { nameservers: ['10.9.9.9'] } });
  const prevResult = add(t, host, config, container);
  t.match(prevResult, { interfaces: [{ name: 'eth0' }], dns: { nameservers: ['10.9.9.9'] } });
  t.ok(container.lab.ip('link', 'show', 'eth0')[0].flags.includes('UP'));
  succeeds(t, run(host, 'CHECK', { ...config, prevResult }, container), 'CHECK');
  succeeds(t, run(host, 'DEL', config, container), 'DEL');
  // this version cannot tell of an attachment without addresses
  t.equal(run(host, 'ADD', { ...config, cniVersion: '0.2.0' }, container).status, 1);
  gone(t, host, container, 'a result that cannot be told');
});

test('hardware addresses: the first of runtimeConfig, CNI_ARGS, mac', async (t) => {
  const host = new CniHost(t);
  connect(host);
  const container = host.container();
  const [own, args, runtime] = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03'];
  const given: [Json, string, string][] = [
    [{ mac: own }, '', own],
    [{ mac: own }, `MAC=${args}`, args],
    [{ mac: own, runtimeConfig: { mac: runtime } }, `IgnoreUnknown=1;MAC=${args};X=y`, runtime],
    [{ mac: own, RuntimeConfig: { Mac: runtime } }, '', runtime],
    [{ mac: own, runtimeConfig: { mac: '' } }, '', own],
  ];
  for (const [extra, CNI_ARGS, expected] of given) {
    // host-local would not know MAC
    const config = configOf(host, { ipam: undefined, ...extra });
    const prevResult = add(t, host, config, container, { CNI_ARGS });
    t.equal(container.lab.ip('link', 'show', 'eth0')[0].address, expected);
    t.match(prevResult, { interfaces: [{ mac: expected }] });
    succeeds(t, run(host, 'DEL', config, container, { CNI_ARGS }), 'DEL');
  }
  gone(t, host, container, 'addresses');
});

test('DEL when namespace, master, config or everything is gone', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  connect(host);
  const config = configOf(host);
  const lost = host.container();
  add(t, host, config, lost);
  Namespace.delete(lost.lab.name);
  lost.lab.namespace.close();
  succeeds(t, run(host, 'DEL', config, lost), 'namespace gone');
  t.same(leases(host), []);
  const container = host.container();
  add(t, host, config, container);
  succeeds(t, run(host, 'DEL', config, container, { CNI_NETNS: '' }), 'no namespace given');
  t.same(leases(host), []);
  const broken = { ...config, master: 7, mode: 'x', mtu: 'y', mac: {}, bcqueuelen: -1, linkInContainer: 'z' };
  succeeds(t, run(host, 'DEL', broken, container), 'a broken config');
  gone(t, host, container, 'config broken');
  add(t, host, config, container);
  host.lab.run('ip', 'link', 'del', MASTER);
  succeeds(t, run(host, 'DEL', config, container), 'master gone');
  t.same(leases(host), []);
  succeeds(t, run(host, 'DEL', { ...config, master: undefined }, container), 'no master, no default route');
});

test('what is wrong with a config', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  connect(host);
  const container = host.container();
  const wrong: [Json, number, RegExp, NodeJS.ProcessEnv?][] = [
    [{ master: 7 }, 6, /failed to load netconf: master: expected a string, got 7/],
    [{ master: 'no0' }, 999, /failed to lookup master "no0": Link not found/],
    [{ master: undefined }, 999, /no default route interface found/],
    [{ mode: 3 }, 6, /mode: expected a string, got 3/],
    [{ mode: 'bridged' }, 7, /unknown macvlan mode: "bridged"/],
    [{ mtu: 'many' }, 6, /mtu: expected a whole number, got "many"/],
    [{ mtu: 9000 }, 7, /invalid MTU 9000, must be \[0, master MTU\(1500\)\]/],
    [{ mtu: -1 }, 7, /invalid MTU -1, must be \[0, master MTU\(1500\)\]/],
    [{ mac: 5 }, 6, /mac: expected a string, got 5/],
    [{ mac: 'xx' }, 7, /invalid args xx for MAC addr: address xx: invalid MAC address/],
    [{ mac: 'ff:ff:ff:ff:ff:ff' }, 999, /failed to create macvlan: /],
    [{ runtimeConfig: { mac: 1 } }, 6, /runtimeConfig.mac: expected a string, got 1/],
    [{}, 7, /invalid args 02:00 for MAC addr/, { CNI_ARGS: 'MAC=02:00' }],
    [{}, 999, /unknown args \["X=y"\]/, { CNI_ARGS: 'X=y' }],
    [{ linkInContainer: 'yes' }, 6, /linkInContainer: expected true or false, got "yes"/],
    [{ linkInContainer: true }, 999, /failed to lookup master "up0": Link not found/],
    [{ bcqueuelen: -1 }, 6, /bcqueuelen: expected a whole number from 0 to 4294967295, got -1/],
    [{ bcqueuelen: '9' }, 6, /bcqueuelen: expected a whole number from 0 to 4294967295, got "9"/],
    [{ ipam: [] }, 6, /ipam: expected an object, got \[\]/],
    [{ ipam: { type: 'static' } }, 999, /IPAM plugin returned missing IP config/],
    [{ ipam: { type: 'no-such-plugin' } }, 999, /failed to find plugin "no-such-plugin" in path/],
    [{ dns: { search: 1 } }, 6, /dns.search: expected an array, got 1/],
    [{ cniVersion: '9.9.9' }, 1, /incompatible CNI versions/],
  ];
  for (const [extra, code, msg, environment] of wrong) {
    const { status, json } = run(host, 'ADD', configOf(host, extra), container, environment);
    t.equal(status, 1);
    t.match(json, { code, msg }, JSON.stringify(extra));
    gone(t, host, container, JSON.stringify(extra));
  }
  const netns = run(host, 'ADD', configOf(host), container, { CNI_NETNS: '/run/netns/nl-gone' });
  t.match(netns.json, { msg: /failed to open netns "\/run\/netns\/nl-gone"/ });
  gone(t, host, container, 'namespace gone');
});

test('a failed ADD leaves nothing', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  connect(host);
  const container = host.container();
  const config = configOf(host);
  container.lab.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
  t.match(run(host, 'ADD', config, container).json, {
    code: 999,
    msg: /failed to create macvlan: container interface "eth0" already exists/,
  });
  t.same(linkNames(container), ['eth0', 'lo']);
  t.same(leases(host), []);
  container.lab.run('ip', 'link', 'del', 'eth0');
  const range = { type: 'host-local', subnet: '10.65.0.0/24', dataDir: host.dataDir };
  const route = configOf(host, { ipam: { ...range, routes: [{ dst: '192.168.0.0/16', gw: '172.31.9.9' }] } });
  t.match(run(host, 'ADD', route, container).json, { msg: /failed to add route '192.168.0.0\/16/ });
  gone(t, host, container, 'impossible route');
  const prevResult = add(t, host, config, container);
  t.equal(run(host, 'ADD', config, container).status, 1, 'ADD twice');
  succeeds(
    t,
    run(host, 'CHECK', { ...config, prevResult }, container),
    'the first is not harmed by a second',
  );
  succeeds(t, run(host, 'DEL', config, container), 'DEL');
  gone(t, host, container, 'after all');
});

test('many at once', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  connect(host);
  const config = configOf(host);
  const containers = Array.from({ length: 12 }, () => host.container());
  const outcomes = await Promise.all(
    containers.map((container) => host.start('ours', 'macvlan', 'ADD', config, container)),
  );
  t.same(
    outcomes.filter(({ status }) => status !== 0).map(({ stdout, stderr }) => stdout + stderr),
    [],
  );
  const addresses = outcomes.map(({ json }) => (json.ips as { address: string }[] | undefined)?.[0]?.address);
  t.equal(new Set(addresses).size, containers.length);
  (containers[0] as Container).lab.run('ping', '-c1', '-W2', String(addresses[11]).split('/')[0] as string);
  const deleted = await Promise.all(
    containers.map((container) => host.start('ours', 'macvlan', 'DEL', config, container)),
  );
  t.same(
    deleted.filter(({ status }) => status !== 0).map(({ stdout }) => stdout),
    [],
  );
  gone(t, host, containers[0] as Container, 'after all DELs');
});

test('CHECK finds what is wrong', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  connect(host);
  connect(host, host.lab, 'up1');
  const config = configOf(host, { mtu: 1400 });
  const container = host.container();
  const prevResult = add(t, host, config, container);
  const [inside] = prevResult.interfaces as { mac: string }[];
  const check = (extra: Json = {}) => run(host, 'CHECK', { ...config, prevResult, ...extra }, container);
  succeeds(t, check(), 'as it was');
  const told: [Json, RegExp | string][] = [
    [{ prevResult: undefined }, 'required prevResult missing'],
    [
      { prevResult: { ...prevResult, interfaces: [] } },
      'container Interface name in prevResult: eth0 not found',
    ],
    [
      { prevResult: { ...prevResult, interfaces: [{ ...inside, sandbox: '/x' }] } },
      `sandbox in prevResult /x doesn't match configured netns: ${container.lab.path}`,
    ],
    [{ master: 'no0' }, 'failed to lookup master "no0": Link not found'],
    [{ master: 'up1' }, 'container interface eth0 is on another link than its master'],
    [{ mode: 'private' }, 'container macvlan mode bridge does not match expected value: private'],
    [{ bcqueuelen: 3000 }, /container interface eth0 has bcqueuelen 1000, expected 3000/],
    [{ mtu: 1300 }, 'container interface eth0 has MTU 1400, expected 1300'],
  ];
  for (const [extra, msg] of told) t.match(check(extra).json, { code: 999, msg }, JSON.stringify(extra));
  const { lab } = container;
  const breakage: [string[], string[], RegExp][] = [
    [
      ['addr', 'del', '10.65.0.2/24', 'dev', 'eth0'],
      ['addr', 'add', '10.65.0.2/24', 'dev', 'eth0'],
      /Failed to match addr 10.65.0.2\/24 on interface eth0/,
    ],
    [
      ['link', 'set', 'eth0', 'address', '02:00:00:00:00:99'],
      ['link', 'set', 'eth0', 'address', String(inside?.mac)],
      /interface eth0 Mac .* doesn't match container Mac: 02:00:00:00:00:99/,
    ],
    [['link', 'set', 'eth0', 'down'], ['link', 'set', 'eth0', 'up'], /interface eth0 is down/],
    [
      ['route', 'del', '10.65.0.0/24'],
      ['route', 'add', '10.65.0.0/24', 'dev', 'eth0'],
      /Failed to find Gateway/,
    ],
  ];
  for (const [harm, repair, msg] of breakage) {
    lab.run('ip', ...harm);
    t.match(check().json, { code: 999, msg });
    lab.run('ip', ...repair);
    succeeds(t, check(), String(msg));
  }
  lab.run('ip', 'link', 'del', 'eth0');
  t.match(check().json, { msg: 'interface eth0 not found' });
  lab.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
  t.match(check().json, { msg: 'error: Container interface eth0 not of type macvlan' });
  lab.run('ip', 'link', 'del', 'eth0');
  succeeds(t, run(host, 'DEL', config, container), 'DEL');
  t.match(check().json, { msg: /Failed to find address added by container/ });
});

test('GC and STATUS', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  connect(host);
  const config = configOf(host);
  const [stays, goes] = [host.container(), host.container()];
  add(t, host, config, stays);
  add(t, host, config, goes);
  Namespace.delete(goes.lab.name);
  goes.lab.namespace.close();
  const valid = [{ containerID: stays.id, ifname: 'eth0' }];
  succeeds(t, run(host, 'GC', { ...config, 'cni.dev/valid-attachments': valid }), 'GC');
  t.same(leases(host), ['10.65.0.2']);
  succeeds(
    t,
    run(host, 'GC', { ...configOf(host, { ipam: undefined }), 'cni.dev/valid-attachments': [] }),
    'GC',
  );
  succeeds(t, run(host, 'STATUS', config), 'STATUS');
  succeeds(t, run(host, 'STATUS', configOf(host, { ipam: undefined })), 'STATUS');
  const told: [Json, number, string | RegExp][] = [
    [{ master: 'no0' }, 50, 'failed to lookup master "no0": Link not found'],
    [{ master: '' }, 50, 'no default route interface found'],
    [{ mtu: 9000 }, 7, /invalid MTU 9000/],
    [{ ipam: { type: 'host-local', subnet: '10.65.9.0/30', dataDir: host.dataDir } }, 0, ''],
  ];
  for (const [extra, code, msg] of told) {
    const { status, json } = run(host, 'STATUS', configOf(host, extra));
    if (code === 0) t.equal(status, 0);
    else t.match(json, { code, msg });
  }
  succeeds(t, run(host, 'DEL', config, stays), 'DEL');
});
