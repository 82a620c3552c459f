import type { Json } from '../../plugins/support/host.js';
import type { Table } from '../row.js';
import { allVersions, dualStack, fixed, local, masquerade } from './common.js';

const net = (extra: Json = {}): Json[] => [{ type: 'bridge', bridge: 'br-test', ...extra }];

export const bridge: Table = {
  plugin: 'bridge',
  rows: [
    { id: 'ipam only', plugins: net({ ipam: local({ routes: [] }) }), versions: allVersions, containers: 2 },
    { id: 'gateway', plugins: net({ isGateway: true, ipam: local() }), containers: 2, exchange: true },
    {
      id: 'default gateway',
      plugins: net({ isDefaultGateway: true, ipam: local({ routes: [{ dst: '10.99.0.0/16' }] }) }),
      versions: ['0.2.0', '1.0.0'],
    },
    {
      id: 'default gateway, no routes',
      plugins: net({ isDefaultGateway: true, ipam: local({ routes: [] }) }),
    },
    {
      id: 'default gateway, default route of ipam with gateway',
      plugins: net({
        isDefaultGateway: true,
        ipam: local({ routes: [{ dst: '0.0.0.0/0', gw: '10.62.0.1' }] }),
      }),
    },
    {
      id: 'masquerading with iptables',
      plugins: net({ isGateway: true, ...masquerade, ipam: local() }),
      versions: ['0.3.1', '0.4.0', '1.0.0'],
      exchange: true,
    },
    { id: 'masquerading without gateway', plugins: net({ ...masquerade, ipam: local({ routes: [] }) }) },
    {
      id: 'both families',
      plugins: net({ isDefaultGateway: true, ...masquerade, ipam: dualStack({ routes: [] }) }),
      versions: ['0.2.0', '0.3.1', '1.0.0'],
      containers: 2,
      exchange: true,
    },
    {
      id: 'IPv6 only',
      plugins: net({
        isGateway: true,
        ipam: { ...local({ subnet: 'fd00:62::/64', routes: [{ dst: '::/0' }] }) },
      }),
    },
    {
      id: 'two IPv4 ranges',
      plugins: net({
        ipam: {
          type: 'host-local',
          dataDir: '$DIR/leases',
          ranges: [[{ subnet: '10.62.0.0/24' }], [{ subnet: '10.63.0.0/24' }]],
        },
      }),
    },
    { id: 'mtu and hairpin', plugins: net({ isGateway: true, mtu: 1400, hairpinMode: true, ipam: local() }) },
    {
      id: 'promiscuous',
      plugins: net({ isGateway: true, promiscMode: true, ipam: local() }),
      versions: ['0.4.0', '1.0.0'],
    },
    { id: 'name of the bridge by default', plugins: [{ type: 'bridge', ipam: local() }] },
    {
      id: 'layer 2 only',
      plugins: net(),
      versions: ['0.3.1', '0.4.0', '1.0.0'],
      checkFails: /no plugin name provided|^$/,
    },
    {
      id: 'routes with and without gateway',
      plugins: net({
        isGateway: true,
        ipam: local({ routes: [{ dst: '192.168.0.0/16', gw: '10.62.0.9' }, { dst: '172.16.0.0/12' }] }),
      }),
    },
    {
      id: 'dns of the network',
      plugins: net({ dns: { nameservers: ['10.1.1.1'], search: ['a.b'] }, ipam: local() }),
      versions: ['0.2.0', '1.0.0'],
    },
    {
      id: 'dns of ipam',
      plugins: net({ ipam: fixed('10.62.5.5/24', { dns: { nameservers: ['10.2.2.2'], domain: 'c.d' } }) }),
    },
    {
      id: 'dns overridden by empty lists',
      plugins: net({
        dns: { nameservers: [] },
        ipam: fixed('10.62.5.5/24', { dns: { nameservers: ['10.2.2.2'], domain: 'c.d' } }),
      }),
    },
    {
      id: 'static address with gateway',
      plugins: net({
        isGateway: true,
        ipam: { type: 'static', addresses: [{ address: '10.62.5.5/24', gateway: '10.62.5.254' }] },
      }),
    },
    {
      id: 'mac of runtimeConfig',
      plugins: net({ runtimeConfig: { mac: '02:00:00:00:00:03' }, ipam: local() }),
    },
    {
      id: 'mac of CNI_ARGS',
      plugins: net({ ipam: local() }),
      environment: { CNI_ARGS: 'IgnoreUnknown=1;MAC=02:00:00:00:00:02;K8S_POD_NAME=x' },
    },
    {
      id: 'mac of args before CNI_ARGS',
      plugins: net({ args: { cni: { mac: '02:00:00:00:00:04' } }, ipam: local() }),
      environment: { CNI_ARGS: 'IgnoreUnknown=1;MAC=02:00:00:00:00:02' },
    },
    {
      id: 'address of CNI_ARGS',
      plugins: net({ isGateway: true, ipam: local() }),
      environment: { CNI_ARGS: 'IgnoreUnknown=true;IP=10.62.3.4' },
    },
    {
      id: 'spoof check',
      plugins: net({ macspoofchk: true, isGateway: true, ipam: local() }),
      exchange: true,
    },
    {
      id: 'a bridge that is there',
      plugins: net({ isGateway: true, mtu: 1300, ipam: local() }),
      prepare: [
        'host: ip link add br-test mtu 1400 type bridge',
        'host: ip address add 10.62.0.1/16 dev br-test',
      ],
    },
    {
      id: 'a bridge with another address',
      plugins: net({ isGateway: true, ipam: local() }),
      prepare: ['host: ip link add br-test type bridge', 'host: ip address add 10.99.0.1/16 dev br-test'],
      fails: /already has an IP address different from 10\.62\.0\.1\/16/,
    },
    {
      id: 'force its address on a bridge',
      plugins: net({ isGateway: true, forceAddress: true, ipam: local() }),
      prepare: ['host: ip link add br-test type bridge', 'host: ip address add 10.99.0.1/16 dev br-test'],
    },
    {
      id: 'no bridge by that name',
      plugins: net({ bridge: 'up0', ipam: local() }),
      prepare: ['host: ip link add up0 type veth peer name up1'],
      fails: /"?up0"? already exists but is not a bridge/,
    },
    {
      id: 'hairpin and promiscuous',
      plugins: net({ hairpinMode: true, promiscMode: true }),
      fails: /cannot set hairpin mode and promiscuous mode at the same time/,
    },
    {
      id: 'mtu of the wrong type',
      plugins: net({ mtu: 'many', ipam: local() }),
      fails: /failed to load netconf: .*mtu/,
    },
    {
      id: 'mac that is none',
      plugins: net({ runtimeConfig: { mac: 'nonsense' }, ipam: local() }),
      fails: /nonsense/,
    },
    {
      id: 'vlan out of range',
      plugins: net({ vlan: 5000, ipam: local() }),
      fails: /invalid VLAN ID 5000 \(must be between 0 and 409[45]/,
    },
    {
      id: 'unknown CNI_ARGS',
      plugins: net({ ipam: local() }),
      environment: { CNI_ARGS: 'FOO=bar' },
      fails: /ARGS: unknown args \["FOO=bar"\]/,
    },
    {
      id: 'CNI_ARGS without pairs',
      plugins: net({ ipam: local() }),
      environment: { CNI_ARGS: 'nonsense' },
      fails: /ARGS: invalid pair "nonsense"/,
    },
    {
      id: 'ipam plugin not there',
      plugins: net({ ipam: { type: 'no-such-ipam' } }),
      fails: /failed to find plugin "no-such-ipam" in path/,
    },
    {
      id: 'interface there already',
      plugins: net({ ipam: local() }),
      prepare: ['pod: ip link add eth0 type veth peer name eth9'],
      fails: /"eth0".* already exists|eth0.*exists/,
    },
    {
      id: 'range full',
      plugins: net({ ipam: local({ subnet: '10.62.0.0/30', rangeEnd: '10.62.0.2' }) }),
      containers: 2,
      fails: /no IP addresses available in range set: 10\.62\.0\.[12]-10\.62\.0\.2/,
    },
    {
      id: 'no namespace',
      plugins: net({ ipam: local() }),
      environment: { CNI_NETNS: '/run/netns/no-such' },
      fails: /failed to open netns "?\/run\/netns\/no-such/,
    },
    {
      id: 'namespace gone before DEL',
      plugins: net({ isGateway: true, ipam: local() }),
      beforeDelete: ['host: ip netns delete $POD'],
    },
    {
      id: 'DEL without CNI_NETNS',
      plugins: net({ isGateway: true, ...masquerade, ipam: local() }),
      deleteEnvironment: { CNI_NETNS: '' },
    },
    {
      id: 'interface gone before DEL',
      plugins: net({ isGateway: true, ...masquerade, ipam: local() }),
      beforeDelete: ['pod: ip link delete eth0'],
    },
    {
      id: 'CHECK: address lost',
      plugins: net({ isGateway: true, ipam: local() }),
      beforeCheck: ['pod: ip address flush dev eth0'],
      checkFails: /addr.*10\.62\.0\.2\/16.*eth0/i,
    },
    {
      id: 'CHECK: route lost',
      plugins: net({ isGateway: true, ipam: local() }),
      beforeCheck: ['pod: ip route delete default'],
      checkFails: /route/i,
    },
    {
      id: 'CHECK: port taken off',
      plugins: net({ ipam: local() }),
      beforeCheck: [
        "host: ip link set $(ls /sys/class/net 2>/dev/null | head -0; ip -o link show master br-test | sed 's/.*: \\(veth[0-9a-f]*\\)@.*/\\1/') nomaster",
      ],
      checkFails: /./,
    },
    {
      id: 'CHECK: bridge gone',
      plugins: net({ ipam: local() }),
      beforeCheck: ['host: ip link delete br-test'],
      checkFails: /br-test.* not found/i,
    },
    {
      id: 'CHECK: lease gone',
      plugins: net({ ipam: local() }),
      beforeCheck: ['host: rm $DIR/leases/net/10.62.0.2'],
      checkFails: /host-local: Failed to find address added by container c/,
    },
  ],
};
