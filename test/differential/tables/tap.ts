import type { Json } from '../../plugins/support/host.js';
import type { Table } from '../row.js';
import { atOnce, dualStack, fixed, local } from './common.js';

const net = (extra: Json = {}): Json[] => [{ type: 'tap', ipam: local(), ...extra }];
const MAC = '02:00:00:00:00:0';
const bridge = 'pod: ip link add br0 type bridge; ip link set br0 up' as const;

/** Not in Debian's version. */
export const tap: Table = {
  plugin: 'tap',
  rows: [
    { id: 'ipam', plugins: net(), versions: ['0.3.1', '1.0.0'], containers: 2, exchange: true },
    { id: 'no ipam', plugins: [{ type: 'tap' }] },
    { id: 'both families', plugins: net({ ipam: dualStack() }), prepare: [atOnce] },
    { id: 'mtu and mac', plugins: net({ mtu: 1300, mac: `${MAC}1` }) },
    {
      id: 'mac of runtimeConfig first',
      plugins: net({ mac: `${MAC}1`, runtimeConfig: { mac: `${MAC}3` } }),
      environment: { CNI_ARGS: `IgnoreUnknown=1;MAC=${MAC}2` },
    },
    { id: 'owner', plugins: net({ owner: 1234 }) },
    { id: 'owner and group', plugins: net({ owner: 1234, group: 1235 }) },
    { id: 'many queues', plugins: net({ multiQueue: true }) },
    { id: 'on a bridge', plugins: net({ bridge: 'br0' }), prepare: [bridge] },
    { id: 'on a bridge that is not there', plugins: net({ bridge: 'br0' }), fails: /br0/ },
    { id: 'dns', plugins: net({ dns: { nameservers: ['10.1.1.1'] } }) },
    { id: 'an address without gateway', plugins: net({ ipam: fixed('10.62.5.5/24') }) },
    {
      id: 'interface there already',
      plugins: net(),
      prepare: ['pod: ip link add eth0 type veth peer name eth9'],
      fails: /already exists/,
    },
    { id: 'no addresses', plugins: net({ ipam: { type: 'static' } }), fails: /missing IP config/ },
    { id: 'namespace gone before DEL', plugins: net(), beforeDelete: ['host: ip netns delete $POD'] },
    {
      id: 'CHECK: address lost',
      plugins: net(),
      beforeCheck: ['pod: ip address flush dev eth0'],
      checkFails: /addr.*10\.62\.0\.2\/16.*eth0/i,
    },
    {
      id: 'CHECK: interface gone',
      plugins: net(),
      beforeCheck: ['pod: ip link delete eth0'],
      checkFails: /eth0/,
    },
  ],
};
