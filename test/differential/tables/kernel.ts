import type { Json } from '../../plugins/support/host.js';
import type { Step, Table } from '../row.js';
import { atOnce, dualStack, fixed, local } from './common.js';

/** Tables for the kernel of test/kernel, where programs start slowly: few rows, one version each. */
const master: Step[] = [
  'host: ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up',
];
const inside: Step[] = [
  'pod: ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up',
];

const ipvlanNet = (extra: Json = {}): Json[] => [{ type: 'ipvlan', master: 'up0', ...extra }];
const before = (interfaces: Json[]): Json => ({
  cniVersion: '0.4.0',
  interfaces,
  ips: [{ version: '4', address: '10.66.7.7/24', gateway: '10.66.7.1', interface: 0 }],
  routes: [{ dst: '0.0.0.0/0' }],
  dns: {},
});

export const ipvlan: Table = {
  plugin: 'ipvlan',
  rows: [
    {
      id: 'a master and ipam',
      plugins: ipvlanNet({ ipam: local() }),
      prepare: master,
      versions: ['0.2.0', '1.0.0'],
      containers: 2,
      exchange: true,
    },
    {
      id: 'mode l2, mtu, dns',
      plugins: ipvlanNet({ mode: 'l2', mtu: 1300, dns: { nameservers: ['10.2.2.3'] }, ipam: local() }),
      prepare: master,
      versions: ['0.3.1'],
    },
    { id: 'mode l3', plugins: ipvlanNet({ mode: 'l3', ipam: local() }), prepare: master },
    {
      id: 'mode l3s',
      plugins: ipvlanNet({ mode: 'l3s', ipam: local() }),
      prepare: master,
      versions: ['0.4.0'],
    },
    {
      id: 'default route tells the master',
      plugins: [{ type: 'ipvlan', ipam: local() }],
      prepare: [...master, 'host: ip route add default dev up0'],
    },
    {
      id: 'addresses of the plugin before',
      plugins: ipvlanNet({ prevResult: before([]) }),
      prepare: master,
      versions: ['0.4.0'],
    },
    {
      id: 'master and addresses of the plugin before',
      plugins: [{ type: 'ipvlan', prevResult: before([{ name: 'up0' }]) }],
      prepare: master,
      versions: ['0.4.0'],
    },
    {
      id: 'dns of ipam is not told',
      plugins: ipvlanNet({ ipam: fixed('10.62.5.5/24', { dns: { nameservers: ['10.2.2.2'] } }) }),
      prepare: master,
    },
    { id: 'both families', plugins: ipvlanNet({ ipam: dualStack() }), prepare: [...master, atOnce] },
    {
      id: 'unknown mode',
      plugins: ipvlanNet({ mode: 'nonsense', ipam: local() }),
      prepare: master,
      fails: /unknown ipvlan mode: "nonsense"/,
    },
    { id: 'master not there', plugins: ipvlanNet({ ipam: local() }), fails: /Link not found|up0/ },
    {
      id: 'ipam fails',
      plugins: ipvlanNet({ ipam: local({ subnet: '10.62.0.0/31' }) }),
      prepare: master,
      fails: /too small to allocate from/,
    },
    {
      id: 'CHECK: another mode',
      plugins: ipvlanNet({ ipam: local() }),
      prepare: master,
      beforeCheck: ['pod: ip link set eth0 type ipvlan mode l3'],
      checkFails: /mode/,
    },
  ],
};

const vlanNet = (extra: Json = {}): Json[] => [
  { type: 'vlan', master: 'up0', vlanId: 100, ipam: local(), ...extra },
];

export const vlan: Table = {
  plugin: 'vlan',
  rows: [
    {
      id: 'a master and ipam',
      plugins: vlanNet(),
      prepare: master,
      versions: ['0.2.0', '1.0.0'],
      exchange: true,
    },
    {
      id: 'mtu and dns',
      plugins: vlanNet({ mtu: 1300, dns: { nameservers: ['10.1.1.1'] } }),
      prepare: master,
      versions: ['0.3.1'],
    },
    { id: 'both families', plugins: vlanNet({ ipam: dualStack() }), prepare: [...master, atOnce] },
    {
      id: 'two on a master',
      plugins: [{ type: 'vlan', master: 'up0', vlanId: 100, ipam: local() }],
      prepare: master,
      containers: 2,
      fails: /exists/,
    },
    { id: 'master in the container', plugins: vlanNet({ linkInContainer: true }), prepare: inside },
    {
      id: 'no master',
      plugins: [{ type: 'vlan', vlanId: 100, ipam: local() }],
      fails: /"master" field is required\. It specifies the host interface name to create the VLAN for/,
    },
    {
      id: 'id out of range',
      plugins: vlanNet({ vlanId: 5000 }),
      prepare: master,
      fails: /invalid VLAN ID 5000 \(must be between 0 and 409[45] inclusive\)/,
    },
    { id: 'mtu above the master’s', plugins: vlanNet({ mtu: 9000 }), prepare: master, fails: /MTU 9000/ },
    {
      id: 'master gone before DEL',
      plugins: vlanNet(),
      prepare: master,
      beforeDelete: ['host: ip link delete up0'],
    },
    {
      id: 'CHECK: another mtu',
      plugins: vlanNet({ mtu: 1300 }),
      prepare: master,
      beforeCheck: ['pod: ip link set eth0 mtu 1200'],
      checkFails: /MTU.*1[23]00.*1[23]00/,
    },
  ],
};

const inVrf = (extra: Json = {}, ipam: Json = local()): Json[] => [
  { type: 'ptp', ipam },
  { type: 'vrf', vrfname: 'blue', ...extra },
];

export const vrf: Table = {
  plugin: 'vrf',
  rows: [
    { id: 'behind ptp', plugins: inVrf(), versions: ['0.3.1', '1.0.0'] },
    { id: 'a table', plugins: inVrf({ table: 42 }) },
    { id: 'both families', plugins: inVrf({}, dualStack()), prepare: [atOnce] },
    {
      id: 'one that is there',
      plugins: inVrf(),
      prepare: ['pod: ip link add blue type vrf table 7; ip link set blue up'],
    },
    {
      id: 'another table of one that is there',
      plugins: inVrf({ table: 42 }),
      prepare: ['pod: ip link add blue type vrf table 7'],
      fails: /VRF blue already exist with different routing table 7/,
    },
    {
      id: 'no vrf by that name',
      plugins: inVrf(),
      prepare: ['pod: ip link add blue type veth peer name red'],
      fails: /Netlink blue is not a VRF|blue is not a VRF/,
    },
    {
      id: 'no name',
      plugins: inVrf({ vrfname: '' }),
      fails: /configuration is expected to have a valid vrf name/,
    },
    {
      id: 'without a plugin before',
      plugins: [{ type: 'vrf', vrfname: 'blue' }],
      fails: /missing prevResult from earlier plugin/,
    },
    {
      id: 'CHECK: taken out',
      plugins: [
        {
          type: 'vrf',
          vrfname: 'blue',
          prevResult: {
            cniVersion: '1.0.0',
            interfaces: [{ name: 'eth0', sandbox: '$NETNS' }],
            ips: [{ address: '10.62.0.2/24', interface: 0 }],
          },
        },
      ],
      prepare: [
        'pod: ip link add eth0 type veth peer name eth9; ip address add 10.62.0.2/24 dev eth0; ip link set eth0 up; ip link set eth9 up',
      ],
      beforeCheck: ['pod: ip link set eth0 nomaster'],
      checkFails: /failed to find eth0 associated to vrf blue/,
    },
  ],
};

const tagged = (extra: Json): Json[] => [{ type: 'bridge', bridge: 'br-test', ipam: local(), ...extra }];

export const bridgeVlans: Table = {
  plugin: 'bridge-vlan',
  rows: [
    { id: 'a vlan', plugins: tagged({ vlan: 100 }), containers: 2, exchange: true },
    { id: 'a vlan, default kept', plugins: tagged({ vlan: 100, preserveDefaultVlan: true }) },
    { id: 'a vlan with gateway', plugins: tagged({ vlan: 100, isGateway: true }) },
    { id: 'a trunk', plugins: tagged({ vlanTrunk: [{ id: 101 }, { minID: 200, maxID: 204 }] }) },
    { id: 'isolated port', plugins: tagged({ portIsolation: true }) },
    {
      id: 'a trunk without end',
      plugins: tagged({ vlanTrunk: [{ minID: 200 }] }),
      fails: /minID and maxID should be configured simultaneously, maxID is missing/,
    },
    {
      id: 'a trunk backwards',
      plugins: tagged({ vlanTrunk: [{ minID: 204, maxID: 200 }] }),
      fails: /minID is greater than maxID in trunk parameter/,
    },
  ],
};

/** Not in Debian's version. */
export const dummy: Table = {
  plugin: 'dummy',
  rows: [
    {
      id: 'ipam',
      plugins: [{ type: 'dummy', ipam: local() }],
      versions: ['0.3.1', '1.0.0'],
      containers: 2,
      exchange: true,
    },
    { id: 'both families', plugins: [{ type: 'dummy', ipam: dualStack() }], prepare: [atOnce] },
    { id: 'no ipam', plugins: [{ type: 'dummy' }], fails: /dummy interface requires an IPAM configuration/ },
    {
      id: 'interface there already',
      plugins: [{ type: 'dummy', ipam: local() }],
      prepare: ['pod: ip link add eth0 type veth peer name eth9'],
      fails: /exists/,
    },
  ],
};
