import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { installPlugins } from '../../../host/cli/install.js';
import { pluginTypes } from '../../../host/plugins/index.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

export const pluginDirectory = '/opt/cni/bin';
export const SYSCTL = { 'net.core.somaxconn': '500' };

/** Is the plugin bundled (yet)? */
export const has = (type: string): boolean => pluginTypes.includes(type);

/** What follows the bridge in a network; adding one is a line. */
const chained = [
  { type: 'portmap', capabilities: { portMappings: true } },
  { type: 'bandwidth', capabilities: { bandwidth: true } },
  { type: 'firewall' },
  { type: 'tuning', sysctl: SYSCTL },
].filter(({ type }) => has(type));

/** A network with everything that runtimes ask for. `net`: the first three numbers of its /24. */
export function networkOf(name: string, net: string, cniVersion = '1.0.0'): object {
  return {
    cniVersion,
    name,
    plugins: [
      {
        type: 'bridge',
        bridge: `${name}0`,
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: `${net}.0/24` }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      ...chained,
    ],
  };
}

/** Has `netloom install` write the plugins, and configures a network. */
export function provide(directory: string, name: string, net: string, cniVersion?: string): void {
  installPlugins({ directory: pluginDirectory });
  writeFileSync(join(directory, `10-${name}.conflist`), JSON.stringify(networkOf(name, net, cniVersion)));
}

/** A server on all addresses of the host that tells callers who they are. */
export async function greeter(t: Teardown): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(`hello ${socket.remoteAddress?.replace('::ffff:', '')}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  t.teardown(() => server.close());
  return (server.address() as { port: number }).port;
}

/** What a container runs to measure its network; ends with a status that is to arrive outside. */
export function measuring(gateway: string, port: number): string {
  return [
    'ip -o -4 address show dev eth0',
    `ping -c 1 -W 3 ${gateway} > /dev/null && echo ping works`,
    `nc -w 3 ${gateway} ${port} < /dev/null`,
    'echo somaxconn $(cat /proc/sys/net/core/somaxconn)',
    'exit 7',
  ].join('; ');
}
