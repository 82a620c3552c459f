import type { Table } from '../row.js';
import { chainVersions, dualStack, local, masquerade } from './common.js';

/** Lists of plugins, as runtimes have them. */
export const chains: Table = {
  plugin: 'chain',
  rows: [
    {
      // https://github.com/openfaas/faasd: pkg/cninetwork/cni_network.go
      id: 'openfaas',
      plugins: [
        {
          type: 'bridge',
          bridge: 'openfaas0',
          isGateway: true,
          ...masquerade,
          ipam: local({ subnet: '10.62.0.0/16' }),
        },
        { type: 'firewall', backend: 'iptables' },
      ],
      versions: ['0.4.0', '1.0.0'],
      containers: 2,
      exchange: true,
      executables: true,
    },
    {
      id: 'bridge, firewall, both families',
      plugins: [
        {
          type: 'bridge',
          bridge: 'br-test',
          isDefaultGateway: true,
          ...masquerade,
          ipam: dualStack({ routes: [] }),
        },
        { type: 'firewall', backend: 'iptables', ingressPolicy: 'same-bridge' },
      ],
      containers: 2,
    },
    {
      id: 'ptp, sbr',
      plugins: [{ type: 'ptp', ...masquerade, ipam: local() }, { type: 'sbr' }],
      versions: chainVersions,
    },
    {
      id: 'ptp, firewall',
      plugins: [
        { type: 'ptp', ...masquerade, ipam: local() },
        { type: 'firewall', backend: 'iptables' },
      ],
      exchange: true,
    },
    {
      id: 'the second plugin fails',
      plugins: [
        { type: 'bridge', bridge: 'br-test', isGateway: true, ipam: local() },
        { type: 'firewall', backend: 'iptables', ingressPolicy: 'nonsense' },
      ],
      fails: /unknown ingress policy: "nonsense"/,
    },
    {
      id: 'namespace gone before DEL',
      plugins: [
        { type: 'bridge', bridge: 'br-test', isGateway: true, ...masquerade, ipam: local() },
        { type: 'firewall', backend: 'iptables' },
      ],
      beforeDelete: ['host: ip netns delete $POD'],
    },
  ],
};
