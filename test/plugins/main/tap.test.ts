import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t, { test } from 'tap';
import { Namespace } from '../../../host/namespace/namespace.js';
import { createTap } from '../../../host/network/tap.js';
import { Lab } from '../../support/lab.js';
import { CniHost, type Container, type Json } from '../support/host.js';
import { leases, linkNames, succeeds } from './support/child-link.js';
import { askOver, configOf, tapLink } from './support/tap.js';

t.setTimeout(120_000);

function add(host: CniHost, config: Json, container: Container, extra: NodeJS.ProcessEnv = {}): Json {
  const { status, stdout, stderr, json } = host.run('ours', 'tap', 'ADD', config, container, extra);
  if (status !== 0) throw new Error(stdout + stderr);
  return json;
}

test('its user reads and writes frames', (t) => {
  const host = new CniHost(t);
  const ways: {
    settings: Json;
    ip: string[];
    header: boolean;
    users: [number, number][];
    others: [number, number][];
  }[] = [
    { settings: {}, ip: [], header: false, users: [[1234, 99]], others: [] },
    {
      settings: { owner: 1234 },
      ip: ['user', '1234'],
      header: false,
      users: [[1234, 5]],
      others: [[1235, 99]],
    },
    {
      settings: { group: 99 },
      ip: ['group', '99'],
      header: false,
      users: [[1235, 99]],
      others: [[1234, 98]],
    },
    {
      settings: { owner: 1234, group: 99, multiQueue: true },
      ip: ['multi_queue', 'user', '1234', 'group', '99'],
      header: true,
      users: [[1234, 99]],
      others: [[1235, 98]],
    },
    {
      settings: { owner: 0, group: 0 },
      ip: ['user', '0', 'group', '0'],
      header: true,
      users: [],
      others: [[1234, 99]],
    },
  ];
  for (const { settings, ip, header, users, others } of ways) {
    const what = JSON.stringify(settings);
    const container = host.container();
    const ipam = { type: 'static', addresses: [{ address: '10.67.0.2/24' }] };
    const config = configOf(host, { ...settings, ipam });
    const prevResult = add(host, config, container);
    container.lab.run('ip', 'tuntap', 'add', 'mode', 'tap', 'name', 'oracle', ...ip);
    const data = tapLink(container).linkinfo;
    t.same(
      data,
      {
        ...tapLink(container, 'oracle').linkinfo,
        info_data: { ...tapLink(container, 'oracle').linkinfo.info_data, vnet_hdr: header },
      },
      what,
    );
    const { address } = tapLink(container);
    const queues = settings.multiQueue === true ? 2 : 1;
    for (const [uid, gid] of users) {
      for (const isWithHeader of [false, true])
        t.equal(askOver(container, { uid, gid, queues, header: isWithHeader }), address, what);
      if (queues > 1) t.match(askOver(container, { uid, gid }), /TUNSETIFF: Invalid argument/);
    }
    for (const [uid, gid] of others)
      t.match(askOver(container, { uid, gid, queues }), /TUNSETIFF: Operation not permitted/, what);
    succeeds(t, host.run('ours', 'tap', 'CHECK', { ...config, prevResult }, container), 'CHECK');
    succeeds(t, host.run('ours', 'tap', 'DEL', config, container), 'DEL');
    t.same(linkNames(container), ['lo', 'oracle']);
    t.same(leases(host), []);
  }
  t.end();
});

test('addresses, hardware address, MTU', (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const ranges = [[{ subnet: '10.67.0.0/24' }], [{ subnet: 'fd00:67::/64' }]];
  const ipam = {
    type: 'host-local',
    dataDir: host.dataDir,
    ranges,
    routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
  };
  const config = configOf(host, { ipam, mtu: 1400, mac: '02:00:00:00:00:aa', dns: { domain: 'x' } });
  const prevResult = add(host, config, container);
  t.same(prevResult, {
    cniVersion: '1.1.0',
    dns: { domain: 'x' },
    interfaces: [{ mac: '02:00:00:00:00:aa', name: 'eth0', sandbox: container.lab.path }],
    ips: [
      { address: '10.67.0.2/24', gateway: '10.67.0.1', interface: 0 },
      { address: 'fd00:67::2/64', gateway: 'fd00:67::1', interface: 0 },
    ],
    routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
  });
  t.match(tapLink(container), { address: '02:00:00:00:00:aa', mtu: 1400, flags: /UP/ });
  t.match(container.lab.ip('route', 'show', 'default'), [{ gateway: '10.67.0.1', dev: 'eth0' }]);
  t.match(container.lab.ip('-6', 'route', 'show', 'default'), [{ gateway: 'fd00:67::1', dev: 'eth0' }]);
  t.equal(container.lab.run('sysctl', '-n', 'net.ipv4.conf.eth0.arp_notify').trim(), '1');
  t.equal(askOver(container, { uid: 1234, gid: 99 }), '02:00:00:00:00:aa');
  const call = (command: string, extra: Json = {}, env: NodeJS.ProcessEnv = {}) =>
    host.run('ours', 'tap', command, { ...config, ...extra }, container, env);
  succeeds(t, call('CHECK', { prevResult }), 'CHECK');
  t.match(call('ADD').json, {
    code: 999,
    msg: /failed to create tap: container interface "eth0" already exists/,
  });
  succeeds(t, call('CHECK', { prevResult }), 'the first is not harmed by a second');
  for (const times of ['once', 'twice']) succeeds(t, call('DEL'), `DEL ${times}`);
  t.same([...linkNames(container), ...leases(host)], ['lo']);
  const macs: [Json, string, string][] = [
    [
      { runtimeConfig: { mac: '02:00:00:00:00:01' } },
      'IgnoreUnknown=1;MAC=02:00:00:00:00:02',
      '02:00:00:00:00:01',
    ],
    [{ runtimeConfig: { mac: '' } }, 'IgnoreUnknown=1;MAC=02:00:00:00:00:02', '02:00:00:00:00:02'],
    [{}, 'IgnoreUnknown=1;K8S_POD_NAME=x', '02:00:00:00:00:aa'],
  ];
  for (const [extra, args, mac] of macs) {
    succeeds(t, call('ADD', extra, { CNI_ARGS: args }), args);
    t.equal(tapLink(container).address, mac);
    succeeds(t, call('DEL', { ipam: undefined }, { CNI_ARGS: 'garbage' }), 'DEL reads no CNI_ARGS');
    t.same(linkNames(container), ['lo']);
    succeeds(t, call('DEL'), 'the lease');
  }
  t.end();
});

test('a port of a bridge of the container', (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const config = configOf(host, { ipam: undefined, bridge: 'br0' });
  const check = (prevResult: Json) => host.run('ours', 'tap', 'CHECK', { ...config, prevResult }, container);
  t.match(host.run('ours', 'tap', 'ADD', config, container).json, {
    code: 999,
    msg: 'failed to get bridge br0: Link not found',
  });
  t.match(host.run('ours', 'tap', 'ADD', { ...config, bridge: 'lo' }, container).json, {
    msg: 'failed to get bridge lo: it is no bridge',
  });
  t.same(linkNames(container), ['lo']);
  container.lab.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  container.lab.run('ip', 'addr', 'add', '10.67.0.2/24', 'dev', 'br0');
  container.lab.run('ip', 'link', 'set', 'br0', 'address', '02:00:00:00:00:bb', 'up');
  const prevResult = add(host, config, container);
  t.match(tapLink(container), { master: 'br0', flags: /UP/ });
  t.equal(askOver(container, { uid: 1234, gid: 99 }), '02:00:00:00:00:bb', 'a frame over the bridge');
  succeeds(t, check(prevResult), 'CHECK');
  container.lab.run('ip', 'link', 'set', 'eth0', 'nomaster');
  t.match(check(prevResult).json, { msg: 'Container interface eth0 is no port of bridge br0' });
  succeeds(t, host.run('ours', 'tap', 'DEL', config, container), 'DEL');
  t.same(linkNames(container), ['br0', 'lo']);
  t.end();
});

test('without /dev/net/tun', (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const run = (command: string) => {
    const env = {
      PATH: process.env.PATH,
      CNI_COMMAND: command,
      CNI_PATH: join(host.directory, 'bin'),
      CNI_CONTAINERID: container.id,
      CNI_NETNS: container.lab.path,
      CNI_IFNAME: 'eth0',
    };
    const args = [
      '--mount',
      'sh',
      '-c',
      'mount -t tmpfs tmpfs /dev/net && exec "$0"',
      host.file('ours', 'tap'),
    ];
    const input = JSON.stringify(configOf(host));
    const { stdout } = host.lab.namespace.run(() =>
      spawnSync('unshare', args, { env, input, encoding: 'utf8' }),
    );
    return JSON.parse(stdout) as Json;
  };
  t.match(run('STATUS'), { code: 50, msg: /^failed to create tap: open '\/dev\/net\/tun': / });
  t.match(run('ADD'), { code: 999, msg: /failed to create tap: open '\/dev\/net\/tun': / });
  t.same([...linkNames(container), ...leases(host)], ['lo']);
  t.end();
});

test('STATUS, GC, DEL when the namespace is gone', (t) => {
  const host = new CniHost(t);
  const config = configOf(host, {
    ipam: { type: 'host-local', subnet: '10.67.0.0/30', dataDir: host.dataDir },
  });
  const status = () => host.run('ours', 'tap', 'STATUS', config);
  succeeds(t, status(), 'one address is left');
  const gone = host.container();
  add(host, config, gone);
  t.match(status().json, { code: 50 });
  Namespace.delete(gone.lab.name);
  gone.lab.namespace.close();
  const valid = [{ containerID: gone.id, ifname: 'eth0' }];
  succeeds(t, host.run('ours', 'tap', 'GC', { ...config, 'cni.dev/valid-attachments': valid }), 'GC');
  t.same(leases(host), ['10.67.0.2']);
  succeeds(t, host.run('ours', 'tap', 'GC', { ...config, 'cni.dev/valid-attachments': [] }), 'GC');
  t.same(leases(host), []);
  const second = host.container();
  add(host, config, second);
  Namespace.delete(second.lab.name);
  for (const times of ['once', 'twice'])
    succeeds(t, host.run('ours', 'tap', 'DEL', { ...config, owner: 'x', bridge: [] }, second), times);
  t.same(leases(host), []);
  succeeds(t, host.run('ours', 'tap', 'DEL', config, second, { CNI_NETNS: '' }), 'no namespace');
  succeeds(t, host.run('ours', 'tap', 'DEL', config, host.container()), 'DEL without ADD');
  t.end();
});

test('many at once', async (t) => {
  const host = new CniHost(t);
  const config = configOf(host, { owner: 1234, multiQueue: true });
  const containers = Array.from({ length: 15 }, () => host.container());
  for (const command of ['ADD', 'DEL']) {
    const outcomes = await Promise.all(
      containers.map((container) => host.start('ours', 'tap', command, config, container)),
    );
    const failures = outcomes.filter(({ status }) => status !== 0);
    t.same(
      failures.map(({ stdout, stderr }) => stdout + stderr),
      [],
      command,
    );
    for (const container of containers)
      t.same(linkNames(container), command === 'ADD' ? ['eth0', 'lo'] : ['lo']);
  }
  t.same(leases(host), []);
});

test('createTap makes all of it or nothing', (t) => {
  const lab = new Lab(t);
  const links = () => lab.ip('link', 'show').map(({ ifname }: Json) => ifname);
  for (const [input, code] of [
    [{ ifname: 'sixteen-letters-' }, 'EINVAL'],
    [{ ifname: 'tap%d' }, 'EINVAL'],
    [{ ifname: 'a/b' }, 'EINVAL'],
    [{ ifname: 'lo' }, 'EBUSY'],
    [{ ifname: 'tap0', owner: 0xffffffff }, 'EINVAL'],
    [{ ifname: 'tap0', group: 0xffffffff }, 'EINVAL'],
  ] as const) {
    t.throws(() => createTap(lab.namespace, input), { code }, JSON.stringify(input));
    t.same(links(), ['lo'], JSON.stringify(input));
  }
  createTap(lab.namespace, { ifname: 'tap0' });
  t.throws(() => createTap(lab.namespace, { ifname: 'tap0' }), { code: 'EBUSY' });
  t.same(links(), ['lo', 'tap0']);
  t.end();
});
