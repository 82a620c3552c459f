import { test } from 'tap';
import { bridge, fixed, fixed4 } from './support/fault-configs.js';
import { everyFault, type FaultCase } from './support/fault-loop.js';

const firewall = (extra: Record<string, string>): FaultCase => ({
  name: `firewall ${Object.values(extra).join(', ')}`,
  before: (host) => [bridge(host, { ipMasqBackend: 'nftables', ipam: fixed })],
  config: () => ({ type: 'firewall', ...extra }),
});

const cases: readonly FaultCase[] = [
  {
    name: 'bridge, iptables',
    config: (host) => bridge(host, { ipMasqBackend: 'iptables', ipam: fixed4 }),
  },
  {
    name: 'bridge that is there, spoof check',
    prepare: (host) => void host.lab.run('ip', 'link', 'add', 'openfaas0', 'type', 'bridge'),
    config: (host) => bridge(host, { ipMasq: false, macspoofchk: true, hairpinMode: true, ipam: fixed4 }),
  },
  firewall({ backend: 'iptables' }),
  firewall({ backend: 'iptables', ingressPolicy: 'same-bridge' }),
  firewall({ backend: 'nftables' }),
  firewall({ backend: 'nftables', ingressPolicy: 'isolated' }),
];

for (const one of cases) test(one.name, { timeout: 240_000 }, (t) => everyFault(t, one));
