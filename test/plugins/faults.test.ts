import { test } from 'tap';
import { bridge, fixed, range } from './support/fault-configs.js';
import { everyFault, type FaultCase } from './support/fault-loop.js';

const cases: readonly FaultCase[] = [
  { name: 'host-local', config: (host) => ({ type: 'host-local', ipam: range(host) }) },
  { name: 'bridge, nftables', config: (host) => bridge(host, { ipMasqBackend: 'nftables', ipam: fixed }) },
  {
    name: 'the list of openfaas',
    config: (host) => ({
      cniVersion: '0.4.0',
      name: 'openfaas-cni-bridge',
      plugins: [bridge(host), { type: 'firewall' }],
    }),
  },
  { name: 'static', config: () => ({ type: 'static', ipam: fixed }) },
  { name: 'loopback', ifname: 'lo', config: () => ({ type: 'loopback' }) },
];

for (const one of cases) test(one.name, { timeout: 240_000 }, (t) => everyFault(t, one));
