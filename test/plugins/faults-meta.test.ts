import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { bridge, fixed4 } from './support/fault-configs.js';
import { everyFault, type FaultCase } from './support/fault-loop.js';
import type { CniHost, Container, Json } from './support/host.js';

const ptp = (): readonly Json[] => [{ type: 'ptp', ipam: fixed4 }];

/** Bits/s, bits. */
const limits = { ingressRate: 8e6, ingressBurst: 8e5, egressRate: 16e6, egressBurst: 16e5 };

const sysctls: Json = {
  'net.ipv4.conf.IFNAME.arp_filter': '1',
  'net.ipv4.ip_local_port_range': '20000 30000',
};

const sysctlsOf = ({ lab }: Container): Json =>
  lab.namespace.run(() =>
    Object.fromEntries(
      Object.keys(sysctls).map((name) => {
        const path = name.replace('IFNAME', 'eth0').replaceAll('.', '/');
        return [name, readFileSync(`/proc/sys/${path}`, 'utf8')];
      }),
    ),
  );

function flannel(host: CniHost): Json {
  const subnetFile = join(host.directory, 'subnet.env');
  const subnet = 'FLANNEL_NETWORK=10.72.0.0/16\nFLANNEL_SUBNET=10.72.5.1/24\nFLANNEL_MTU=1420\n';
  writeFileSync(subnetFile, `${subnet}FLANNEL_IPMASQ=true\n`);
  return {
    type: 'flannel',
    subnetFile,
    dataDir: join(host.dataDir, 'flannel'),
    ipam: { dataDir: host.dataDir },
  };
}

const cases: readonly FaultCase[] = [
  { name: 'bandwidth', before: ptp, config: () => ({ type: 'bandwidth', ...limits }) },
  {
    name: 'bandwidth, subnets',
    before: (host) => [bridge(host, { ipMasq: false, ipam: fixed4 })],
    config: () => ({ type: 'bandwidth', ...limits, unshapedSubnets: ['10.0.0.0/8'] }),
  },
  {
    name: 'tuning',
    before: ptp,
    config: ({ dataDir }) => ({
      type: 'tuning',
      dataDir: join(dataDir, 'tuning'),
      mac: '02:11:22:33:44:55',
      mtu: 1400,
      promisc: true,
      allmulti: true,
      txQLen: 500,
      sysctl: sysctls,
    }),
    forgiving: true,
    observe: (_host, container) => ({ sysctls: sysctlsOf(container) }),
  },
  { name: 'flannel', config: flannel },
];

for (const one of cases) test(one.name, { timeout: 240_000 }, (t) => everyFault(t, one));
