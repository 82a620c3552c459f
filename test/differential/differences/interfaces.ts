import type { Difference } from '../difference.js';
import { onlyOursWorks } from './predicates.js';

/** Differences of plugins that make or bring interfaces, and of IPAM. */
export const interfaces: readonly Difference[] = [
  {
    id: 'loopback-undone',
    plugin: 'loopback',
    what: 'An ADD that fails leaves `lo` down as it was',
    reason: 'A failed ADD leaves nothing behind',
    shownBy: ['loopback/an address that is none of loopback@1.0.0'],
    is: ({ phase, key, ours, reference }) =>
      phase === 'ADD' && key === 'pod link lo flags' && ours === '' && reference === 'UP',
  },
  {
    id: 'lease-permissions',
    plugin: 'host-local',
    what: 'Lease files can be read by root alone (0600); Debian’s version makes them 0644',
    reason: 'As later versions of the reference do',
    shownBy: ['host-local/a subnet@1.0.0'],
    until: '1.9.1',
    is: ({ key, ours = '', reference = '' }) =>
      /^files .*leases\/net\//.test(key) && ours.slice(0, 3) === '600' && reference === `644${ours.slice(3)}`,
  },
  {
    id: 'no-trace-of-delete',
    plugin: 'host-local',
    what: 'DEL of what was never added makes no directory and no lock file',
    reason: 'Nothing is there to be locked',
    shownBy: ['host-local/no resolv.conf@1.0.0'],
    is: ({ key, ours }) => /^files leases(\/net(\/lock)?)?$/.test(key) && ours === undefined,
  },
  {
    id: 'bridge-goes',
    plugin: 'bridge',
    what: 'A bridge that ADD made has an alias that says so, and goes with its last port. In the reference it stays for ever, with its address and routes',
    reason: 'Asked for by users since 2019 (containernetworking/plugins#282, #395)',
    shownBy: [
      'bridge/gateway@1.0.0',
      'bridge/name of the bridge by default@1.0.0',
      'chain/openfaas@1.0.0',
      'bridge-vlan/a vlan with gateway@1.0.0',
    ],
    is: ({ phase, key, ours, reference }, { id }) =>
      (/^host link \S+ ifalias$/.test(key) &&
        ours === 'made by CNI for its ports' &&
        reference === undefined) ||
      (/^host link \S+$/.test(key) && ours === undefined && reference === 'bridge') ||
      // the pair behind which a VLAN's gateway stands
      (id.startsWith('bridge-vlan/') &&
        /^DEL/.test(phase) &&
        /^host link (veth#1|br-test\.100)$/.test(key) &&
        ours === undefined),
  },
  {
    id: 'bridge-address-own',
    plugin: 'bridge',
    what: 'A bridge has a hardware address of its own from the beginning. The reference pins it with the first gateway; without one it changes with the ports, and is not that of the result any more',
    reason: 'CHECK of the reference then fails, and neighbours have to learn the address anew',
    shownBy: [],
    is: ({ key, ours = '', reference = '' }) =>
      (/^ADD .* interfaces\.0\.mac$/.test(key) && ours === 'its own') ||
      (/^CHECK .* status$/.test(key) &&
        ours === '0' &&
        /Bridge interface \S+ Mac doesn't match/.test(reference)),
  },
  {
    id: 'check-without-ipam',
    plugin: 'bridge',
    what: 'CHECK works without `ipam`',
    reason: 'The reference’s asks for the IPAM plugin of no name',
    shownBy: ['bridge/layer 2 only@1.0.0'],
    is: ({ key, ours, reference = '' }) =>
      /^CHECK .* status$/.test(key) && ours === '0' && reference.includes('no plugin name provided'),
  },
  {
    id: 'dns-of-ipam',
    plugin: 'bridge',
    what: 'The result has IPAM’s `dns` where the network has none',
    reason: 'As later versions of the reference do',
    shownBy: ['bridge/dns of ipam@1.0.0'],
    until: '1.9.1',
    is: ({ key, reference }) => /^ADD bridge dns\./.test(key) && reference === undefined,
  },
  {
    id: 'spoof-check-table-goes',
    plugin: 'bridge',
    what: 'The table of spoof checks goes with the last of them',
    reason: 'Nothing is left behind on a host',
    shownBy: ['bridge/spoof check@1.0.0'],
    is: ({ key, ours, reference }) =>
      /^host nft (table|chain) bridge nat/.test(key) && ours === undefined && reference !== undefined,
  },
  {
    id: 'ptp-without-ipam',
    plugin: 'ptp',
    what: 'Without `ipam` ADD makes a pair that is up, and nothing else',
    reason: 'Asked for by users (containernetworking/plugins#987)',
    shownBy: ['ptp/no ipam type@1.0.0'],
    is: (_, { id }) => id.startsWith('ptp/no ipam type'),
  },
  {
    id: 'ndisc-notify',
    plugin: 'macvlan',
    what: 'Neighbours are told of IPv6 addresses (`ndisc_notify`)',
    reason: 'As later versions of the reference do',
    shownBy: ['macvlan/a master and ipam@1.0.0'],
    until: '1.9.1',
    is: ({ key, ours, reference }) => key.endsWith('/ndisc_notify') && ours === '1' && reference === '0',
  },
  {
    id: 'link-in-container',
    plugin: 'macvlan',
    what: '`linkInContainer` is known',
    reason: 'As later versions of the reference do',
    shownBy: ['macvlan/master in the container@1.0.0'],
    until: '1.9.1',
    is: (_, { id }) => id.startsWith('macvlan/master in the container'),
  },
  {
    id: 'delete-without-master',
    plugin: 'macvlan',
    what: 'DEL does not ask for the master, which may be gone',
    reason: 'As later versions of the reference do',
    shownBy: ['macvlan/master gone before DEL@1.0.0'],
    until: '1.9.1',
    is: ({ phase, key, ours, reference }, { id }) =>
      id.startsWith('macvlan/master gone') &&
      phase === 'DEL' &&
      (onlyOursWorks(/^DEL /, key, ours, reference) || /^files leases\/net\//.test(key)),
  },
  {
    id: 'ipvlan-ndisc-notify',
    plugin: 'ipvlan',
    what: 'Neighbours are told of IPv6 addresses (`ndisc_notify`)',
    reason: 'As later versions of the reference do',
    shownBy: ['ipvlan/a master and ipam@1.0.0'],
    until: '1.9.1',
    is: ({ key, ours, reference }) => key.endsWith('/ndisc_notify') && ours === '1' && reference === '0',
  },
  {
    id: 'ipvlan-check-without-master',
    plugin: 'ipvlan',
    what: 'CHECK works without `master`',
    reason: 'The reference’s looks for a master of no name',
    shownBy: [
      'ipvlan/default route tells the master@1.0.0',
      'ipvlan/master and addresses of the plugin before@0.4.0',
    ],
    is: ({ key, ours, reference = '' }) =>
      /^CHECK .* status$/.test(key) &&
      ours === '0' &&
      reference.includes('failed to lookup master "": Link not found'),
  },
  {
    id: 'default-vlan-taken-away',
    plugin: 'bridge',
    what: 'A port in a VLAN is not in the bridge’s default VLAN too, unless `preserveDefaultVlan` says so',
    reason: 'As later versions of the reference do; containers of different VLANs would hear each other',
    shownBy: ['bridge-vlan/a vlan@1.0.0'],
    until: '1.9.1',
    is: ({ key, ours = '', reference = '' }) =>
      /^host vlans veth#/.test(key) &&
      reference.replace('{"vlan":1,"flags":["Egress Untagged"]},', '') === ours,
  },
  {
    id: 'trunks',
    plugin: 'bridge',
    what: '`vlanTrunk` and `portIsolation` are known',
    reason: 'As later versions of the reference do',
    shownBy: [
      'bridge-vlan/a trunk@1.0.0',
      'bridge-vlan/isolated port@1.0.0',
      'bridge-vlan/a trunk backwards@1.0.0',
    ],
    until: '1.9.1',
    is: (_, { id }) => /^bridge-vlan\/(a trunk|isolated port)/.test(id),
  },
  {
    id: 'vlan-gateway-no-advertisements',
    plugin: 'bridge',
    what: 'Router advertisements are not accepted on the interface that is the gateway of a VLAN',
    reason: 'Containers must not tell the host its routes',
    shownBy: ['bridge-vlan/a vlan with gateway@1.0.0'],
    is: ({ key }) => /^host sysctl ipv6\/conf\/(br-test\.100|veth#\d)\/accept_ra$/.test(key),
  },
  {
    id: 'device-comes-back-up',
    plugin: 'host-device',
    what: 'DEL brings a device back up when it was up',
    reason: 'The reference leaves it down',
    shownBy: ['host-device/up before@1.0.0'],
    is: ({ phase, key }) => phase.startsWith('DEL') && key === 'host link dev0 flags',
  },
  {
    id: 'device-alias-comes-back',
    plugin: 'host-device',
    what: 'DEL gives a device the alias that it had',
    reason: 'Debian’s version leaves its own mark there',
    shownBy: ['host-device/a device@1.0.0'],
    until: '1.9.1',
    is: ({ phase, key }) => phase.startsWith('DEL') && key === 'host link dev0 ifalias',
  },
  {
    id: 'device-delete-idempotent',
    plugin: 'host-device',
    what: 'DEL works twice, and without CNI_NETNS: the device is found by its alias',
    reason: 'Runtimes repeat DEL until it works; in the reference device and lease are lost',
    shownBy: ['host-device/a device@1.0.0', 'host-device/DEL without CNI_NETNS@1.0.0'],
    is: ({ phase, key, ours, reference }, { row }) =>
      phase === 'DEL' &&
      (onlyOursWorks(/^DEL /, key, ours, reference) ||
        (row.deleteEnvironment !== undefined &&
          /^(host link dev[01]( below)?|files leases\/net\/10\..*)$/.test(key))),
  },
  {
    id: 'device-stays',
    plugin: 'host-device',
    what: 'When ADD fails, the device is where it was',
    reason: 'Debian’s version leaves it in the container, where DEL does not find it',
    shownBy: ['host-device/interface there already@1.0.0'],
    until: '1.9.1',
    is: ({ key }, { row }) => row.fails !== undefined && /^(host|pod) link dev[01]( below)?$/.test(key),
  },
  {
    id: 'vlan-link-in-container',
    plugin: 'vlan',
    what: '`linkInContainer` is known',
    reason: 'As later versions of the reference do',
    shownBy: ['vlan/master in the container@1.0.0'],
    until: '1.9.1',
    is: (_, { id }) => id.startsWith('vlan/master in the container'),
  },
  {
    id: 'vlan-delete-without-master',
    plugin: 'vlan',
    what: 'DEL does not ask for the master, which may be gone',
    reason: 'The reference fails for ever then, and keeps the lease',
    shownBy: ['vlan/master gone before DEL@1.0.0'],
    is: ({ phase, key, ours, reference }, { id }) =>
      id.startsWith('vlan/master gone') &&
      phase === 'DEL' &&
      (onlyOursWorks(/^DEL /, key, ours, reference) || /^files leases\/net\//.test(key)),
  },
];
