/** Configs whose every step is spoiled. */
import type { CniHost, Json } from './host.js';

export const range = (host: CniHost): Json => ({
  type: 'host-local',
  dataDir: host.dataDir,
  ranges: [[{ subnet: '10.62.0.0/24' }], [{ subnet: 'fd62::/64' }]],
  routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
});

export const fixed: Json = {
  type: 'static',
  addresses: [
    { address: '10.63.0.2/24', gateway: '10.63.0.1' },
    { address: 'fd63::2/64', gateway: 'fd63::1' },
  ],
  routes: [{ dst: '192.0.2.0/24' }],
};

export const fixed4: Json = {
  type: 'static',
  addresses: [{ address: '10.63.0.2/24', gateway: '10.63.0.1' }],
  routes: [{ dst: '0.0.0.0/0' }],
};

export const bridge = (host: CniHost, extra: Json = {}): Json => ({
  type: 'bridge',
  bridge: 'openfaas0',
  isGateway: true,
  ipMasq: true,
  ipam: range(host),
  ...extra,
});

/** A master for links on it. */
export const uplink = (host: CniHost): void => {
  host.lab.run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1');
  host.lab.run('ip', 'link', 'set', 'up0', 'up');
  host.lab.run('ip', 'link', 'set', 'up1', 'up');
};
