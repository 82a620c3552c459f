import type { Difference } from './difference.js';

/** Does the reference fail where Netloom does not? */
const onlyOursWorks = (who: RegExp, key: string, ours = '', reference = ''): boolean =>
  who.test(key) && key.endsWith(' status') && ours === '0' && reference !== '0';

/** Everything that Netloom does otherwise than the reference, on purpose. docs/differences.md is made of it. */
export const differences: readonly Difference[] = [
  {
    id: 'empty-dns',
    plugin: 'all',
    what: 'A result of version 1.0.0, and of loopback in any version, has no `dns` where there is nothing in it; in the reference it is `{}`',
    reason: 'The specification has it optional; later versions of the reference leave it out too',
    shownBy: ['host-local/a subnet@1.0.0', 'bridge/gateway@1.0.0'],
    until: '1.9.1',
    is: ({ key, ours, reference }, { version }) =>
      (version === '1.0.0' || key.startsWith('ADD loopback')) &&
      /^ADD .* dns$/.test(key) &&
      ours === undefined &&
      reference === '{}',
  },
  {
    id: 'error-codes',
    plugin: 'all',
    what: 'Errors have the specification’s codes: 4 environment, 5 input and output, 6 decoding, 7 config. The reference says 999 for all that its protocol library does not find',
    reason: 'A runtime can tell what a user has to correct from what may work later',
    shownBy: ['host-local/no ranges@1.0.0', 'static/no prefix@1.0.0'],
    is: ({ key, ours, reference }) =>
      /^(ADD|CHECK) .* code$/.test(key) && /^[4-7]$/.test(ours ?? '') && reference === '999',
  },
  {
    id: 'error-details',
    plugin: 'all',
    what: 'Some errors have `details`: the key in question, or what the kernel said',
    reason: 'The reference’s text alone does not say which key is meant',
    shownBy: ['host-local/a subnet that is none@1.0.0'],
    is: ({ key, reference }) => /^(ADD|CHECK) .* details$/.test(key) && reference === undefined,
  },
  {
    id: 'delete-with-broken-config',
    plugin: 'all',
    what: 'DEL works with a config that ADD refuses. The reference’s fails with the same error',
    reason: 'What a broken config cannot have made needs no removing; a runtime would try for ever',
    shownBy: ['host-local/no ranges@1.0.0'],
    is: ({ key, ours, reference }, { row }) =>
      row.fails !== undefined && onlyOursWorks(/^DEL /, key, ours, reference),
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
    id: 'version-1.1.0',
    plugin: 'all',
    what: 'Version 1.1.0 of the specification, with GC and STATUS; Debian’s version ends at 1.0.0',
    reason: 'As later versions of the reference do',
    shownBy: [
      'protocol/VERSION@1.0.0',
      'protocol/STATUS and GC@1.1.0',
      'protocol/a version of the future@1.0.0',
    ],
    until: '1.9.1',
    is: ({ key, ours = '', reference = '' }) =>
      key.startsWith('VERSION ') ||
      /^(STATUS|GC) .*(status|code|msg)$/.test(key) ||
      (key.endsWith(' details') && ours.replace(' "1.1.0"', '') === reference),
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
    id: 'lease-first',
    plugin: 'all',
    what: 'ADD asks IPAM before it makes anything. A failed one leaves a note of the address that was last given out, where the reference had not come to that yet, and none where it had',
    reason: 'No link has to be undone when a range is full',
    shownBy: ['bridge/no bridge by that name@1.0.0', 'ptp/no namespace@1.0.0'],
    is: ({ key }, { row }) =>
      row.fails !== undefined && /^files leases(\/net(\/lock|\/last_reserved_ip\.\d)?)?$/.test(key),
  },
  {
    id: 'failed-add-leaves-nothing',
    plugin: 'all',
    what: 'A failed ADD leaves nothing behind: no link, no address, no route, no lease, no forwarding',
    reason: 'Runtimes do not always call DEL after a failed ADD; the specification asks plugins to clean up',
    shownBy: [
      'bridge/range full@1.0.0',
      'bridge/a bridge with another address@1.0.0',
      'macvlan/ipam fails@1.0.0',
      'ptp/no namespace@1.0.0',
    ],
    is: ({ key, ours, reference }, { row }) =>
      row.fails !== undefined &&
      (/^\S+ sysctl .*(forwarding|ip_forward|accept_redirects)$/.test(key) ||
        (ours === undefined && reference !== undefined && !/^(ADD|DEL|CHECK) /.test(key))),
  },
  {
    id: 'queue-length',
    plugin: 'all',
    what: 'Links keep the kernel’s queue length, 1000; Debian’s version sets it to 0',
    reason:
      'Later versions of the reference do not set it either; a queueing discipline that is attached later takes its limit from it',
    shownBy: ['bridge/gateway@1.0.0', 'ptp/a default route@1.0.0', 'macvlan/a master and ipam@1.0.0'],
    until: '1.9.1',
    is: ({ key, ours, reference }) =>
      / link \S+ txqlen$/.test(key) && ours === '1000' && reference === undefined,
  },
  {
    id: 'ipv6-stays',
    plugin: 'all',
    what: 'IPv6 addresses stay when the interface goes down (`keep_addr_on_down`)',
    reason: 'As later versions of the reference do',
    shownBy: ['bridge/both families@1.0.0', 'ptp/IPv6 only@1.0.0'],
    until: '1.9.1',
    is: ({ key, ours, reference }) => key.endsWith('/keep_addr_on_down') && ours === '1' && reference === '0',
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
      (/^ADD bridge.* interfaces\.0\.mac$/.test(key) && ours === 'its own') ||
      (/^CHECK .* status$/.test(key) &&
        ours === '0' &&
        /Bridge interface \S+ Mac doesn't match/.test(reference)),
  },
  {
    id: 'gateway-at-once',
    plugin: 'all',
    what: 'IPv6 addresses of gateways on the host are used at once (`nodad`)',
    reason:
      'They are the plugin’s own network’s; duplicate address detection would keep the first packets waiting',
    shownBy: ['bridge/both families@1.0.0', 'ptp/IPv6 only@1.0.0'],
    is: ({ key, ours = '', reference }) =>
      /^host address /.test(key) && ours.replace(',"nodad":true', '') === reference,
  },
  {
    id: 'check-routes-of-gateway',
    plugin: 'all',
    what: 'CHECK knows that a route without gateway was made with the address’s gateway',
    reason: 'CHECK of the reference does not find the route that its own ADD made',
    shownBy: ['ptp/routes with and without gateway@1.0.0'],
    is: ({ key, ours, reference = '' }) =>
      /^CHECK .* status$/.test(key) && ours === '0' && /Expected Route .* GW:<nil>/.test(reference),
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
    id: 'delete-cleans-rules',
    plugin: 'all',
    what: 'DEL removes the rules of masquerading also when interface or namespace are gone, or CNI_NETNS is empty; of ptp also the host’s end',
    reason: 'In the reference they stay for ever (containernetworking/plugins#810)',
    shownBy: [
      'bridge/DEL without CNI_NETNS@1.0.0',
      'bridge/interface gone before DEL@1.0.0',
      'ptp/namespace gone before DEL@1.0.0',
    ],
    is: ({ phase, key, ours = '', reference = '' }, { row }) =>
      phase.startsWith('DEL') &&
      (row.beforeDelete !== undefined || row.deleteEnvironment !== undefined) &&
      ((/^host iptables ip6? nat /.test(key) && reference.length > ours.length) ||
        (/ link (veth#1|eth0)$/.test(key) && ours === '')),
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
    id: 'isolation-comments',
    plugin: 'firewall',
    what: 'Comments of the isolation’s rules name both policies, `same-bridge|isolated`; Debian’s version knows only the one',
    reason: 'As later versions of the reference do; the rules are shared by both policies',
    shownBy: ['firewall/same bridge only@1.0.0'],
    until: '1.9.1',
    is: ({ key, ours = '', reference = '' }) =>
      / iptables ip6? filter /.test(key) &&
      ours.replaceAll('same-bridge|isolated', 'same-bridge') === reference,
  },
  {
    id: 'sbr-tables-emptied',
    plugin: 'sbr',
    what: 'DEL empties the tables that ADD filled. In the reference their routes stay until the interface goes',
    reason: 'The next ADD takes a table that is empty; a table with leftovers counts as taken',
    shownBy: ['sbr/a gateway@1.0.0'],
    is: ({ phase, key, ours }) =>
      phase.startsWith('DEL') && /^pod route .* table 10\d /.test(key) && ours === undefined,
  },
  {
    id: 'sbr-delete-idempotent',
    plugin: 'sbr',
    what: 'DEL works when interface or namespace are gone, finds the rules by the addresses of the result, and works twice',
    reason: 'Runtimes repeat DEL until it works',
    shownBy: ['sbr/DEL without CNI_NETNS@1.0.0', 'sbr/DEL without interface@1.0.0'],
    is: ({ phase, key, ours, reference }) =>
      phase === 'DEL' &&
      (onlyOursWorks(/^DEL sbr/, key, ours, reference) || (/^pod rule /.test(key) && ours === undefined)),
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
];
