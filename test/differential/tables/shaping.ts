import type { Json } from '../../plugins/support/host.js';
import type { Step, Table } from '../row.js';
import { chainVersions, dualStack, fixed, local } from './common.js';

const behind = (...plugins: Json[]): Json[] => [{ type: 'ptp', ipam: local() }, ...plugins];
const limit = (extra: Json = {}): Json => ({ type: 'bandwidth', ...extra });
const BURST = 8_000_000;

export const bandwidth: Table = {
  plugin: 'bandwidth',
  rows: [
    {
      id: 'ingress',
      plugins: behind(limit({ ingressRate: 10_000_000, ingressBurst: BURST })),
      versions: chainVersions,
    },
    { id: 'egress', plugins: behind(limit({ egressRate: 10_000_000, egressBurst: BURST })), exchange: true },
    {
      id: 'both',
      plugins: behind(
        limit({
          ingressRate: 8_000_000,
          ingressBurst: BURST,
          egressRate: 16_000_000,
          egressBurst: 9_000_000,
        }),
      ),
      versions: ['0.4.0', '1.0.0'],
      exchange: true,
    },
    {
      id: 'behind a bridge',
      plugins: [
        { type: 'bridge', bridge: 'br-test', ipam: local() },
        limit({ ingressRate: 8_000_000, ingressBurst: BURST, egressRate: 8_000_000, egressBurst: BURST }),
      ],
      containers: 2,
    },
    {
      id: 'of runtimeConfig',
      plugins: behind(
        limit({
          runtimeConfig: {
            bandwidth: {
              ingressRate: 8_000_000,
              ingressBurst: BURST,
              egressRate: 8_000_000,
              egressBurst: BURST,
            },
          },
        }),
      ),
    },
    {
      id: 'of runtimeConfig as go-cni spells it',
      plugins: behind(
        limit({
          runtimeConfig: {
            bandwidth: { IngressRate: 8_000_000, IngressBurst: BURST, EgressRate: 0, EgressBurst: 0 },
          },
        }),
      ),
    },
    {
      id: 'config before runtimeConfig',
      plugins: behind(
        limit({
          ingressRate: 8_000_000,
          ingressBurst: BURST,
          runtimeConfig: { bandwidth: { egressRate: 8_000_000, egressBurst: BURST } },
        }),
      ),
    },
    { id: 'no limits', plugins: behind(limit()) },
    { id: 'odd numbers', plugins: behind(limit({ ingressRate: 12_345_679, ingressBurst: 1_234_567 })) },
    {
      id: 'a fast one',
      plugins: behind(limit({ ingressRate: 40_000_000_000, ingressBurst: 2_147_483_647 })),
    },
    {
      id: 'rate without burst',
      plugins: behind(limit({ ingressRate: 8_000_000 })),
      fails: /if rate is set, burst must also be set/,
    },
    {
      id: 'burst without rate',
      plugins: behind(limit({ egressBurst: BURST })),
      fails: /if burst is set, rate must also be set/,
    },
    {
      id: 'burst of 4 GB',
      plugins: behind(limit({ ingressRate: 8_000_000, ingressBurst: 34_359_738_368 })),
      fails: /burst cannot be more than 4GB/,
    },
    {
      id: 'without a plugin before',
      plugins: [limit({ ingressRate: 8_000_000, ingressBurst: BURST })],
      fails: /must be called as (a )?chained plugin/,
    },
    {
      id: 'CHECK: another rate',
      plugins: behind(limit({ ingressRate: 8_000_000, ingressBurst: BURST })),
      beforeCheck: [
        "host: tc qdisc replace dev $(ip -o link show type veth | sed 's/^[0-9]*: \\([^@:]*\\).*/\\1/') root handle 1: tbf rate 2mbit burst 1mb latency 25ms",
      ],
      checkFails: /Rate|rate/,
    },
  ],
};

/** A result for plugins behind: of a veth pair that is there already. */
const given: Json = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'eth0', sandbox: '$NETNS' }],
  ips: [{ address: '10.62.0.2/24', interface: 0 }],
};
const pair: Step[] = [
  'pod: ip link add eth0 type veth peer name eth9; ip link set eth0 up; ip link set eth9 up',
];
const tune = (extra: Json): Json[] => [
  { type: 'tuning', dataDir: '$DIR/tuning', prevResult: given, ...extra },
];
const withPair = { prepare: pair };

export const tuning: Table = {
  plugin: 'tuning',
  rows: [
    {
      id: 'sysctls',
      ...withPair,
      plugins: tune({ sysctl: { 'net.core.somaxconn': '500', 'net.ipv4.conf.IFNAME.arp_filter': '1' } }),
      exchange: true,
    },
    {
      id: 'sysctls with slashes',
      ...withPair,
      plugins: tune({ sysctl: { 'net/ipv4/conf/IFNAME/log_martians': '1' } }),
    },
    {
      id: 'sysctls of args',
      ...withPair,
      plugins: tune({
        sysctl: { 'net.core.somaxconn': '500' },
        args: { cni: { sysctl: { 'net.ipv4.ip_local_port_range': '4096 61000' } } },
      }),
      checkFails: /^$|ip_local_port_range/,
    },
    { id: 'mac', ...withPair, plugins: tune({ mac: '02:00:00:00:00:07' }), exchange: true },
    {
      id: 'mac of runtimeConfig',
      ...withPair,
      plugins: tune({ mac: '02:00:00:00:00:07', runtimeConfig: { mac: '02:00:00:00:00:08' } }),
    },
    {
      id: 'mac of args',
      ...withPair,
      plugins: tune({
        runtimeConfig: { mac: '02:00:00:00:00:08' },
        args: { cni: { mac: '02:00:00:00:00:09' } },
      }),
    },
    {
      id: 'mac of CNI_ARGS',
      ...withPair,
      plugins: tune({ mac: '02:00:00:00:00:07' }),
      environment: { CNI_ARGS: 'IgnoreUnknown=1;MAC=02:00:00:00:00:05' },
    },
    { id: 'mtu', ...withPair, plugins: tune({ mtu: 1400 }) },
    { id: 'promiscuous', ...withPair, plugins: tune({ promisc: true }) },
    { id: 'all multicast', ...withPair, plugins: tune({ allmulti: true }) },
    {
      id: 'all of it',
      ...withPair,
      plugins: tune({ mac: '02:00:00:00:00:07', mtu: 1300, promisc: true, allmulti: true }),
      exchange: true,
    },
    {
      id: 'behind a bridge',
      plugins: [
        { type: 'bridge', bridge: 'br-test', ipam: local() },
        { type: 'tuning', dataDir: '$DIR/tuning', mtu: 1400, mac: '02:00:00:00:00:07' },
      ],
      versions: ['0.3.1', '1.0.0'],
    },
    { id: 'nothing', ...withPair, plugins: tune({}) },
    {
      id: 'a sysctl that is not of the network',
      ...withPair,
      plugins: tune({ sysctl: { 'kernel.shmmax': '500' } }),
      fails: /invalid net sysctl key: "kernel[./]shmmax"/,
    },
    {
      id: 'a sysctl that is not there',
      ...withPair,
      plugins: tune({ sysctl: { 'net.ipv4.no_such': '1' } }),
      fails: /net\/ipv4\/no_such: no such file or directory/,
    },
    {
      id: 'a value that is refused',
      ...withPair,
      plugins: tune({ sysctl: { 'net.ipv4.conf.IFNAME.arp_filter': 'many' } }),
      fails: /arp_filter.*invalid argument/,
    },
    { id: 'mac that is none', ...withPair, plugins: tune({ mac: 'nonsense' }), fails: /nonsense/ },
    {
      id: 'without a plugin before',
      plugins: [{ type: 'tuning', dataDir: '$DIR/tuning', mtu: 1400 }],
      fails: /Required prevResult missing/,
    },
    { id: 'interface not there', plugins: tune({ mtu: 1400 }), fails: /eth0.*not found|eth0/ },
    {
      id: 'unknown CNI_ARGS',
      ...withPair,
      plugins: tune({ mtu: 1400 }),
      environment: { CNI_ARGS: 'FOO=bar' },
      fails: /ARGS: unknown args \["FOO=bar"\]/,
    },
    {
      id: 'namespace gone before DEL',
      ...withPair,
      plugins: tune({ mtu: 1400 }),
      beforeDelete: ['host: ip netns delete $POD'],
    },
    {
      id: 'CHECK: another mtu',
      ...withPair,
      plugins: tune({ mtu: 1400 }),
      beforeCheck: ['pod: ip link set eth0 mtu 1300'],
      checkFails: /Error: Tuning configured MTU of eth0 is 1400, current value is 1300/,
    },
    {
      id: 'CHECK: another value',
      ...withPair,
      plugins: tune({ sysctl: { 'net.core.somaxconn': '500' } }),
      beforeCheck: ['pod: sysctl -qw net.core.somaxconn=400'],
      checkFails:
        /Error: Tuning configured value of (\/proc\/sys\/)?net\/core\/somaxconn is 500, current value is 400/,
    },
    {
      id: 'CHECK: not promiscuous',
      ...withPair,
      plugins: tune({ promisc: true }),
      beforeCheck: ['pod: ip link set eth0 promisc off'],
      checkFails: /Error: Tuning link eth0 configured promisc is true, current value is (0|false)/,
    },
  ],
};

const device: Step[] = [
  'host: ip link add dev0 address 02:00:00:00:00:11 type veth peer name dev1; ip link set dev1 up',
];
/** Out of sight: only Netloom keeps records. */
const dataDir = '$DIR/../devices';
const take = (extra: Json = {}): Json[] => [{ type: 'host-device', device: 'dev0', dataDir, ...extra }];

export const hostDevice: Table = {
  plugin: 'host-device',
  rows: [
    { id: 'a device', plugins: take(), prepare: device, versions: ['0.3.1', '1.0.0'], exchange: true },
    { id: 'ipam', plugins: take({ ipam: local() }), prepare: device, versions: ['0.2.0', '0.4.0', '1.0.0'] },
    {
      id: 'by its address',
      plugins: [{ type: 'host-device', hwaddr: '02:00:00:00:00:11', dataDir }],
      prepare: device,
    },
    { id: 'up before', plugins: take(), prepare: [...device, 'host: ip link set dev0 up'] },
    {
      id: 'dns',
      plugins: take({
        dns: { nameservers: ['10.1.1.1'] },
        ipam: fixed('10.62.5.5/24', { dns: { nameservers: ['10.2.2.2'] } }),
      }),
      prepare: device,
    },
    {
      id: 'both families',
      plugins: take({ ipam: dualStack() }),
      prepare: [...device, 'host: sysctl -qw net.ipv6.conf.dev0.accept_dad=0'],
    },
    {
      id: 'no device',
      plugins: [{ type: 'host-device' }],
      fails: /specify either "device", "hwaddr", "kernelpath" or "pciBusID"/,
    },
    { id: 'device not there', plugins: take(), fails: /Link not found|dev0/ },
    {
      id: 'address not there',
      plugins: [{ type: 'host-device', hwaddr: '02:00:00:00:00:99' }],
      fails: /failed to find (host device|physical interface)|host device/,
    },
    {
      id: 'a path elsewhere',
      plugins: [{ type: 'host-device', kernelpath: '/etc/passwd' }],
      fails: /kernel device path "\/etc\/passwd" must be absolute and begin with \/sys\/devices\//,
    },
    {
      id: 'interface there already',
      plugins: take(),
      prepare: [...device, 'pod: ip link add eth0 type veth peer name eth9'],
      fails: /exists/,
    },
    {
      id: 'DEL without CNI_NETNS',
      plugins: take({ ipam: local() }),
      prepare: device,
      deleteEnvironment: { CNI_NETNS: '' },
    },
    {
      id: 'CHECK: another address',
      plugins: take(),
      prepare: device,
      beforeCheck: ['pod: ip link set eth0 address 02:00:00:00:00:22'],
      checkFails: /02:00:00:00:00:11/,
    },
  ],
};
