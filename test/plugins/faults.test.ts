import { test } from 'tap';
import { everyFault, type FaultCase } from './support/fault-loop.js';
import type { CniHost, Json } from './support/host.js';

const range = (host: CniHost): Json => ({
  type: 'host-local',
  dataDir: host.dataDir,
  ranges: [[{ subnet: '10.62.0.0/24' }], [{ subnet: 'fd62::/64' }]],
  routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
});

const fixed: Json = {
  type: 'static',
  addresses: [
    { address: '10.63.0.2/24', gateway: '10.63.0.1' },
    { address: 'fd63::2/64', gateway: 'fd63::1' },
  ],
  routes: [{ dst: '192.0.2.0/24' }],
};

const bridge = (host: CniHost, extra: Json = {}): Json => ({
  type: 'bridge',
  bridge: 'openfaas0',
  isGateway: true,
  ipMasq: true,
  ipam: range(host),
  ...extra,
});

const fixed4: Json = {
  type: 'static',
  addresses: [{ address: '10.63.0.2/24', gateway: '10.63.0.1' }],
  routes: [{ dst: '0.0.0.0/0' }],
};

/** A master for links on it. */
const uplink = (host: CniHost): void => {
  host.lab.run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1');
  host.lab.run('ip', 'link', 'set', 'up0', 'up');
  host.lab.run('ip', 'link', 'set', 'up1', 'up');
};

const firewall = (extra: Json): FaultCase => ({
  name: `firewall ${Object.values(extra).join(', ')}`,
  before: (host) => [bridge(host, { ipMasqBackend: 'nftables' })],
  config: () => ({ type: 'firewall', ...extra }),
});

const cases: readonly FaultCase[] = [
  { name: 'host-local', config: (host) => ({ type: 'host-local', ipam: range(host) }) },
  { name: 'bridge, nftables', config: (host) => bridge(host, { ipMasqBackend: 'nftables' }) },
  {
    name: 'bridge, iptables',
    config: (host) => bridge(host, { ipMasqBackend: 'iptables', ipam: fixed4 }),
  },
  {
    name: 'bridge that is there, spoof check',
    prepare: (host) => void host.lab.run('ip', 'link', 'add', 'openfaas0', 'type', 'bridge'),
    config: (host) => bridge(host, { ipMasq: false, macspoofchk: true, hairpinMode: true, ipam: fixed }),
  },
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
    name: 'macvlan, static',
    prepare: uplink,
    config: () => ({ type: 'macvlan', master: 'up0', mode: 'private', ipam: fixed }),
  },
  firewall({ backend: 'iptables' }),
  firewall({ backend: 'iptables', ingressPolicy: 'same-bridge' }),
  firewall({ backend: 'nftables' }),
  firewall({ backend: 'nftables', ingressPolicy: 'isolated' }),
  {
    name: 'sbr',
    before: () => [{ type: 'ptp', ipam: fixed4 }],
    config: () => ({ type: 'sbr', addSourceHints: true }),
  },
  { name: 'loopback', ifname: 'lo', config: () => ({ type: 'loopback' }) },
];

const only = process.env.FAULT_CASE;
for (const one of cases) {
  if (only === undefined || one.name.includes(only)) {
    test(one.name, { timeout: 240_000 }, (t) => everyFault(t, one));
  }
}
