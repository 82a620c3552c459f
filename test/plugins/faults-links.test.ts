import { test } from 'tap';
import { fixed, fixed4, uplink } from './support/fault-configs.js';
import { everyFault, type FaultCase } from './support/fault-loop.js';

const cases: readonly FaultCase[] = [
  {
    name: 'ptp',
    kill: true,
    config: () => ({ type: 'ptp', ipMasq: true, ipMasqBackend: 'nftables', ipam: fixed4 }),
  },
  {
    name: 'macvlan',
    prepare: uplink,
    config: () => ({ type: 'macvlan', master: 'up0', ipam: fixed4 }),
  },
  {
    name: 'macvlan, both families',
    prepare: (host, { lab }) => {
      uplink(host);
      // or each ADD waits for a second whether another has the address
      lab.run('sysctl', '-q', 'net.ipv6.conf.default.accept_dad=0');
    },
    config: () => ({ type: 'macvlan', master: 'up0', mode: 'private', ipam: fixed }),
  },
  {
    name: 'sbr',
    before: () => [{ type: 'ptp', ipam: fixed4 }],
    config: () => ({ type: 'sbr', addSourceHints: true }),
    takesRoutes: true,
  },
  {
    name: 'sbr, both families',
    before: () => [{ type: 'ptp', ipam: fixed }],
    config: () => ({ type: 'sbr', addSourceHints: true }),
    takesRoutes: true,
  },
];

for (const one of cases) test(one.name, { timeout: 240_000 }, (t) => everyFault(t, one));
