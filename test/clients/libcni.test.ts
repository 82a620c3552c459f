import { enter, inside } from './support/enter.js';
import { ask, build, type Question } from './support/libcni.js';

// while there is a network to download it from
if (!inside) build();
enter('ip');

const { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } = await import('node:fs');
const { join } = await import('node:path');
const { test } = await import('tap');
const { installPlugins } = await import('../../host/cli/install.js');
const runtimes = await import('../../host/runtime/index.js');
const { pluginDirectory } = await import('./support/network.js');
const { must } = await import('./support/programs.js');
type Attachment = import('../../host/runtime/index.js').Attachment;

const { ContainerNetworks, NetworkConfigError, parseNetwork, readNetworkFile, Runtime } = runtimes;
const config = '/etc/cni/net.d';
const cache = '/var/lib/cni';

const plugins = [{ type: 'x' }];
const lists: unknown[] = [
  '{',
  '[]',
  'null',
  '5',
  '{"name": "a"} x',
  {},
  { name: 5 },
  { name: null },
  { name: '' },
  { name: 'a' },
  { name: 'a', plugins: [] },
  { name: 'a', plugins: {} },
  { name: 'a', plugins: null },
  { name: 'a', plugins: [5] },
  { name: 'a', plugins: [{}] },
  { name: 'a', plugins: [{ type: 5 }] },
  { name: 'a', plugins: [{ type: 'x' }, { type: '' }] },
  { name: 'a', plugins: [{ type: 'x', capabilities: { a: 5 } }] },
  { name: 'a', plugins, cniVersion: 5 },
  { name: 'a', plugins, cniVersion: '' },
  { name: 'a', plugins, cniVersion: '1.0.0' },
  { name: 'a', plugins, cniVersion: '9.0.0' },
  { name: 'a', plugins, cniVersion: 'x' },
  { name: 'a', plugins, cniVersions: 5 },
  { name: 'a', plugins, cniVersions: [] },
  { name: 'a', plugins, cniVersions: [5] },
  { name: 'a', plugins, cniVersions: ['x'] },
  { name: 'a', plugins, cniVersions: ['1.0.0.0'] },
  { name: 'a', plugins, cniVersions: ['1.x.0'] },
  { name: 'a', plugins, cniVersions: ['0.4.0', '1.0.0', '0.3.1'] },
  { name: 'a', plugins, cniVersions: ['0.4.0', '9.0.0'], cniVersion: '1.0.0' },
  { name: 'a', plugins, cniVersions: ['9.0.0'], cniVersion: '8.0.0' },
  { name: 'a', plugins, cniVersions: ['1.0.0'], cniVersion: 'y' },
  ...[true, false, 'true', 'FALSE', 'maybe', 5, null].flatMap((value) => [
    { name: 'a', plugins, disableCheck: value },
    { name: 'a', plugins, disableGC: value },
    { name: 'a', plugins, loadOnlyInlinedPlugins: value },
  ]),
  { name: 'a', loadOnlyInlinedPlugins: true },
  { name: 'beside' },
  { name: 'beside', plugins },
  { name: 'beside', plugins, loadOnlyInlinedPlugins: true },
  { name: 'beside-broken', plugins },
];

/** Texts of Go's JSON decoder, which nobody else has; and one where libcni names the type that it wants for the one it has. */
const ownWords =
  /invalid character|unexpected end of JSON|cannot unmarshal|json:|for cniVersions: \[\]interface/;
/** What no number is, in the words of Go's library and in ours. */
const noNumber = /: (strconv\.Atoi: parsing .*|expected a number)$/;

test('the same configs are read, and refused with the same words', { timeout: 200_000 }, async (t) => {
  for (const [name, text] of [
    ['beside/2.conf', '{"type": "second"}'],
    ['beside/1.conf', '{"type": "first"}'],
    ['beside/3.json', '{"type": "no"}'],
    ['beside-broken/1.conf', '{"no": 1}'],
  ] as const) {
    mkdirSync(join(config, name, '..'), { recursive: true });
    writeFileSync(join(config, name), text);
  }
  const file = join(config, 'a.conflist');
  for (const list of lists) {
    const text = typeof list === 'string' ? list : JSON.stringify(list);
    writeFileSync(file, text);
    const { value, error = '' } = ask('load', { file });
    try {
      const { name, cniVersion, disableCheck, disableGC, plugins } = readNetworkFile(file);
      const Types = plugins.map(({ type }) => type);
      const DisableCheck = disableCheck;
      const DisableGC = disableGC;
      // theirs keeps an empty version where there is none, and reads it so
      const found = value && { ...value, CNIVersion: value.CNIVersion || '0.1.0' };
      t.same({ Name: name, CNIVersion: cniVersion, DisableCheck, DisableGC, Types }, found ?? error, text);
    } catch (thrown) {
      if (!(thrown instanceof NetworkConfigError)) throw thrown;
      t.ok(error !== '', `libcni refuses it too: ${text}: ${thrown.message}`);
      const [said, ours] = [error, thrown.reason].map((one) => one.replace(noNumber, ''));
      if (!ownWords.test(error)) t.ok(said?.includes(ours ?? ''), `${text}: ${error} | ${ours}`);
    }
  }
  rmSync(config, { recursive: true });
  mkdirSync(config);
});

test('the right one of a directory', { timeout: 100_000 }, async (t) => {
  const write = (name: string, value: object): void =>
    writeFileSync(join(config, name), JSON.stringify(value));
  write('10-a.conflist', { name: 'a', cniVersion: '1.0.0', plugins });
  write('15-b.conf', { name: 'b', cniVersion: '0.4.0', type: 'conf' });
  write('16-b.json', { name: 'b', cniVersion: '0.3.1', type: 'json' });
  write('20-b.txt', { name: 'c', type: 'no' });
  write('30-a.conf', { name: 'a', type: 'late' });
  for (const network of ['a', 'b', 'c']) {
    const { value, error } = ask('load', { directory: config, network });
    try {
      const list = runtimes.loadNetworkList(config, network);
      t.same(
        [list.name, list.cniVersion, list.plugins[0]?.type],
        [value.Name, value.CNIVersion, value.Types[0]],
      );
    } catch (thrown) {
      t.equal((thrown as Error).message, error);
    }
  }
  rmSync(config, { recursive: true });
  mkdirSync(config);
});

const text = `{
  "cniVersion": "1.1.0", "name": "net",
  "plugins": [
    { "type": "bridge", "bridge": "br0", "isGateway": true, "capabilities": { "ips": true, "other": false },
      "ipam": { "type": "host-local", "subnet": "10.88.0.0/24", "routes": [{ "dst": "0.0.0.0/0" }] } },
    { "type": "portmap", "name": "<&>", "capabilities": { "portMappings": true } }
  ]
}
`;

const attachment: Attachment = {
  containerId: 'c1',
  netns: '/run/netns/a',
  ifname: 'eth0',
  args: [
    ['IgnoreUnknown', '1'],
    ['K8S_POD_NAME', 'web'],
  ],
  capabilities: {
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
    ips: ['10.88.0.77/24'],
    other: { b: '<x>\u2028', a: [1.5, null] },
  },
};

/** The same for libcni. */
function questionOf({ containerId, netns, ifname, args, capabilities }: Attachment): Question {
  return {
    ...{ directory: config, network: 'net', path: [pluginDirectory], cacheDirectory: cache },
    ...{ containerID: containerId, netNS: netns, ifName: ifname, args, capabilities },
  };
}

function leases(): string[] {
  return readdirSync('/var/lib/cni/networks/net')
    .filter((name) => /^10\./.test(name))
    .sort();
}

test('either goes on where the other has begun', { timeout: 200_000 }, async (t) => {
  installPlugins({ directory: pluginDirectory });
  for (const name of ['a', 'b']) await must('ip', ['netns', 'add', name]);
  writeFileSync(join(config, 'net.conflist'), text);
  const list = runtimes.loadNetworkList(config, 'net');
  const file = join(cache, 'results/net-c1-eth0');
  const theirs = (operation: string, more: Question = {}, of = attachment) => {
    const { value, error } = ask(operation, { ...questionOf(of), ...more });
    t.equal(error, undefined, operation);
    return value;
  };
  for (const inProcess of [true, false]) {
    const ours = new Runtime({ path: [pluginDirectory], cacheDirectory: cache, inProcess });
    // theirs, then ours
    const added = theirs('add');
    const written = readFileSync(file, 'utf8');
    t.same(ours.cachedResult(list, attachment), added);
    const [cached] = ours.cache.list('c1');
    t.match(cached, { network: 'net', config: text, attachment });
    await ours.checkNetworkList(list, attachment);
    await ours.delNetworkList(list, attachment);
    t.same(leases(), []);
    t.same(theirs('cached'), []);
    // ours, then theirs
    const { output } = await ours.addNetworkList(list, attachment);
    t.same(output.ips, added.ips);
    const withoutRandom = (content: string): string =>
      content.replaceAll(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'mac').replaceAll(/veth[0-9a-f]{8}/g, 'veth');
    t.equal(withoutRandom(readFileSync(file, 'utf8')), withoutRandom(written), 'byte by byte');
    t.same(theirs('cachedResult'), output);
    t.match(theirs('cachedConfig'), {
      config: text,
      args: attachment.args,
      capabilities: attachment.capabilities,
    });
    t.match(theirs('cached'), [{ ContainerID: 'c1', Network: 'net', IfName: 'eth0', NetNS: '/run/netns/a' }]);
    theirs('check');
    theirs('status');
    theirs('del');
    t.same(leases(), []);
    t.same(ours.cache.list(), []);
    // GC of what the other knows
    const second = { ...attachment, containerId: 'c2', netns: '/run/netns/b', capabilities: {} };
    for (const [gc, adders] of [
      ['ours', ['theirs', 'ours']],
      ['theirs', ['ours', 'theirs']],
    ] as const) {
      for (const [i, of] of [attachment, second].entries()) {
        if (adders[i] === 'ours') await ours.addNetworkList(list, of);
        else theirs('add', {}, of);
      }
      const valid = [{ containerID: 'c2', ifname: 'eth0' }];
      if (gc === 'ours') await ours.gcNetworkList(list, valid);
      else theirs('gc', { valid });
      t.equal(leases().length, 1, `${gc} leaves the valid one`);
      t.same(
        ours.cache.list().map((one) => one.attachment.containerId),
        ['c2'],
      );
      await ours.delNetworkList(list, second);
    }
  }
  t.notMatch(await must('ip', ['-br', 'link']), /veth/);
});

test('single plugins, both ways', { timeout: 100_000 }, async (t) => {
  const file = join(config, 'net.conf');
  const single = `{ "cniVersion": "1.0.0", "name": "net", "type": "ptp",
    "ipam": { "type": "host-local", "subnet": "10.88.0.0/24" } }`;
  writeFileSync(file, single);
  rmSync(join(config, 'net.conflist'), { force: true });
  const network = parseNetwork(single, file);
  const ours = new Runtime({ path: [pluginDirectory], cacheDirectory: cache });
  const one = { ...attachment, args: [], capabilities: {} };
  const theirs = (operation: string) => ask(operation, { ...questionOf(one), file });
  const written = join(cache, 'results/net-c1-eth0');
  await ours.addNetworkList(network, one);
  const content = JSON.parse(readFileSync(written, 'utf8'));
  t.equal(theirs('checkSingle').error, undefined);
  t.equal(theirs('delSingle').error, undefined);
  t.same(leases(), []);
  t.equal(theirs('addSingle').error, undefined);
  t.same(JSON.parse(readFileSync(written, 'utf8')).config, content.config);
  await ours.checkNetworkList(network, one);
  await ours.delNetworkList(network, one);
  t.same(leases(), []);
  rmSync(file);
});

test('failures are told in the same words', { timeout: 100_000 }, async (t) => {
  const directory = '/run/failing';
  mkdirSync(directory);
  const ours = new Runtime({
    path: [directory],
    cacheDirectory: cache,
    inProcess: false,
    log: () => undefined,
  });
  const one = { ...attachment, args: [], capabilities: {} };
  const bodies = [
    'exit 2',
    'echo oops >&2; exit 1',
    'echo \'{"code": 50, "msg": "a", "details": "b"}\'; exit 1',
    'echo \'{"code": 7, "msg": "a"}\'; exit 1',
    'true',
  ];
  for (const [i, body] of [...bodies, undefined].entries()) {
    const type = `bad${i}`;
    if (body !== undefined) {
      writeFileSync(join(directory, type), `#!/bin/sh\ncat > /dev/null\n${body}\n`);
      chmodSync(join(directory, type), 0o755);
    }
    const list = { cniVersion: '1.1.0', name: 'net', plugins: [{ type, name: i === 1 ? 'x' : undefined }] };
    writeFileSync(join(config, 'net.conflist'), JSON.stringify(list));
    const network = runtimes.loadNetworkList(config, 'net');
    const calls = {
      add: () => ours.addNetworkList(network, one),
      del: () => ours.delNetworkList(network, one),
      status: () => ours.statusNetworkList(network),
      check: () => ours.checkNetworkList(network, one),
      gc: () => ours.gcNetworkList(network, []),
    };
    for (const [operation, call] of Object.entries(calls)) {
      const { error } = ask(operation, { ...questionOf(one), path: [directory], valid: [] });
      if (operation === 'add' && body === 'true') continue; // no output is an empty result to us
      const said = await call().then(
        () => undefined,
        ({ message }: Error) => message,
      );
      t.equal(said, error, `${operation} ${body}`);
    }
    await ours.delNetworkList(network, one).catch(() => undefined);
  }
  rmSync(join(config, 'net.conflist'));
});

test('go-cni: what one sets up the other removes', { timeout: 200_000 }, async (t) => {
  const bridge = (name: string, net: string): object => ({
    cniVersion: '1.0.0',
    name,
    plugins: [
      {
        type: 'bridge',
        bridge: `br-${name}`,
        isGateway: true,
        dns: { nameservers: [`${net}.1`] },
        ipam: { type: 'host-local', subnet: `${net}.0/24`, dataDir: '/var/lib/cni/networks' },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  });
  writeFileSync(join(config, '10-red.conflist'), JSON.stringify(bridge('red', '10.89.0')));
  writeFileSync(join(config, '20-blue.conflist'), JSON.stringify(bridge('blue', '10.90.0')));
  const runtime = new Runtime({ path: [pluginDirectory], cacheDirectory: cache });
  const networks = new ContainerNetworks({ runtime, directory: config, maxNetworks: 2 });
  networks.load();
  const labels = { IgnoreUnknown: '1', K8S_POD_NAME: 'web' };
  const container = {
    id: 'c1',
    netns: '/run/netns/a',
    labels,
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
  };
  const theirs = (operation: string, more: Question = {}) =>
    ask(operation, {
      ...{ directory: config, path: [pluginDirectory], maximum: 2, containerID: 'c1', netNS: '/run/netns/a' },
      portMappings: [{ HostPort: 8080, ContainerPort: 80, Protocol: 'tcp' }],
      labels,
      ...more,
    });
  const left = (): string[] =>
    ['red', 'blue'].flatMap((name) =>
      readdirSync(`/var/lib/cni/networks/${name}`).filter((one) => one.startsWith('10.')),
    );
  t.equal(theirs('ready').error, undefined);
  await networks.status();
  const { value, error } = theirs('setup');
  t.equal(error, undefined);
  await networks.check(container);
  await networks.remove({ id: 'c1', netns: '/run/netns/a' });
  t.same(left(), []);
  const { interfaces, dns } = await networks.setup(container);
  for (const name of ['eth0', 'eth1']) {
    const [ip] = value.Interfaces[name].IPConfigs;
    const [address] = interfaces[name]?.addresses ?? [];
    // the next free ones, of the same networks
    t.equal(address?.gateway, ip.Gateway, name);
    t.equal(address?.address.split('.').slice(0, 3).join('.'), ip.IP.split('.').slice(0, 3).join('.'), name);
    t.equal(interfaces[name]?.sandbox, value.Interfaces[name].Sandbox);
  }
  t.same(dns.nameservers, ['10.89.0.1', '10.90.0.1']);
  t.match(await must('nft', ['list', 'ruleset']), /dport 8080/);
  t.equal(theirs('remove').error, undefined);
  t.same(left(), []);
  t.same(runtime.cache.list(), []);
  t.notMatch(await must('nft', ['list', 'ruleset']), /dport 8080/);
  t.notMatch(await must('ip', ['-br', 'link']), /veth/);
});
