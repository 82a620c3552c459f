import t, { test } from 'tap';
import { fixed4, uplink } from '../../plugins/support/fault-configs.js';
import { everyFault, type FaultCase } from '../../plugins/support/fault-loop.js';

// each program takes its time on this kernel
t.setTimeout(400_000);

const cases: readonly FaultCase[] = [
  { name: 'dummy', config: () => ({ type: 'dummy', ipam: fixed4 }) },
  {
    name: 'vlan',
    prepare: uplink,
    config: () => ({ type: 'vlan', master: 'up0', vlanId: 100, mtu: 1400, ipam: fixed4 }),
  },
  {
    name: 'ipvlan',
    prepare: uplink,
    config: () => ({ type: 'ipvlan', master: 'up0', mode: 'l3', ipam: fixed4 }),
  },
];

for (const one of cases)
  test(one.name, { timeout: 200_000 }, (t) => everyFault(t, { ...one, ruleless: true }));
