import { join } from 'node:path';
import { test } from 'tap';
import { fixed, fixed4, uplink } from './support/fault-configs.js';
import { everyFault, type FaultCase } from './support/fault-loop.js';

const cases: readonly FaultCase[] = [
  {
    name: 'host-device',
    prepare: uplink,
    config: ({ dataDir }) => ({
      type: 'host-device',
      device: 'up0',
      dataDir: join(dataDir, 'devices'),
      ipam: fixed4,
    }),
  },
  {
    name: 'tap',
    config: () => ({ type: 'tap', mac: '02:00:00:00:00:aa', multiQueue: true, owner: 1234, ipam: fixed4 }),
  },
  {
    name: 'tap on a bridge, both families',
    prepare: (_host, { lab }) => {
      lab.run('ip', 'link', 'add', 'br0', 'up', 'type', 'bridge');
      lab.run('sysctl', '-q', 'net.ipv6.conf.default.accept_dad=0');
    },
    config: () => ({ type: 'tap', bridge: 'br0', mtu: 1400, ipam: fixed }),
  },
];

for (const one of cases) test(one.name, { timeout: 240_000 }, (t) => everyFault(t, one));
