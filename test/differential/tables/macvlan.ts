import type { Json } from '../../plugins/support/host.js';
import type { Step, Table } from '../row.js';
import { allVersions, atOnce, dualStack, fixed, local } from './common.js';

const master: Step[] = [
  'host: ip link add up0 type veth peer name up1',
  'host: ip link set up0 up',
  'host: ip link set up1 up',
];
const inside: Step[] = [
  'pod: ip link add up0 type veth peer name up1',
  'pod: ip link set up0 up',
  'pod: ip link set up1 up',
];
const net = (extra: Json = {}): Json[] => [{ type: 'macvlan', master: 'up0', ...extra }];
const MAC = '02:00:00:00:00:0';

export const macvlan: Table = {
  plugin: 'macvlan',
  rows: [
    {
      id: 'a master and ipam',
      plugins: net({ ipam: local() }),
      prepare: master,
      versions: allVersions,
      containers: 2,
      exchange: true,
    },
    {
      id: 'layer 2 only',
      plugins: net({ dns: { nameservers: ['10.1.1.1'] } }),
      prepare: master,
      versions: ['0.3.1', '1.0.0'],
    },
    { id: 'bridge mode', plugins: net({ mode: 'bridge', ipam: local() }), prepare: master },
    { id: 'private mode', plugins: net({ mode: 'private', ipam: local() }), prepare: master },
    { id: 'vepa mode, mtu', plugins: net({ mode: 'vepa', mtu: 1300, ipam: local() }), prepare: master },
    { id: 'passthru mode', plugins: net({ mode: 'passthru', ipam: local() }), prepare: master },
    {
      id: 'mtu of the master',
      plugins: net({ ipam: local() }),
      prepare: [...master, 'host: ip link set up0 mtu 1234'],
    },
    {
      id: 'default route tells the master',
      plugins: [{ type: 'macvlan', ipam: local() }],
      prepare: [...master, 'host: ip route add default dev up0'],
    },
    {
      id: 'default route of IPv6 tells the master',
      plugins: [{ type: 'macvlan', ipam: local() }],
      prepare: [...master, 'host: ip -6 route add default dev up0'],
    },
    { id: 'mac of the config', plugins: net({ mac: `${MAC}1` }), prepare: master },
    {
      id: 'mac of CNI_ARGS first',
      plugins: net({ mac: `${MAC}1` }),
      environment: { CNI_ARGS: `IgnoreUnknown=1;MAC=${MAC}2;K8S_POD_NAME=x` },
      prepare: master,
    },
    {
      id: 'mac of runtimeConfig first',
      plugins: net({ mac: `${MAC}1`, runtimeConfig: { mac: `${MAC}3` } }),
      environment: { CNI_ARGS: `MAC=${MAC}2` },
      prepare: master,
    },
    {
      id: 'dns of ipam is not told',
      plugins: net({ ipam: fixed('10.62.5.5/24', { dns: { nameservers: ['10.2.2.2'] } }) }),
      prepare: master,
    },
    {
      id: 'both families',
      plugins: net({ ipam: dualStack() }),
      prepare: [...master, atOnce],
      versions: ['0.2.0', '1.0.0'],
    },
    {
      id: 'master in the container',
      plugins: net({ linkInContainer: true, ipam: local() }),
      prepare: inside,
    },
    {
      id: 'no master',
      plugins: [{ type: 'macvlan', ipam: local() }],
      fails: /no default route interface found|could not determine|default route/,
    },
    { id: 'master not there', plugins: net({ ipam: local() }), fails: /Link not found|up0/ },
    {
      id: 'unknown mode',
      plugins: net({ mode: 'nonsense', ipam: local() }),
      prepare: master,
      fails: /unknown macvlan mode: "nonsense"/,
    },
    {
      id: 'mtu above the master’s',
      plugins: net({ mtu: 9000, ipam: local() }),
      prepare: master,
      fails: /invalid MTU 9000, must be \[0, master MTU\(1500\)\]/,
    },
    { id: 'mac that is none', plugins: net({ mac: 'nonsense' }), prepare: master, fails: /nonsense/ },
    {
      id: 'interface there already',
      plugins: net({ ipam: local() }),
      prepare: [...master, 'pod: ip link add eth0 type veth peer name eth9'],
      fails: /exists/,
    },
    {
      id: 'second passthru',
      plugins: net({ mode: 'passthru', ipam: local() }),
      prepare: master,
      containers: 2,
      fails: /busy|invalid argument/i,
    },
    {
      id: 'no addresses',
      plugins: net({ ipam: { type: 'static' } }),
      prepare: master,
      fails: /IPAM plugin returned missing IP config/,
    },
    {
      id: 'ipam fails',
      plugins: net({ ipam: local({ subnet: '10.62.0.0/31' }) }),
      prepare: master,
      fails: /Network 10\.62\.0\.0\/31 too small to allocate from/,
    },
    {
      id: 'master gone before DEL',
      plugins: net({ ipam: local() }),
      prepare: master,
      beforeDelete: ['host: ip link delete up0'],
    },
    {
      id: 'namespace gone before DEL',
      plugins: net({ ipam: local() }),
      prepare: master,
      beforeDelete: ['host: ip netns delete $POD'],
    },
    {
      id: 'CHECK: another mode',
      plugins: net({ ipam: local() }),
      prepare: master,
      beforeCheck: ['pod: ip link set eth0 type macvlan mode private'],
      checkFails: /mode/,
    },
    {
      id: 'CHECK: address lost',
      plugins: net({ ipam: local() }),
      prepare: master,
      beforeCheck: ['pod: ip address flush dev eth0'],
      checkFails: /addr.*10\.62\.0\.2\/16.*eth0/i,
    },
    {
      id: 'CHECK: interface gone',
      plugins: net({ ipam: local() }),
      prepare: master,
      beforeCheck: ['pod: ip link delete eth0'],
      checkFails: /eth0.* not found/i,
    },
  ],
};
