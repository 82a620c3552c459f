import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'tap';
import { Lab } from '../support/lab.js';
import { CniHost, type Json } from './support/host.js';
import { eachCase, ipamOf, run } from './support/status.js';

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
    ['vrf', { type: 'vrf', vrfname: 'blue', prevResult: { cniVersion: '1.1.0' } }, 'table', '5'],
  ] as [string, Json, ...string[]][]) {
    const wrong = { code: 50, msg: new RegExp(`no link of kind "${kind}" can be made`) };
    const title = has(kind, ...args) ? 'the kernel has them' : 'the kernel has none';
    // vrf is chained: there must be an interface
    const withoutAdd = kind === 'vrf' && title.endsWith('them');
    eachCase(t, host, [title.endsWith('none') ? { title, config, wrong } : { title, config, withoutAdd }]);
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

test('devices', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  host.lab.run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'down0');
  const ipam = ipamOf(host);
  const tap = { type: 'tap', ipam };
  const device = { type: 'host-device', device: 'up0', dataDir: join(host.directory, 'devices') };
  const refused = { code: 50, msg: /not permitted/ };
  eachCase(t, host, [
    { title: 'a tap', config: tap },
    {
      title: 'no driver',
      config: tap,
      missing: 'tun',
      wrong: { code: 50, msg: /^failed to create tap: / },
    },
    { title: 'not allowed to', config: tap, missing: 'privileges', wrong: refused },
    { title: 'a device that is there', config: device },
    {
      title: 'that a runtime tells',
      config: { type: 'host-device', capabilities: { deviceID: true } },
      withoutAdd: true,
    },
    {
      title: 'no such device',
      config: { ...device, device: 'nobody' },
      wrong: { code: 50, msg: /^failed to find host device: Link not found/ },
    },
    {
      title: 'no device with the address',
      config: { ...device, device: '', hwaddr: '02:00:00:00:00:99' },
      wrong: { code: 50, msg: /^failed to find host device: failed to find physical interface/ },
    },
    {
      title: 'no device told',
      config: { type: 'host-device' },
      wrong: { code: 7, msg: /^specify either "device", "hwaddr", "kernelpath" or "pciBusID"/ },
    },
  ]);
  t.match(host.lab.ip('link', 'show', 'up0'), [{ ifname: 'up0' }], 'the device is the host’s again');
});

test('plugins that change an interface', { timeout: 120_000 }, async (t) => {
  const host = new CniHost(t);
  const prevResult = {
    cniVersion: '1.1.0',
    interfaces: [{ name: 'eth0', sandbox: '/run/netns/some' }],
    ips: [{ address: '10.64.0.9/24', interface: 0 }],
  };
  const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }];
  const portmap = { type: 'portmap', snat: false, prevResult, runtimeConfig: { portMappings } };
  const bandwidth = { type: 'bandwidth', ingressRate: 8e6, ingressBurst: 8e5, prevResult };
  const file = join(host.directory, 'file');
  writeFileSync(file, '');
  const tuning = {
    type: 'tuning',
    dataDir: join(host.directory, 'tuning'),
    sysctl: { 'net.core.somaxconn': '500' },
    prevResult,
  };
  eachCase(t, host, [
    { title: 'found by itself', config: portmap },
    { title: 'nftables', config: { ...portmap, backend: 'nftables' } },
    { title: 'iptables', config: { ...portmap, backend: 'iptables' } },
    {
      title: 'no iptables',
      config: { ...portmap, backend: 'iptables' },
      missing: 'iptables',
      wrong: { code: 50, msg: /^iptables cannot be used: iptables-restore is not installed/ },
    },
    { title: 'no iptables: nftables then', config: portmap, missing: 'iptables' },
    {
      title: 'not allowed to',
      config: { ...portmap, backend: 'nftables' },
      missing: 'privileges',
      wrong: { code: 50, msg: /^nftables cannot be used: .*not permitted/ },
    },
    {
      title: 'no such backend',
      config: { ...portmap, backend: 'ipfw' },
      wrong: { code: 7, msg: /backend/ },
    },
    { title: 'the kernel limits', config: bandwidth, withoutAdd: true },
    {
      title: 'not allowed to',
      config: bandwidth,
      missing: 'privileges',
      wrong: { code: 50, msg: /^this kernel does not limit traffic .*not permitted/ },
    },
    {
      title: 'a rate without burst',
      config: { ...bandwidth, ingressBurst: 0 },
      wrong: { code: 7, msg: /if rate is set, burst must also be set/ },
    },
    { title: 'nothing in the way', config: tuning },
    {
      title: 'nothing can be saved',
      config: { ...tuning, dataDir: join(file, 'tuning') },
      wrong: { code: 50, msg: /^settings cannot be saved: .*file is no directory/ },
    },
    {
      title: 'not a sysctl of the network',
      config: { ...tuning, sysctl: { 'kernel.hostname': 'x' } },
      wrong: { code: 7, msg: /kernel/ },
    },
  ]);
});
