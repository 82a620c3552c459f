import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { Lab } from '../support/lab.js';
import { CniHost, type Container, type Json } from './support/host.js';

type Outcome = { readonly status: number | null; readonly json: Json; readonly text: string };

/** Programs that a plugin is started by, to spoil what it finds. */
const without = {
  nothing: [],
  // of a view of the files that is the plugin's own
  iptables: [
    'unshare',
    '--mount',
    'sh',
    '-c',
    'mount --bind /dev/null "$(readlink -f "$(command -v iptables-restore)")" && exec "$0"',
  ],
  privileges: ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'],
} as const;

function run(
  host: CniHost,
  command: string,
  config: Json,
  container: Container,
  missing: keyof typeof without = 'nothing',
): Outcome {
  const env = {
    PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
    CNI_COMMAND: command,
    CNI_CONTAINERID: container.id,
    CNI_NETNS: container.lab.path,
    CNI_IFNAME: 'eth0',
    CNI_PATH: join(host.directory, 'bin'),
  };
  const [file = '', ...args] = [...without[missing], host.file('ours', String(config.type))];
  const { status, stdout, stderr, error } = host.lab.namespace.run(() =>
    spawnSync(file, args, { env, input: JSON.stringify(config), encoding: 'utf8' }),
  );
  if (error !== undefined) throw error;
  let json: Json = {};
  try {
    json = JSON.parse(stdout) as Json;
  } catch {
    // STATUS prints nothing when all is well
  }
  return { status, json, text: `${stdout}${stderr}` };
}

interface Case {
  readonly title: string;
  readonly config: Json;
  readonly missing?: keyof typeof without;
  /** What STATUS says; success when left out. */
  readonly wrong?: { readonly code: number; readonly msg: RegExp };
  /** ADD succeeds although STATUS says no, or needs more than a test gives it. */
  readonly withoutAdd?: boolean;
}

/** STATUS says what is expected, and ADD does what STATUS says. */
function eachCase(t: Test, host: CniHost, cases: readonly Case[]): void {
  for (const { title, config: given, missing, wrong, withoutAdd } of cases) {
    const config = { cniVersion: '1.1.0', name: 'net', ...given };
    const what = `${given.type}: ${title}`;
    const container = host.container();
    const status = run(host, 'STATUS', config, container, missing);
    if (wrong === undefined) t.equal(status.status, 0, `${what}: ${status.text}`);
    else t.match(status.json, wrong, what);
    if (withoutAdd) continue;
    const added = run(host, 'ADD', config, container, missing);
    t.equal(added.status, wrong === undefined ? 0 : 1, `${what}: ADD: ${added.text}`);
    const deleted = run(host, 'DEL', config, container);
    t.equal(deleted.status, 0, `${what}: DEL: ${deleted.text}`);
  }
}

function ipamOf(host: CniHost, extra: Json = {}): Json {
  return {
    type: 'host-local',
    dataDir: host.dataDir,
    ranges: [[{ subnet: '10.64.0.0/24' }]],
    ...extra,
  };
}

test('IPAM plugins', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  const file = join(host.directory, 'file');
  writeFileSync(file, '');
  const type = 'host-local';
  eachCase(t, host, [
    { title: 'addresses left', config: { type, ipam: ipamOf(host) } },
    {
      title: 'no directory for leases',
      config: { type, ipam: ipamOf(host, { dataDir: `${file}/leases` }) },
      wrong: { code: 50, msg: /^cannot keep leases in .*: not a directory/ },
    },
    {
      title: 'no resolv.conf',
      config: { type, ipam: ipamOf(host, { resolvConf: '/no/such/file' }) },
      wrong: { code: 50, msg: /^open \/no\/such\/file: no such file or directory/ },
    },
    {
      title: 'no range',
      config: { type, ipam: ipamOf(host, { ranges: [] }) },
      wrong: { code: 7, msg: /no IP ranges specified/ },
    },
    {
      title: 'no daemon',
      config: { type: 'dhcp', ipam: { type: 'dhcp', daemonSocketPath: `${host.directory}/none.sock` } },
      wrong: { code: 50, msg: /^error dialing DHCP daemon: dial unix .*: no such file or directory/ },
    },
    {
      title: 'addresses',
      config: { type: 'static', ipam: { type: 'static', addresses: [{ address: '10.64.0.9/24' }] } },
    },
    {
      title: 'no prefix',
      config: { type: 'static', ipam: { type: 'static', addresses: [{ address: '10.64.0.9' }] } },
      wrong: { code: 7, msg: /expected to be in CIDR notation/ },
    },
  ]);
  const full = {
    type,
    cniVersion: '1.1.0',
    name: 'full',
    ipam: ipamOf(host, { ranges: [[{ subnet: '10.65.0.0/30' }]] }),
  };
  const holder = host.container();
  t.equal(run(host, 'ADD', full, holder).status, 0);
  const exhausted = { code: 50, msg: /^no IP addresses available in range set: 10\.65\.0\.1-10\.65\.0\.2/ };
  eachCase(t, host, [{ title: 'range exhausted', config: full, wrong: exhausted }]);
  const bridge = { ...full, type: 'bridge' };
  eachCase(t, host, [{ title: 'its IPAM says no', config: bridge, wrong: exhausted }]);
  eachCase(t, host, [{ title: 'its IPAM says no', config: { ...full, type: 'ptp' }, wrong: exhausted }]);
  t.equal(run(host, 'DEL', full, holder).status, 0);
  eachCase(t, host, [{ title: 'its IPAM says yes again', config: bridge }]);
});

test('the daemon of dhcp', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const socket = join(host.directory, 'dhcp.sock');
  const args = ['daemon', '-socketpath', socket];
  const daemon: ChildProcess = spawn(host.file('ours', 'dhcp'), args, {
    env: { PATH: process.env.PATH },
    stdio: 'ignore',
  });
  t.teardown(() => daemon.kill());
  while (!existsSync(socket) && daemon.exitCode === null) await sleep(20);
  const config = { type: 'dhcp', ipam: { type: 'dhcp', daemonSocketPath: socket } };
  eachCase(t, host, [{ title: 'a daemon that answers', config, withoutAdd: true }]);
  const gc = { cniVersion: '1.1.0', name: 'net', ...config, 'cni.dev/valid-attachments': [] };
  const collected = run(host, 'GC', gc, host.container());
  t.equal(collected.status, 0, `it understands GC: ${collected.text}`);
  daemon.kill('SIGKILL');
  await new Promise((resolve) => daemon.once('close', resolve));
  eachCase(t, host, [
    { title: 'a daemon that was killed', config, wrong: { code: 50, msg: /connect: connection refused/ } },
  ]);
});

test('plugins on the host', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  host.lab.run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'down0');
  host.lab.run('ip', 'link', 'set', 'up0', 'up');
  const ipam = ipamOf(host);
  const bridge = { type: 'bridge', bridge: 'br0', isGateway: true, ipMasq: true, ipam };
  const ptp = { type: 'ptp', ipMasq: true, ipam };
  eachCase(t, host, [
    { title: 'nothing in the way', config: bridge },
    { title: 'nothing in the way, iptables', config: { ...bridge, ipMasqBackend: 'iptables' } },
    { title: 'with spoof checks', config: { ...bridge, macspoofchk: true } },
    {
      title: 'the name is another link’s',
      config: { ...bridge, bridge: 'up0' },
      wrong: { code: 50, msg: /^"up0" already exists but is not a bridge/ },
    },
    {
      title: 'no iptables',
      config: { ...bridge, ipMasqBackend: 'iptables' },
      missing: 'iptables',
      wrong: { code: 50, msg: /^failed to locate iptables: iptables is not installed/ },
    },
    { title: 'no iptables, but nobody needs it', config: bridge, missing: 'iptables' },
    {
      title: 'not allowed to',
      config: bridge,
      missing: 'privileges',
      wrong: { code: 50, msg: /Operation not permitted/ },
    },
    {
      title: 'a config that contradicts itself',
      config: { ...bridge, hairpinMode: true, promiscMode: true },
      wrong: { code: 7, msg: /cannot set hairpin mode and promiscuous mode/ },
    },
    { title: 'nothing in the way', config: ptp },
    {
      title: 'no iptables',
      config: { ...ptp, ipMasqBackend: 'iptables' },
      missing: 'iptables',
      wrong: { code: 50, msg: /^failed to locate iptables/ },
    },
    {
      title: 'not allowed to',
      config: ptp,
      missing: 'privileges',
      wrong: { code: 50, msg: /not permitted/ },
    },
    {
      title: 'masquerading without addresses',
      config: { type: 'ptp', ipMasq: true },
      wrong: { code: 7, msg: /ipMasq needs addresses/ },
    },
    { title: 'nothing in the way', config: { type: 'macvlan', master: 'up0', ipam } },
    {
      title: 'no master',
      config: { type: 'macvlan', master: 'nobody', ipam },
      wrong: { code: 50, msg: /^failed to lookup master "nobody": Link not found/ },
    },
    {
      title: 'no default route to find a master by',
      config: { type: 'macvlan', ipam },
      wrong: { code: 50, msg: /^no default route interface found/ },
    },
    {
      title: 'too much for the master',
      config: { type: 'macvlan', master: 'up0', mtu: 9000, ipam },
      wrong: { code: 7, msg: /invalid MTU 9000/ },
    },
    { title: 'always', config: { type: 'loopback' } },
  ]);
});

test('kinds of links that not every kernel has', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  host.lab.run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'down0');
  host.lab.run('ip', 'link', 'set', 'up0', 'up');
  const has = (kind: string, ...args: string[]): boolean => {
    const lab = new Lab(t);
    lab.run('ip', 'link', 'add', 'below', 'type', 'veth', 'peer', 'other');
    const made = lab.namespace.execSync('ip', [
      'link',
      'add',
      'link',
      'below',
      'name',
      'x',
      'type',
      kind,
      ...args,
    ]);
    return made.status === 0;
  };
  const ipam = ipamOf(host);
  for (const [kind, config, ...args] of [
    ['ipvlan', { type: 'ipvlan', master: 'up0', ipam }],
    ['vlan', { type: 'vlan', master: 'up0', vlanId: 5, ipam }, 'id', '5'],
    ['dummy', { type: 'dummy', ipam }],
  ] as [string, Json, ...string[]][]) {
    const wrong = { code: 50, msg: new RegExp(`no link of kind "${kind}" can be made`) };
    const title = has(kind, ...args) ? 'the kernel has them' : 'the kernel has none';
    eachCase(t, host, [title.endsWith('none') ? { title, config, wrong } : { title, config }]);
  }
});

test('plugins after others', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  const firewall = {
    type: 'firewall',
    prevResult: { cniVersion: '1.1.0', interfaces: [{ name: 'br0' }], ips: [{ address: '10.64.0.9/24' }] },
  };
  const subnetFile = join(host.directory, 'subnet.env');
  const network = 'FLANNEL_NETWORK=10.72.0.0/16\nFLANNEL_SUBNET=10.72.5.1/24\n';
  writeFileSync(subnetFile, `${network}FLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n`);
  const flannel = {
    type: 'flannel',
    subnetFile,
    dataDir: join(host.directory, 'flannel'),
    ipam: { dataDir: host.dataDir },
  };
  const stale = { title: 'the bridge has another subnet’s address', config: flannel };
  eachCase(t, host, [
    { title: 'found by itself', config: firewall },
    { title: 'nftables', config: { ...firewall, backend: 'nftables' } },
    { title: 'iptables', config: { ...firewall, backend: 'iptables' } },
    {
      title: 'no iptables',
      config: { ...firewall, backend: 'iptables' },
      missing: 'iptables',
      wrong: { code: 50, msg: /^failed to locate iptables/ },
    },
    { title: 'no iptables: nftables then', config: firewall, missing: 'iptables' },
    {
      title: 'not allowed to',
      config: { ...firewall, backend: 'nftables' },
      missing: 'privileges',
      wrong: { code: 50, msg: /^no nftables for the firewall: .*not permitted/ },
    },
    {
      title: 'no firewalld',
      config: { ...firewall, backend: 'firewalld' },
      wrong: { code: 50, msg: /^firewalld does not run/ },
    },
    {
      title: 'no such policy',
      config: { ...firewall, ingressPolicy: 'closed' },
      wrong: { code: 7, msg: /unknown ingress policy: "closed"/ },
    },
    { title: 'the kernel has rules', config: { type: 'sbr' }, withoutAdd: true },
    { title: 'a subnet', config: flannel },
    {
      title: 'no subnet',
      config: { ...flannel, subnetFile: '/no/such/file' },
      wrong: { code: 50, msg: /^failed to load flannel 'subnet.env' file: open \/no\/such\/file/ },
    },
  ]);
  host.lab.run('ip', 'link', 'add', 'cni0', 'type', 'bridge');
  host.lab.run('ip', 'address', 'add', '10.72.4.1/24', 'dev', 'cni0');
  eachCase(t, host, [
    { ...stale, wrong: { code: 51, msg: /^the bridge "cni0" has the address 10\.72\.4\.1\/24/ } },
  ]);
});
