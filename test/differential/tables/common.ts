import type { Json } from '../../plugins/support/host.js';
import type { Step } from '../row.js';

/** IPAM of most rows. */
export const local = (extra: Json = {}): Json => ({
  type: 'host-local',
  subnet: '10.62.0.0/16',
  dataDir: '$DIR/leases',
  routes: [{ dst: '0.0.0.0/0' }],
  ...extra,
});

export const dualStack = (extra: Json = {}): Json => ({
  type: 'host-local',
  dataDir: '$DIR/leases',
  ranges: [[{ subnet: '10.62.0.0/24' }], [{ subnet: 'fd00:62::/64' }]],
  routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
  ...extra,
});

export const fixed = (address: string, extra: Json = {}): Json => ({
  type: 'static',
  addresses: [{ address }],
  ...extra,
});

/** The reference's default backend; Netloom's is nftables. Debian's version does not know the key. */
export const masquerade: Json = { ipMasq: true, ipMasqBackend: 'iptables' };

/** Those that Debian's version knows. */
export const allVersions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'] as const;
export const chainVersions = ['0.3.1', '0.4.0', '1.0.0'] as const;

/** IPv6 addresses can be used at once: nobody waits for duplicates of them, which takes a second or two. */
export const atOnce: Step = 'pod: sysctl -qw net.ipv6.conf.default.accept_dad=0';
