import type { Json } from '../../plugins/support/host.js';
import type { Step, Table } from '../row.js';
import { allVersions, chainVersions, dualStack, local } from './common.js';

/** A chain that begins with a bridge; versions of it are those of chains. */
const bridged = (...plugins: Json[]): Json[] => [
  { type: 'bridge', bridge: 'br-test', isGateway: true, ipam: local() },
  ...plugins,
];
const wall = (extra: Json = {}): Json => ({ type: 'firewall', backend: 'iptables', ...extra });

export const firewall: Table = {
  plugin: 'firewall',
  rows: [
    {
      id: 'behind a bridge',
      plugins: bridged(wall()),
      versions: ['0.4.0', '1.0.0'],
      containers: 2,
      exchange: true,
    },
    {
      id: 'both families',
      plugins: [{ type: 'bridge', bridge: 'br-test', isGateway: true, ipam: dualStack() }, wall()],
      exchange: true,
    },
    { id: 'another admin chain', plugins: bridged(wall({ iptablesAdminChainName: 'MY-ADMIN' })) },
    { id: 'same bridge only', plugins: bridged(wall({ ingressPolicy: 'same-bridge' })), containers: 2 },
    { id: 'open', plugins: bridged(wall({ ingressPolicy: 'open' })) },
    {
      id: 'chains there before',
      plugins: bridged(wall()),
      prepare: [
        'host: iptables -N CNI-ADMIN && iptables -A CNI-ADMIN -s 10.9.9.9 -j DROP && iptables -A FORWARD -j ACCEPT',
      ],
    },
    { id: 'no addresses', plugins: [{ type: 'bridge', bridge: 'br-test' }, wall()] },
    { id: 'without a plugin before', plugins: [wall()], fails: /missing prevResult from earlier plugin/ },
    {
      id: 'unknown policy',
      plugins: bridged(wall({ ingressPolicy: 'nonsense' })),
      fails: /unknown ingress policy: "nonsense"/,
    },
    {
      id: 'policy without bridge',
      plugins: [
        {
          type: 'firewall',
          ingressPolicy: 'same-bridge',
          backend: 'iptables',
          prevResult: { cniVersion: '1.0.0', ips: [{ address: '10.62.0.2/16' }] },
        },
      ],
      fails:
        /interface needs to be set for ingress policy "same-bridge", make sure to chain "firewall" plugin with "bridge"/,
    },
    {
      id: 'version without chains',
      plugins: [wall({ prevResult: { ip4: { ip: '10.62.0.2/16' } } })],
      versions: ['0.2.0'],
      fails: /incompatible CNI versions/,
    },
    { id: 'DEL without CNI_NETNS', plugins: bridged(wall()), deleteEnvironment: { CNI_NETNS: '' } },
    {
      id: 'CHECK: rule lost',
      plugins: bridged(wall()),
      beforeCheck: ['host: iptables -F CNI-FORWARD'],
      checkFails: /expected .*rule/,
    },
    {
      id: 'CHECK: jump lost',
      plugins: bridged(wall()),
      beforeCheck: ['host: iptables -F FORWARD'],
      checkFails: /expected .*FORWARD.*rule/,
    },
  ],
};

/** A container with a second interface, net1, beside eth0 with the default route. */
const second: Step[] = [
  'host: ip link add h0 type veth peer eth0 netns $POD; ip link add h1 type veth peer net1 netns $POD; ip link set h0 up; ip link set h1 up',
  'pod: sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1 net.ipv6.conf.net1.disable_ipv6=1; ip address add 10.61.0.2/24 dev eth0; ip address add 10.62.0.2/24 dev net1; ip link set eth0 up; ip link set net1 up',
  'pod: ip route add default via 10.61.0.1',
];
const learned: Step = 'pod: ip route add 10.99.0.0/16 via 10.62.0.1 dev net1';
const NET1 = { CNI_IFNAME: 'net1' };
const routed = (ips: Json[], extra: Json = {}): Json[] => [
  {
    type: 'sbr',
    prevResult: {
      cniVersion: '1.0.0',
      interfaces: [{ name: 'h1' }, { name: 'net1', sandbox: '$NETNS' }],
      ips,
    },
    ...extra,
  },
];
const one = { address: '10.62.0.2/24', gateway: '10.62.0.1', interface: 1 };

export const sbr: Table = {
  plugin: 'sbr',
  rows: [
    {
      id: 'a gateway',
      plugins: routed([one]),
      prepare: [...second, learned],
      environment: NET1,
      exchange: true,
    },
    { id: 'a gateway, no routes', plugins: routed([one]), prepare: second, environment: NET1 },
    {
      id: 'no gateway',
      plugins: routed([{ address: '10.62.0.2/24', interface: 1 }]),
      prepare: [...second, learned],
      environment: NET1,
    },
    {
      id: 'two addresses',
      plugins: routed([one, { address: '10.63.0.2/24', gateway: '10.63.0.1', interface: 1 }]),
      prepare: [...second, learned, 'pod: ip address add 10.63.0.2/24 dev net1'],
      environment: NET1,
    },
    {
      id: 'an address of no interface',
      plugins: routed([{ address: '10.62.0.2/24', gateway: '10.62.0.1' }]),
      prepare: [...second, learned],
      environment: NET1,
    },
    {
      id: 'another interface’s address too',
      plugins: routed([one, { address: '10.61.0.2/24', interface: 0 }]),
      prepare: [...second, learned],
      environment: NET1,
    },
    {
      id: 'a table that is taken',
      plugins: routed([one]),
      prepare: [...second, learned, 'pod: ip rule add from 10.9.9.9 lookup 100'],
      environment: NET1,
    },
    {
      id: 'behind ptp',
      plugins: [{ type: 'ptp', ipam: local() }, { type: 'sbr' }],
      versions: chainVersions,
    },
    {
      id: 'behind macvlan',
      plugins: [{ type: 'macvlan', master: 'up0', ipam: local() }, { type: 'sbr' }],
      prepare: [
        'host: ip link add up0 type veth peer name up1',
        'host: ip link set up0 up',
        'host: ip link set up1 up',
      ],
    },
    { id: 'without a plugin before', plugins: [{ type: 'sbr' }], fails: /must be called as chained plugin/i },
    {
      id: 'no addresses',
      plugins: routed([]),
      prepare: second,
      environment: NET1,
      fails: /No IP addresses supplied on interface: net1/i,
    },
    {
      id: 'interface not there',
      plugins: routed([{ address: '10.62.0.2/24', gateway: '10.62.0.1' }]),
      environment: NET1,
      fails: /net1/,
    },
    {
      id: 'DEL without CNI_NETNS',
      plugins: routed([one]),
      prepare: second,
      environment: NET1,
      deleteEnvironment: { CNI_NETNS: '' },
    },
    {
      id: 'DEL without interface',
      plugins: routed([one]),
      prepare: second,
      environment: NET1,
      beforeDelete: ['pod: ip link delete net1'],
    },
  ],
};

export const loopback: Table = {
  plugin: 'loopback',
  rows: [
    { id: 'alone', plugins: [{ type: 'loopback' }], versions: allVersions, exchange: true },
    {
      id: 'behind another',
      plugins: [{ type: 'bridge', bridge: 'br-test', ipam: local() }, { type: 'loopback' }],
    },
    { id: 'up before', plugins: [{ type: 'loopback' }], prepare: ['pod: ip link set lo up'] },
    {
      id: 'an address that is none of loopback',
      plugins: [{ type: 'loopback' }],
      prepare: ['pod: ip address add 10.1.1.1/32 dev lo'],
      fails: /loopback interface found with non-loopback address "10\.1\.1\.1"/,
    },
    { id: 'DEL without CNI_NETNS', plugins: [{ type: 'loopback' }], deleteEnvironment: { CNI_NETNS: '' } },
    {
      id: 'namespace gone before DEL',
      plugins: [{ type: 'loopback' }],
      beforeDelete: ['host: ip netns delete $POD'],
    },
    {
      id: 'CHECK: down',
      plugins: [{ type: 'loopback' }],
      beforeCheck: ['pod: ip link set lo down'],
      checkFails: /loopback interface is down/,
    },
  ],
};
