import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  type AttachedNetwork,
  ContainerNetworks,
  parseNetworkList,
  Runtime,
} from '../../host/runtime/index.js';
import { temporaryDirectory } from '../plugins/ipam/support/leases.js';
import {
  type Behaviour,
  failing,
  nothing,
  operations,
  type Recorders,
  recorders,
} from './support/recorders.js';

const list = (name: string, type: string, more: object = {}) =>
  parseNetworkList(JSON.stringify({ cniVersion: '1.1.0', name, plugins: [{ type, ...more }] }));

const container = { id: 'c1', netns: '/no/such/namespace' };

type Options = ConstructorParameters<typeof ContainerNetworks>[0];

function stage(
  t: Parameters<typeof temporaryDirectory>[0],
  behaviours: Record<string, Behaviour>,
  options: Options = {},
): Recorders & { networks: ContainerNetworks; runtime: Runtime; log: string[] } {
  const made = recorders({ loopback: nothing, ...behaviours });
  const log: string[] = [];
  const runtime = new Runtime({
    bundled: made.bundled,
    cacheDirectory: temporaryDirectory(t),
    log: (line) => log.push(line),
  });
  const lists = Object.keys(behaviours).map((type) => list(`net-${type}`, type));
  return { ...made, runtime, log, networks: new ContainerNetworks({ runtime, networks: lists, ...options }) };
}

const attached = ({ cache }: Runtime): string[] =>
  cache
    .list()
    .map(({ network, attachment: { containerId, ifname } }) => `${network} ${containerId} ${ifname}`);

t.test('interfaces are numbered; results are one', async (t) => {
  const { networks, runtime, seen } = stage(t, { a: nothing, b: nothing }, { loopback: true, prefix: 'net' });
  const { interfaces, dns, routes, networks: each } = await networks.setup(container);
  t.same(
    each.map(({ name, ifname }) => [name, ifname]),
    [
      ['cni-loopback', 'lo'],
      ['net-a', 'net0'],
      ['net-b', 'net1'],
    ],
  );
  t.match(interfaces.net0, {
    mac: '02:00:00:00:00:01',
    sandbox: '/no/such/namespace',
    networks: ['net-a'],
    addresses: [{ address: '10.1.2.3/24', gateway: '10.1.2.1' }],
  });
  t.same(Object.keys(interfaces), ['loopback', 'lo', 'a', 'net0', 'b', 'net1']);
  t.same(interfaces.b, { networks: ['net-b'], addresses: [] });
  t.same(dns, { nameservers: ['10.1.2.1', 'loopback', 'a', 'b'], search: ['cluster.local'] });
  t.equal(routes.length, 3);
  t.ok(each.every(({ timings }) => timings.length === 1));
  t.same(attached(runtime), ['cni-loopback c1 lo', 'net-a c1 net0', 'net-b c1 net1']);
  await networks.check(container);
  seen.length = 0;
  await networks.remove(container);
  t.same(operations(seen), ['DEL b', 'DEL a', 'DEL loopback']);
  t.same(attached(runtime), []);
  await networks.remove({ ...container, netns: '' });
});

t.test('addresses without an interface; interfaces that are none', async (t) => {
  const { networks, bundled, runtime, seen } = stage(t, { a: nothing });
  const plugin = bundled('a');
  if (plugin === undefined) return;
  const original = plugin.add;
  plugin.add = async () => ({ ips: [{ address: 'fd00::2/64' }] });
  t.match((await networks.setup(container)).interfaces, {
    eth0: { addresses: [{ address: 'fd00::2/64' }], networks: ['net-a'] },
  });
  await networks.remove(container);
  plugin.add = async () => ({ interfaces: [{ name: 'x' }], ips: [{ address: 'fd00::2/64', interface: 1 }] });
  seen.length = 0;
  await t.rejects(networks.setup(container), {
    code: 'ERR_INVALID_RESULT',
    message: 'network net-a: fd00::2/64 is of interface 1, and there are 1',
  });
  t.same(operations(seen), ['DEL a'], 'and it is undone');
  t.same(attached(runtime), []);
  plugin.add = original;
});

t.test('what a container wants reaches the plugins', async (t) => {
  const capabilities = {
    ...{ portMappings: true, bandwidth: true, dns: true, ipRanges: true, cgroupPath: true, mac: true },
    ...{ ips: true, other: false },
  };
  const { networks, seen, runtime } = stage(
    t,
    { a: nothing },
    { networks: [list('n', 'a', { capabilities })] },
  );
  const wanted = {
    ...container,
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
    bandwidth: { ingressRate: 1e6, ingressBurst: 2e6 },
    dns: { servers: ['10.0.0.1'], searches: ['x'], options: ['ndots:5'] },
    ipRanges: [{ subnet: '10.0.0.0/24' }, [{ subnet: '10.0.1.0/24' }, { subnet: '10.0.2.0/24' }]],
    cgroupPath: '/kubepods/x',
    capabilities: { mac: '02:00:00:00:00:02', other: 1, absent: undefined },
    labels: { K8S_POD_NAME: 'web' },
    args: { IP: '10.0.0.9' },
  };
  await networks.setup(wanted);
  const expected = {
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
    bandwidth: { ingressRate: 1e6, ingressBurst: 2e6 },
    dns: { servers: ['10.0.0.1'], searches: ['x'], options: ['ndots:5'] },
    ipRanges: [[{ subnet: '10.0.0.0/24' }], [{ subnet: '10.0.1.0/24' }, { subnet: '10.0.2.0/24' }]],
    cgroupPath: '/kubepods/x',
    mac: '02:00:00:00:00:02',
  };
  t.same(seen[0]?.[2].runtimeConfig, expected);
  t.same(runtime.cache.list()[0]?.attachment.args, [
    ['IgnoreUnknown', '1'],
    ['K8S_POD_NAME', 'web'],
    ['IP', '10.0.0.9'],
  ]);
  seen.length = 0;
  // said once is enough
  await networks.check(container);
  await networks.remove(container);
  t.same(
    seen.map(([, , config]) => config.runtimeConfig),
    [expected, expected],
  );
  for (const args of [{ 'a=b': 'c' }, { a: 'b;c' }, { '': 'x' }]) {
    await t.rejects(networks.setup({ ...container, args }), { code: 'ERR_INVALID_ARGUMENT' });
  }
});

t.test('one network fails: the others are undone', async (t) => {
  for (const order of ['serial', 'parallel'] as const) {
    const { networks, seen, runtime } = stage(
      t,
      { a: nothing, b: failing('ADD'), c: nothing },
      { loopback: true },
    );
    await t.rejects(networks.setup(container, { order }), {
      code: 'ERR_CNI_123',
      message: 'plugin type="b" failed (add): ADD fails; on purpose',
    });
    t.same(attached(runtime), [], order);
    const added = operations(seen).filter((one) => one.startsWith('ADD'));
    t.same(added, [...['ADD loopback', 'ADD a', 'ADD b'], ...(order === 'parallel' ? ['ADD c'] : [])]);
    const undone = operations(seen).slice(added.length);
    t.same(undone, ['DEL b', ...(order === 'parallel' ? ['DEL c'] : []), ...['DEL a', 'DEL loopback']]);
  }
});

t.test('undoing goes on where it fails; a former attachment is not undone', async (t) => {
  const { networks, seen, runtime, log } = stage(t, { a: failing('DEL'), b: failing('ADD') });
  await t.rejects(networks.setup(container), { message: /ADD fails/ });
  t.same(attached(runtime), []);
  t.match(log, [/^undoing a failed ADD: plugin type="a" failed \(delete\): DEL fails/]);
  const [first] = networks.networks;
  if (first === undefined) return;
  await runtime.addNetworkList(first.list, { containerId: 'c1', netns: container.netns, ifname: 'eth0' });
  seen.length = 0;
  await t.rejects(networks.setup(container), { message: /ADD fails/ });
  t.same(attached(runtime), ['net-a c1 eth0']);
  t.same(operations(seen), ['ADD a', 'ADD b', 'DEL b']);
});

t.test('all at once means all at once', async (t) => {
  let running = 0;
  let most = 0;
  const slow: Behaviour = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 20));
    running--;
  };
  const { networks } = stage(t, { a: slow, b: slow, c: slow });
  await networks.setup(container, { order: 'serial' });
  t.equal(most, 1);
  await networks.setup({ ...container, id: 'c2' });
  t.equal(most, 3);
});

t.test('remove goes on where one fails', async (t) => {
  const { networks, runtime, seen } = stage(t, { a: nothing, b: failing('DEL'), c: failing('DEL') });
  await networks.setup(container);
  seen.length = 0;
  await t.rejects(networks.remove(container), {
    code: 'ERR_REMOVE',
    message:
      'plugin type="c" failed (delete): DEL fails; on purpose\nplugin type="b" failed (delete): DEL fails; on purpose',
  });
  t.same(operations(seen), ['DEL c', 'DEL b', 'DEL a']);
  t.same(attached(runtime), ['net-b c1 eth1', 'net-c c1 eth2'], 'to be called again');
});

t.test('a plugin that finds nothing to delete is no failure', async (t) => {
  const says =
    (text: string): Behaviour =>
    (operation) => {
      if (operation === 'DEL') throw new Error(text);
    };
  const gone = stage(t, { a: says('Link not found') });
  await gone.networks.remove(container);
  const missing = stage(t, { a: says('open /x: no such file or directory') });
  await missing.networks.remove({ ...container, netns: '' });
  await t.rejects(missing.networks.remove(container), { message: /no such file/ });
});

t.test('what the configs have forgotten is removed by what the cache knows', async (t) => {
  const before = stage(t, { a: nothing, b: nothing });
  await before.networks.setup(container);
  const { runtime, seen } = before;
  // one network is gone, the other has become the first
  const after = new ContainerNetworks({ runtime, networks: [list('net-b', 'b', { mtu: 9 })] });
  seen.length = 0;
  await after.remove(container);
  t.same(operations(seen).sort(), ['DEL a', 'DEL b', 'DEL b']);
  t.same(
    seen.filter(([type]) => type === 'b').map(([, , config]) => config.mtu),
    [9, 9],
    'by its present config',
  );
  t.same(attached(runtime), []);
});

t.test('GC: who is not named goes, beside nobody', async (t) => {
  const { networks, runtime, seen } = stage(t, { a: nothing, b: failing('GC') }, { loopback: true });
  for (const id of ['c1', 'c2', 'c3']) await networks.setup({ ...container, id });
  // of a former config, by another interface
  const [, a] = networks.networks as [AttachedNetwork, AttachedNetwork];
  await runtime.addNetworkList(a.list, { containerId: 'c2', netns: '/x', ifname: 'old0' });
  seen.length = 0;
  const collecting = networks.gc(['c2', 'c4']);
  const adding = networks.setup({ ...container, id: 'c5' });
  await t.rejects(collecting, { code: 'ERR_GC', message: 'failed to GC plugin b: GC fails; on purpose' });
  await adding;
  const order = operations(seen);
  t.ok(order.lastIndexOf('GC b') < order.indexOf('ADD a'), 'setup waits');
  t.same(
    seen.find(([type, operation]) => type === 'a' && operation === 'GC')?.[2]['cni.dev/valid-attachments'],
    [
      { containerID: 'c2', ifname: 'eth0' },
      { containerID: 'c4', ifname: 'eth0' },
      { containerID: 'c2', ifname: 'old0' },
    ],
  );
  t.same(
    attached(runtime).filter((one) => !one.includes('c5')),
    ['cni-loopback c2 lo', 'net-a c2 eth0', 'net-a c2 old0', 'net-b c2 eth1'],
  );
});

t.test('a directory: limits, faults, status', async (t) => {
  const directory = temporaryDirectory(t);
  const conf = join(directory, 'net.d');
  const { runtime } = stage(t, { a: failing('STATUS'), b: nothing });
  const networks = new ContainerNetworks({ runtime, directory: conf, maxNetworks: 2, minNetworks: 2 });
  await t.rejects(networks.setup(container), { code: 'ERR_NOT_READY', message: /0 of at least 2 networks/ });
  t.throws(() => networks.load(), {
    code: 'ERR_NOT_READY',
    message: `no network config found in ${conf}: cni plugin not initialized`,
  });
  await t.rejects(networks.status(), { message: /no network config found/ });
  mkdirSync(conf);
  const write = (name: string, value: unknown): void =>
    writeFileSync(join(conf, name), typeof value === 'string' ? value : JSON.stringify(value));
  write('20-b.conf', { cniVersion: '1.1.0', name: 'nb', type: 'b' });
  networks.load();
  await t.rejects(networks.status(), { code: 'ERR_NOT_READY', message: /1 of at least 2 networks/ });
  write('10-a.conflist', { cniVersion: '1.1.0', name: 'na', plugins: [{ type: 'a' }] });
  write('30-c.json', { cniVersion: '1.1.0', name: 'nc', type: 'b' });
  write('05.txt', 'no config');
  t.same(
    networks.load().map(({ list: { name }, ifname }) => [name, ifname]),
    [
      ['na', 'eth0'],
      ['nb', 'eth1'],
    ],
  );
  await t.rejects(networks.status(), { code: 'ERR_CNI_123' });
  write('10-a.conflist', '{\n "name": 5 }');
  t.throws(() => networks.load(), { message: new RegExp(`^${conf}/10-a.conflist:2:2: `) });
  await t.rejects(networks.status(), { code: 'ERR_NETWORK_CONFIG' });
  t.equal(networks.networks.length, 2, 'the former ones stay in use');
  await networks.setup(container);
  rmSync(join(conf, '10-a.conflist'));
  networks.load();
  t.equal((await networks.status()).timings.length, 2);
});

t.test('the directory is watched, whatever becomes of it', { timeout: 30_000 }, async (t) => {
  const directory = temporaryDirectory(t);
  const conf = join(directory, 'cni', 'net.d');
  const { runtime } = stage(t, { a: nothing });
  const networks = new ContainerNetworks({ runtime, directory: conf, maxNetworks: Number.POSITIVE_INFINITY });
  let told: (() => void) | undefined;
  let failure: Error | undefined;
  const watch = networks.watch({
    reloaded: () => {
      failure = undefined;
      told?.();
    },
    failed: (error) => {
      failure = error;
      told?.();
    },
  });
  t.teardown(() => watch.close());
  const until = async (wanted: () => boolean): Promise<void> => {
    while (!wanted()) {
      await new Promise<void>((resolve) => {
        told = resolve;
      });
    }
  };
  const names = (): string =>
    networks.networks.map((one) => `${one.list.name}${one.list.plugins.length}`).join(' ');
  const conflist = (name: string, plugins: object[]): string =>
    JSON.stringify({ cniVersion: '1.1.0', name, plugins });
  mkdirSync(conf, { recursive: true });
  writeFileSync(join(conf, 'b.conflist'), conflist('b', [{ type: 'a' }]));
  await until(() => names() === 'b1');
  // as installers do
  writeFileSync(join(directory, 'draft'), conflist('a', [{ type: 'a' }]));
  renameSync(join(directory, 'draft'), join(conf, 'a.conflist'));
  await until(() => names() === 'a1 b1');
  writeFileSync(join(conf, 'a.conflist'), '{');
  await until(() => failure?.message.includes('a.conflist:1:2') === true);
  t.equal(names(), 'a1 b1');
  rmSync(join(conf, 'a.conflist'));
  await until(() => failure === undefined && names() === 'b1');
  mkdirSync(join(conf, 'b'));
  writeFileSync(join(conf, 'b', '1.conf'), '{"type": "a"}');
  await until(() => names() === 'b2');
  rmSync(conf, { recursive: true });
  await until(() => failure !== undefined);
  mkdirSync(conf);
  writeFileSync(join(conf, 'c.conflist'), conflist('c', [{ type: 'a' }]));
  await until(() => names() === 'c1');
  const stop = new AbortController();
  stop.abort();
  networks.watch({ signal: stop.signal }).close();
});
