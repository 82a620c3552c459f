import type { Difference } from '../difference.js';
import { onlyOursWorks } from './predicates.js';

/** Differences of plugins that stand behind others in a list. */
export const chained: readonly Difference[] = [
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
    id: 'sbr-check-before',
    plugin: 'all',
    what: 'CHECK of the plugins before sbr finds their routes in the tables that sbr moved them to: those that a rule names for one of the interface’s addresses',
    reason: 'The reference looks into the main table alone, so that CHECK of such a list always fails',
    shownBy: ['chain/ptp, sbr@1.0.0', 'sbr/behind ptp@1.0.0', 'sbr/behind macvlan@1.0.0'],
    is: ({ key, ours, reference = '' }) =>
      onlyOursWorks(/^CHECK /, key, ours, reference) &&
      reference.includes('Failed to find Gateway 10.62.0.1'),
  },
  {
    id: 'shaped-link-layer',
    plugin: 'bandwidth',
    what: 'The link layer of rates is called ethernet; in the reference it is unspecified',
    reason: 'As tc(8) does; the kernel counts alike',
    shownBy: ['bandwidth/ingress@1.0.0'],
    is: ({ key, ours = '', reference }) =>
      /^host qdisc /.test(key) &&
      ours.replace('"linklayer":"ethernet"', '"linklayer":"unspec"') === reference,
  },
  {
    id: 'one-redirection',
    plugin: 'bandwidth',
    what: 'The filter has one action that redirects; that of the reference has a second one',
    reason: 'The second one is never reached',
    shownBy: ['bandwidth/egress@1.0.0'],
    is: ({ key, ours = '', reference = '' }) =>
      /^host filters /.test(key) &&
      ours.split('mirred_action').length === 2 &&
      reference.split('mirred_action').length === 3,
  },
  {
    id: 'ifb-alias',
    plugin: 'bandwidth',
    what: 'The ifb has an alias that says whose it is',
    reason: 'GC has to know; the name is only a hash',
    shownBy: ['bandwidth/egress@1.0.0'],
    is: ({ key, ours, reference }) =>
      /^host link bwp\S+ ifalias$/.test(key) && ours !== undefined && reference === undefined,
  },
  {
    id: 'check-without-limits',
    plugin: 'bandwidth',
    what: 'CHECK works where nothing is limited',
    reason: 'Debian’s version panics',
    shownBy: ['bandwidth/no limits@1.0.0'],
    until: '1.9.1',
    is: ({ key }, { id }) => /^CHECK /.test(key) && id.startsWith('bandwidth/no limits'),
  },
  {
    id: 'tuning-record',
    plugin: 'tuning',
    what: 'The record of what was there before has sysctls, network, namespace and index too, and goes when the namespace is gone. Its folder can be entered (0700 for 0600)',
    reason:
      'DEL restores sysctls; GC knows whose record it is; a namespace or interface of the same name is not taken for the one that was changed',
    shownBy: ['tuning/sysctls@1.0.0', 'tuning/mac@1.0.0', 'tuning/namespace gone before DEL@1.0.0'],
    is: ({ key }) => /^files tuning/.test(key),
  },
  {
    id: 'tuning-restores-sysctls',
    plugin: 'tuning',
    what: 'DEL sets sysctls back',
    reason: 'Asked for by users (containernetworking/plugins#493); a namespace may outlive its attachment',
    shownBy: [],
    is: ({ phase, key }) => phase.startsWith('DEL') && /^pod sysctl /.test(key),
  },
  {
    id: 'tuning-checks-ifname',
    plugin: 'tuning',
    what: 'CHECK knows `IFNAME` in names of sysctls',
    reason: 'Debian’s version looks for an interface of that name',
    shownBy: ['tuning/sysctls with slashes@1.0.0'],
    until: '1.9.1',
    is: ({ key, ours, reference = '' }) =>
      /^CHECK .* status$/.test(key) && ours === '0' && reference.includes('/IFNAME/'),
  },
  {
    id: 'tuning-blanks',
    plugin: 'tuning',
    what: 'CHECK takes blanks and tabs in values of sysctls for the same',
    reason: 'A value with a blank never equals what the kernel says',
    shownBy: ['tuning/sysctls of args@1.0.0'],
    is: ({ key, ours, reference = '' }) =>
      /^CHECK .* status$/.test(key) &&
      ours === '0' &&
      reference.includes('ip_local_port_range is 4096 61000'),
  },
  {
    id: 'vrf-keeps-routes',
    plugin: 'vrf',
    what: 'The routes that the interface had are in the VRF’s table, and CHECK of the plugin before finds them there',
    reason:
      'Debian’s version loses them (containernetworking/plugins#866): the container reaches its own network alone',
    shownBy: ['vrf/behind ptp@1.0.0'],
    until: '1.9.1',
    is: ({ phase, key, ours, reference }) =>
      phase !== 'DEL' &&
      (/^pod route .* table \d+ /.test(key) || onlyOursWorks(/^CHECK /, key, ours, reference)),
  },
  {
    id: 'vrf-check-taken-out',
    plugin: 'vrf',
    what: 'CHECK finds that the interface is not in the VRF any more',
    reason: 'Debian’s version does not look',
    shownBy: ['vrf/CHECK: taken out@1.0.0'],
    until: '1.9.1',
    is: ({ key, ours = '', reference }, { id }) =>
      id.startsWith('vrf/CHECK: taken out') &&
      /^CHECK .* status$/.test(key) &&
      ours.startsWith('1') &&
      reference === '0',
  },
  {
    id: 'firewall-claims',
    plugin: 'firewall',
    what: 'A table `inet cni_firewall_claims`, which no packet meets, notes whose addresses the rules are for, as long as they are there',
    reason: 'GC has to know; rules of iptables have to be as the reference has them',
    shownBy: ['firewall/behind a bridge@1.0.0', 'chain/openfaas@1.0.0'],
    is: ({ phase, key, reference }) =>
      phase !== 'DEL' &&
      phase !== 'DEL by ours' &&
      key === 'host nft table inet cni_firewall_claims' &&
      reference === undefined,
  },
  {
    id: 'portmap-chains-go',
    plugin: 'portmap',
    what: 'The chains that containers share, and the jumps to them, go with the last container',
    reason: 'Nothing is left behind on a host',
    shownBy: ['portmap/a port@1.0.0'],
    is: ({ phase, key, ours = '', reference = '' }) =>
      phase.startsWith('DEL') && /^host iptables ip6? nat /.test(key) && reference.length > ours.length,
  },
  {
    id: 'portmap-check-of-family',
    plugin: 'portmap',
    what: 'CHECK looks for the rules of the families that the container has, with its address of that family',
    reason: 'Debian’s version looks for rules of IPv6 with the IPv4 address, and fails',
    shownBy: ['portmap/a port@1.0.0', 'portmap/both families@1.0.0'],
    until: '1.9.1',
    is: ({ key, ours, reference = '' }) =>
      /^CHECK .* status$/.test(key) && ours === '0' && reference.includes('could not check ipv6 dnat'),
  },
  {
    id: 'portmap-localhost-ipv6',
    plugin: 'portmap',
    what: 'Connections from `::1` are masqueraded, as those from 127.0.0.1 are',
    reason: 'Otherwise the host’s own ports do not answer over IPv6 (containernetworking/plugins#763)',
    shownBy: ['portmap/both families@1.0.0'],
    is: ({ key, ours = '', reference }) =>
      /^host iptables ip6 nat CNI-DN-/.test(key) && ours.replace(/\n.* -s ::1\/128 .*/, '') === reference,
  },
];
