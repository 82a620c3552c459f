import type { Difference } from '../difference.js';
import { onlyOursWorks } from './predicates.js';

/** Differences of all plugins. */
export const everywhere: readonly Difference[] = [
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
        key === 'pod link lo flags' ||
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
    until: '1.9.1',
    is: ({ key, ours, reference = '' }) =>
      /^CHECK .* status$/.test(key) && ours === '0' && /Expected Route .* GW:<nil>/.test(reference),
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
];
