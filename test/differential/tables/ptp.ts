import type { Json } from '../../plugins/support/host.js';
import type { Table } from '../row.js';
import { allVersions, atOnce, dualStack, fixed, local, masquerade } from './common.js';

const net = (extra: Json = {}): Json[] => [{ type: 'ptp', ...extra }];
const withGateway = (extra: Json = {}): Json =>
  fixed('', { addresses: [{ address: '10.62.5.5/24', gateway: '10.62.5.1' }], ...extra });

export const ptp: Table = {
  plugin: 'ptp',
  rows: [
    { id: 'ipam only', plugins: net({ ipam: local({ routes: [] }) }), versions: allVersions, containers: 2 },
    {
      id: 'a default route',
      plugins: net({ ipam: local() }),
      versions: ['0.3.1', '1.0.0'],
      containers: 2,
      exchange: true,
    },
    {
      id: 'routes with and without gateway',
      plugins: net({
        ipam: local({ routes: [{ dst: '192.168.0.0/16', gw: '10.62.0.9' }, { dst: '172.16.0.0/12' }] }),
      }),
    },
    {
      id: 'masquerading with iptables',
      plugins: net({ ...masquerade, ipam: local() }),
      versions: ['0.2.0', '0.4.0', '1.0.0'],
      exchange: true,
    },
    {
      id: 'both families',
      plugins: net({ ...masquerade, ipam: dualStack() }),
      versions: ['0.3.1', '1.0.0'],
      prepare: [atOnce],
      exchange: true,
    },
    { id: 'IPv6 only', plugins: net({ ipam: local({ subnet: 'fd00:63::/64', routes: [] }) }) },
    {
      id: 'mtu and dns of the network',
      plugins: net({ mtu: 1400, dns: { nameservers: ['10.1.1.1'], search: ['a.b'] }, ipam: local() }),
    },
    {
      id: 'dns of ipam',
      plugins: net({ ipam: withGateway({ dns: { nameservers: ['10.2.2.2'], domain: 'c.d' } }) }),
    },
    {
      id: 'dns overridden by empty lists',
      plugins: net({
        dns: { nameservers: [], search: [] },
        ipam: withGateway({ dns: { nameservers: ['10.2.2.2'] } }),
      }),
    },
    {
      id: 'CNI_ARGS of another',
      plugins: net({ ipam: withGateway() }),
      environment: { CNI_ARGS: 'IgnoreUnknown=1;MAC=02:00:00:00:00:02' },
    },
    { id: 'address of CNI_ARGS', plugins: net({ ipam: local() }), environment: { CNI_ARGS: 'IP=10.62.7.7' } },
    { id: 'no ipam type', plugins: net({ ipam: {} }), fails: /no plugin name provided|^$/ },
    {
      id: 'no addresses',
      plugins: net({ ipam: { type: 'static' } }),
      fails: /IPAM plugin returned missing IP config/,
    },
    {
      id: 'mtu of the wrong type',
      plugins: net({ mtu: 'many', ipam: local() }),
      fails: /failed to load netconf: .*mtu/,
    },
    {
      id: 'no namespace',
      plugins: net({ ipam: local() }),
      environment: { CNI_NETNS: '/run/netns/no-such' },
      fails: /failed to open netns "?\/run\/netns\/no-such/,
    },
    {
      id: 'interface there already',
      plugins: net({ ipam: local() }),
      prepare: ['pod: ip link add eth0 type veth peer name eth9'],
      fails: /"eth0".* already exists|eth0.*exists/,
    },
    {
      id: 'namespace gone before DEL',
      plugins: net({ ...masquerade, ipam: local() }),
      beforeDelete: ['host: ip netns delete $POD'],
    },
    {
      id: 'DEL without CNI_NETNS',
      plugins: net({ ...masquerade, ipam: local() }),
      deleteEnvironment: { CNI_NETNS: '' },
    },
    {
      id: 'interface gone before DEL',
      plugins: net({ ...masquerade, ipam: local() }),
      beforeDelete: ['pod: ip link delete eth0'],
    },
    {
      id: 'CHECK: address lost',
      plugins: net({ ipam: local() }),
      beforeCheck: ['pod: ip address flush dev eth0'],
      checkFails: /addr.*10\.62\.0\.2\/16.*eth0/i,
    },
    {
      id: 'CHECK: route lost',
      plugins: net({ ipam: local() }),
      beforeCheck: ['pod: ip route delete default'],
      checkFails: /route/i,
    },
    {
      id: 'CHECK: interface gone',
      plugins: net({ ipam: local() }),
      beforeCheck: ['pod: ip link delete eth0'],
      checkFails: /eth0.* not found/i,
    },
  ],
};
