import { test } from 'tap';
import { fixed, fixed4 } from './support/fault-configs.js';
import { everyFault, type FaultCase } from './support/fault-loop.js';
import type { Json } from './support/host.js';

const portmap = (backend: string, ipam: Json): FaultCase => ({
  name: `portmap, ${backend}`,
  before: () => [{ type: 'ptp', ipam }],
  config: () => ({
    type: 'portmap',
    backend,
    runtimeConfig: {
      portMappings: [
        { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
        { hostPort: 8081, containerPort: 81, protocol: 'udp' },
      ],
    },
  }),
});

const cases: readonly FaultCase[] = [portmap('nftables', fixed), portmap('iptables', fixed4)];

for (const one of cases) test(one.name, { timeout: 240_000 }, (t) => everyFault(t, one));
