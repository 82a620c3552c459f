import t, { test } from 'tap';
import { bridge, fixed, fixed4 } from '../../plugins/support/fault-configs.js';
import { everyFault, type FaultCase } from '../../plugins/support/fault-loop.js';

// each program takes its time on this kernel
t.setTimeout(400_000);

const cases: readonly FaultCase[] = [
  {
    // this kernel looks names of new links up elsewhere than later ones
    name: 'macvlan, the host has an interface of the same name',
    prepare: ({ lab }) => void lab.run('ip', 'link', 'add', 'eth0', 'up', 'type', 'dummy'),
    config: () => ({ type: 'macvlan', master: 'eth0', ipam: fixed4 }),
  },
  {
    name: 'bridge with VLANs',
    prepare: (host) =>
      void host.lab.run('ip', 'link', 'add', 'openfaas0', 'type', 'bridge', 'vlan_filtering', '1'),
    config: (host) => bridge(host, { vlan: 100, ipMasq: false, vlanTrunk: [{ id: 7 }], ipam: fixed4 }),
  },
  {
    name: 'vrf',
    before: () => [{ type: 'dummy', ipam: fixed }],
    config: () => ({ type: 'vrf', vrfname: 'blue' }),
    takesRoutes: true,
  },
];

for (const one of cases)
  test(one.name, { timeout: 200_000 }, (t) => everyFault(t, { ...one, ruleless: true }));
