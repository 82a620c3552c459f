import type { Json } from '../../plugins/support/host.js';
import type { Table } from '../row.js';
import { masquerade } from './common.js';

const four = 'FLANNEL_NETWORK=10.72.0.0/16\nFLANNEL_SUBNET=10.72.5.1/24\nFLANNEL_MTU=1450\n';
const six = 'FLANNEL_IPV6_NETWORK=fd00:72::/48\nFLANNEL_IPV6_SUBNET=fd00:72:0:5::1/64\n';

const files = (text: string): Record<string, string> => ({ 'subnet.env': text });

function net(extra: Json = {}): Json[] {
  return [
    {
      type: 'flannel',
      subnetFile: '$DIR/subnet.env',
      dataDir: '$DIR/flannel',
      ipam: { dataDir: '$DIR/leases' },
      ...extra,
    },
  ];
}

/** What flannel's own plugin has its delegate do: contract/cni.md, 2.19. */
function delegate(ranges: readonly string[], routes: readonly string[], extra: Json = {}): Json[] {
  const ipam = {
    type: 'host-local',
    dataDir: '$DIR/leases',
    ranges: ranges.map((subnet) => [{ subnet }]),
    routes: routes.map((dst) => ({ dst })),
  };
  return [{ type: 'bridge', mtu: 1450, isGateway: true, ipam, ...extra }];
}

const backend = { ipMasqBackend: 'iptables' };

/** The reference's part is played by the delegate: there is no package of flannel's plugin. */
export const flannel: Table = {
  plugin: 'flannel',
  rows: [
    {
      id: 'a subnet',
      plugins: net({ delegate: backend }),
      instead: delegate(['10.72.5.0/24'], ['10.72.0.0/16'], masquerade),
      files: files(`${four}FLANNEL_IPMASQ=false\n`),
      versions: ['0.3.1', '1.0.0'],
      containers: 2,
      exchange: true,
    },
    {
      id: 'flanneld masquerades',
      plugins: net(),
      instead: delegate(['10.72.5.0/24'], ['10.72.0.0/16'], { ipMasq: false }),
      files: files(`${four}FLANNEL_IPMASQ=true\n`),
    },
    {
      id: 'both families',
      plugins: net(),
      instead: delegate(['10.72.5.0/24', 'fd00:72:0:5::/64'], ['10.72.0.0/16', 'fd00:72::/48'], {
        ipMasq: false,
      }),
      files: files(`${four}${six}FLANNEL_IPMASQ=true\n`),
    },
    {
      id: 'routes of ipam first',
      plugins: net({ ipam: { dataDir: '$DIR/leases', routes: [{ dst: '10.9.0.0/16' }] } }),
      instead: delegate(['10.72.5.0/24'], ['10.9.0.0/16', '10.72.0.0/16'], { ipMasq: false }),
      files: files(`${four}FLANNEL_IPMASQ=true\n`),
    },
    {
      id: 'keys of the delegate',
      plugins: net({ delegate: { bridge: 'cbr0', hairpinMode: true, isDefaultGateway: true, mtu: 1400 } }),
      instead: delegate(['10.72.5.0/24'], ['10.72.0.0/16'], {
        bridge: 'cbr0',
        hairpinMode: true,
        isDefaultGateway: true,
        mtu: 1400,
        ipMasq: false,
      }),
      files: files(`${four}FLANNEL_IPMASQ=true\n`),
    },
    {
      id: 'another delegate',
      plugins: net({ delegate: { type: 'ptp' } }),
      instead: delegate(['10.72.5.0/24'], ['10.72.0.0/16'], { type: 'ptp', ipMasq: false }),
      files: files(`${four}FLANNEL_IPMASQ=true\n`),
    },
    {
      id: 'namespace gone before DEL',
      plugins: net({ delegate: backend }),
      instead: delegate(['10.72.5.0/24'], ['10.72.0.0/16'], masquerade),
      files: files(`${four}FLANNEL_IPMASQ=false\n`),
      beforeDelete: ['host: ip netns delete $POD'],
    },
  ],
};
