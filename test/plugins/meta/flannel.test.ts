import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import type { Container, Json } from '../support/host.js';
import { dual, FlannelHost, spy, succeeds } from './support/flannel.js';

test('containers reach each other on the bridge of the delegate', { timeout: 60_000 }, async (t) => {
  const host = new FlannelHost(t);
  const config = host.config({ delegate: { hairpinMode: true, isDefaultGateway: true } });
  const [one, two] = [host.container(), host.container()];
  const run = (command: string, container?: Container, extra: Json = {}): Json =>
    succeeds(t, host.run('ours', 'flannel', command, { ...config, ...extra }, container), command);
  run('STATUS');
  const first = run('ADD', one);
  run('ADD', two);
  t.match(first, {
    cniVersion: '1.1.0',
    interfaces: [{ name: 'cni0' }, { name: /^veth/ }, { name: 'eth0', sandbox: one.lab.path }],
    ips: [
      { address: '10.72.5.2/24', gateway: '10.72.5.1', interface: 2 },
      { address: 'fd00:72:0:5::2/64', gateway: 'fd00:72:0:5::1', interface: 2 },
    ],
    routes: [{ dst: '10.72.0.0/16' }, { dst: 'fd00:72::/48' }, { dst: '0.0.0.0/0' }, { dst: '::/0' }],
  });
  for (const address of ['10.72.5.3', 'fd00:72:0:5::3', '10.72.5.1'])
    one.lab.run('ping', '-c1', '-W2', address);
  t.match(one.lab.run('ip', 'route', 'get', '10.72.9.9'), /via 10\.72\.5\.1 dev eth0/);
  t.equal(one.lab.ip('link', 'show', 'eth0')[0].mtu, 1420);
  t.match(
    host.lab.run('nft', 'list', 'ruleset'),
    /saddr 10\.72\.5\.2 ip daddr != 10\.72\.5\.0\/24 masquerade/,
  );
  const port = (host.lab.ip('link', 'show', 'master', 'cni0') as Json[])[0] as { linkinfo: Json };
  t.match(port.linkinfo, { info_slave_data: { hairpin: true } });
  run('CHECK', one, { prevResult: first });
  one.lab.run('ip', 'address', 'del', '10.72.5.2/24', 'dev', 'eth0');
  const checked = host.run('ours', 'flannel', 'CHECK', { ...config, prevResult: first }, one);
  t.match(checked.json, { code: 999, msg: /Failed to match addr 10\.72\.5\.2/ });
  // flanneld may be gone by then
  rmSync(host.subnetFile);
  run('DEL', one, { prevResult: first });
  two.lab.run('ping', '-c1', '-W2', '10.72.5.1');
  run('DEL', two);
  host.clean(t, 'after DEL');
  run('DEL', two);
  run('DEL', host.container());
  t.match(host.run('ours', 'flannel', 'CHECK', { ...config, prevResult: first }, one).json, {
    code: 999,
    msg: /no delegate's config of container/,
  });
});

test('the config that the delegate gets, and that is kept for it', { timeout: 60_000 }, async (t) => {
  const host = new FlannelHost(t);
  const delegate = spy(host, 'spy');
  const four = 'FLANNEL_NETWORK=10.72.0.0/16,10.80.0.0/16,10.72.0.0/16\nFLANNEL_SUBNET=10.72.5.1/24\n';
  const cases: [string, string, Json, Json][] = [
    [
      'defaults',
      dual,
      {},
      {
        cniVersion: '1.1.0',
        ipMasq: true,
        ipam: {
          dataDir: host.dataDir,
          ranges: [[{ subnet: '10.72.5.0/24' }], [{ subnet: 'fd00:72:0:5::/64' }]],
          routes: [{ dst: '10.72.0.0/16' }, { dst: 'fd00:72::/48' }],
          type: 'host-local',
        },
        mtu: 1420,
        name: 'cbr0',
        type: 'spy',
      },
    ],
    [
      'flanneld masquerades; several networks, one twice; routes of the config',
      `${four}# a comment\nnonsense\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n`,
      {
        ipam: {
          type: 'mine',
          routes: [{ dst: '0.0.0.0/0', gw: '10.72.5.9' }],
          ranges: [[{ subnet: '9.0.0.0/8' }]],
        },
      },
      {
        cniVersion: '1.1.0',
        ipMasq: false,
        ipam: {
          ranges: [[{ subnet: '10.72.5.0/24' }]],
          routes: [{ dst: '0.0.0.0/0', gw: '10.72.5.9' }, { dst: '10.72.0.0/16' }, { dst: '10.80.0.0/16' }],
          type: 'mine',
        },
        mtu: 1472,
        name: 'cbr0',
        type: 'spy',
      },
    ],
    [
      'what the delegate says goes before; what the runtime says goes along',
      'FLANNEL_IPV6_NETWORK=fd00:72::/48\nFLANNEL_IPV6_SUBNET=fd00:72:0:5::1/64\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=yes\n',
      {
        delegate: { type: 'spy', mtu: 9000, ipMasq: false, isDefaultGateway: true, zone: { b: 1, a: 2 } },
        runtimeConfig: { portMappings: [{ hostPort: 80, containerPort: 8080 }], mac: 'c2:11:22:33:44:55' },
        ipam: {},
      },
      {
        cniVersion: '1.1.0',
        ipMasq: false,
        ipam: {
          ranges: [[{ subnet: 'fd00:72:0:5::/64' }]],
          routes: [{ dst: 'fd00:72::/48' }],
          type: 'host-local',
        },
        isDefaultGateway: true,
        mtu: 9000,
        name: 'cbr0',
        runtimeConfig: { mac: 'c2:11:22:33:44:55', portMappings: [{ containerPort: 8080, hostPort: 80 }] },
        type: 'spy',
        zone: { a: 2, b: 1 },
      },
    ],
  ];
  for (const [title, subnet, extra, wanted] of cases) {
    writeFileSync(host.subnetFile, subnet);
    const container = host.container();
    const config = host.config({ delegate: { type: 'spy' }, ...extra });
    const result = succeeds(t, host.run('ours', 'flannel', 'ADD', config, container), title);
    t.match(result, { cniVersion: '1.1.0', ips: [{ address: '10.9.9.9/24' }] });
    const [call] = delegate.calls();
    t.equal(
      JSON.stringify(call?.config),
      JSON.stringify(wanted),
      `${title}: sorted, as the reference has it`,
    );
    t.same(host.saved(), [container.id], `${title}: where the reference looks for it`);
    const { 'netloom/ifname': ifname, ...saved } = host.savedConfig(container.id);
    t.same([saved, ifname], [wanted, 'eth0'], title);
    for (const command of ['CHECK', 'DEL']) {
      const prevResult = { cniVersion: '1.1.0', ips: [{ address: '10.9.9.9/24' }] };
      succeeds(t, host.run('ours', 'flannel', command, { ...config, prevResult }, container), command);
      t.match(delegate.calls(), [{ command, config: { ...wanted, prevResult } }], `${title}: ${command}`);
    }
    t.same(host.saved(), []);
  }
  // without a version there is none to pass on; the bridge is the gateway unless it is told not to be
  const { cniVersion: _none, ...old } = host.config({ delegate: { type: 'spy' } });
  succeeds(t, host.run('ours', 'flannel', 'DEL', old, host.container()), 'DEL without version');
});

test('with the reference’s delegate and its files', { timeout: 60_000 }, async (t) => {
  const host = new FlannelHost(t, `${dual.replaceAll(/FLANNEL_IPV6.*\n/g, '')}`);
  const config = host.config({ cniVersion: '1.0.0' });
  const container = host.container();
  // what the reference would save, and its delegate do
  const delegate: Json = {
    cniVersion: '1.0.0',
    ipMasq: true,
    ipam: {
      dataDir: host.dataDir,
      ranges: [[{ subnet: '10.72.5.0/24' }]],
      routes: [{ dst: '10.72.0.0/16' }],
      type: 'host-local',
    },
    isGateway: true,
    mtu: 1420,
    name: 'cbr0',
    type: 'bridge',
  };
  succeeds(t, host.run('reference', 'bridge', 'ADD', delegate, container), 'their ADD');
  const theirs = host.state();
  const inside = container.state();
  mkdirSync(host.scratch, { mode: 0o700 });
  writeFileSync(join(host.scratch, container.id), JSON.stringify(delegate), { mode: 0o600 });
  succeeds(t, host.run('ours', 'flannel', 'DEL', config, container), 'our DEL');
  t.same([host.saved(), host.leases()], [[], []]);
  t.notOk(container.lab.run('ip', 'link').includes('eth0'));
  host.lab.run('ip', 'link', 'del', 'cni0');
  host.lab.run('iptables', '-t', 'nat', '-F');
  rmSync(host.dataDir, { recursive: true });
  const ours =
    config.delegate === undefined ? { ...config, delegate: { ipMasqBackend: 'iptables' } } : config;
  succeeds(t, host.run('ours', 'flannel', 'ADD', ours, container), 'our ADD');
  t.same(container.state(), inside, 'the same comes of it in the container');
  t.same(host.state().addresses, theirs.addresses, 'and on the host');
  const saved = host.savedConfig(container.id);
  succeeds(
    t,
    host.run('reference', 'bridge', 'DEL', saved, container),
    'their DEL, with what ours has saved',
  );
  t.same(host.leases(), []);
  t.notOk(container.lab.run('ip', 'link').includes('eth0'));
  t.notOk(host.lab.run('iptables-save').includes('CNI-'));
});

test('GC', { timeout: 60_000 }, async (t) => {
  const host = new FlannelHost(t);
  const config = host.config({ cniVersion: '1.1.0' });
  const delegate = spy(host, 'spy');
  const [kept, stale, theirs, older] = Array.from({ length: 4 }, () => host.container()) as [
    Container,
    Container,
    Container,
    Container,
  ];
  for (const container of [kept, stale, theirs])
    succeeds(t, host.run('ours', 'flannel', 'ADD', config, container), 'ADD');
  const { 'netloom/ifname': _owner, ...plain } = host.savedConfig(theirs.id);
  writeFileSync(join(host.scratch, theirs.id), JSON.stringify(plain));
  // the delegate was another one then
  const before = host.config({ delegate: { type: 'spy' }, runtimeConfig: { mac: 'c2:11:22:33:44:55' } });
  succeeds(t, host.run('ours', 'flannel', 'ADD', before, older), 'ADD');
  const foreign = { ...before, name: 'other' };
  succeeds(t, host.run('ours', 'flannel', 'ADD', foreign, older, { CNI_IFNAME: 'net1' }), 'ADD');
  delegate.calls();
  const valid = [{ containerID: kept.id, ifname: 'eth0' }];
  const lists = { 'cni.dev/valid-attachments': valid, 'cni.dev/attachments': valid };
  rmSync(host.subnetFile);
  succeeds(t, host.run('ours', 'flannel', 'GC', { ...config, ...lists }), 'GC');
  t.same(host.saved(), [kept.id, `${older.id}:net1`].sort(), 'of this network');
  t.match(host.leases().sort(), ['10.72.5.2', 'fd00:72:0:5::2']);
  t.notMatch(host.lab.run('nft', 'list', 'ruleset'), /10\.72\.5\.[34]/);
  const [called] = delegate.calls();
  t.match(called, { command: 'GC', config: { ...lists, type: 'spy', name: 'cbr0', cniVersion: '1.1.0' } });
  t.equal(called?.config.runtimeConfig, undefined);
  succeeds(t, host.run('ours', 'flannel', 'GC', config), 'GC without a list');
  t.same(host.saved().length, 2);
});

test('STATUS', { timeout: 60_000 }, async (t) => {
  const host = new FlannelHost(t);
  const config = host.config();
  const status = (extra: Json = {}): Json =>
    host.run('ours', 'flannel', 'STATUS', { ...config, ...extra }).json;
  t.same(status(), {});
  host.lab.run('ip', 'link', 'add', 'cni0', 'type', 'bridge');
  host.lab.run('ip', 'address', 'add', '10.72.4.1/24', 'dev', 'cni0');
  t.match(status(), {
    code: 51,
    msg: 'the bridge "cni0" has the address 10.72.4.1/24, but flanneld\'s subnet is 10.72.5.0/24 now',
  });
  const add = host.run('ours', 'flannel', 'ADD', config, host.container());
  t.match(add.json, { msg: /already has an IP address different from 10\.72\.5\.1\/24/ }, 'so it is');
  t.same(status({ delegate: { forceAddress: true } }), {});
  t.same(status({ delegate: { bridge: 'br1' } }), {});
  t.same(status({ delegate: { type: 'ptp' } }), {});
  writeFileSync(
    host.subnetFile,
    dual.replaceAll('10.72.5.1/24', '10.72.4.0/30').replaceAll(/FLANNEL_IPV6.*\n/g, ''),
  );
  host.lab.run('ip', 'link', 'del', 'cni0');
  t.same(status(), {});
  succeeds(t, host.run('ours', 'flannel', 'ADD', config, host.container()), 'ADD');
  t.match(status(), { code: 50, msg: /^delegate bridge: no IP addresses available in range set/ });
});

test('many at once', { timeout: 120_000 }, async (t) => {
  const host = new FlannelHost(t);
  const config = host.config();
  const containers = Array.from({ length: 8 }, () => host.container());
  const all = async (command: string): Promise<void> => {
    const outcomes = await Promise.all(
      containers.map((one) => host.start('ours', 'flannel', command, config, one)),
    );
    for (const outcome of outcomes) succeeds(t, outcome, command);
  };
  await all('ADD');
  t.same(host.saved(), containers.map(({ id }) => id).sort());
  const [first] = containers as [Container];
  // its lo is down: not the address that it has itself
  const other = first.lab.run('ip', 'address').includes('10.72.5.7/') ? '10.72.5.6' : '10.72.5.7';
  first.lab.run('ping', '-c1', '-W2', other);
  await all('DEL');
  host.clean(t, 'after DEL');
});
