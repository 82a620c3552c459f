import type { Difference } from '../difference.js';

/** Differences of dhcp, and of what has no reference in Debian's package. */
export const devices: readonly Difference[] = [
  {
    id: 'dhcp-options-refused-early',
    plugin: 'dhcp',
    what: 'The plugin itself refuses options that cannot be understood (error 7), and says which key',
    reason: 'The reference finds out in its daemon, whose error has no code of its own',
    shownBy: ['dhcp/an option without name@1.0.0'],
    is: ({ phase, key }, { id }) =>
      id.startsWith('dhcp/an option without name') && phase === 'ADD' && /^ADD bridge (code|msg)$/.test(key),
  },
  {
    id: 'tap-ndisc-notify',
    plugin: 'tap',
    what: 'Neighbours are told of IPv6 addresses (`ndisc_notify`), as of IPv4 ones',
    reason: 'As of macvlan, ipvlan and vlan in later versions of the reference',
    shownBy: ['tap/ipam@1.0.0'],
    is: ({ key, ours, reference }) => key.endsWith('/ndisc_notify') && ours === '1' && reference === '0',
  },
  {
    id: 'tap-packet-information',
    plugin: 'tap',
    what: 'Before something opens the tap it has no packet information in front of frames (IFF_NO_PI), also when owner and group are both given',
    reason: 'As without one of them. Whatever opens it decides anew',
    shownBy: ['tap/owner and group@1.0.0'],
    is: ({ key, ours, reference }) =>
      key === 'pod link eth0 data.pi' && ours === 'false' && reference === 'true',
  },
  {
    id: 'tap-name-taken',
    plugin: 'tap',
    what: 'ADD fails when there is an interface of that name',
    reason: 'The reference takes it for the tap, whatever it is, and leaves its own under another name',
    shownBy: ['tap/interface there already@1.0.0'],
    is: ({ phase, key }, { id }) =>
      id.startsWith('tap/interface there already') &&
      (key === 'ADD tap status' ||
        key === 'pod link veth#1' ||
        (phase === 'ADD' && /^pod (link|sysctl \S+) ?eth0|\/eth0\//.test(key))),
  },
  {
    id: 'flannel-record',
    plugin: 'flannel',
    what: 'A file for each attachment keeps what the delegate was called with',
    reason: 'As flannel’s plugin does; the delegate that plays its part here keeps none',
    shownBy: ['flannel/a subnet@1.0.0'],
    is: ({ phase, key, reference }) =>
      reference === undefined &&
      (key === 'files flannel' ||
        (/^files flannel\//.test(key) && phase !== 'DEL' && phase !== 'DEL by ours')),
  },
];
