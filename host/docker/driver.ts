import type { Server } from 'node:http';
import { join } from 'node:path';
import { openSides } from '../cni/sides.js';
import { parseStock } from './ipam/candidates.js';
import { ipamCalls } from './ipam/ipam-driver.js';
import { Pools } from './ipam/pools.js';
import { networkCalls } from './network-driver.js';
import { type Call, defineCalls } from './protocol.js';
import { reconcile } from './reconcile.js';
import { type CallReport, createPluginServer, listenOn } from './server.js';
import { State } from './state.js';

export const defaultSocket = '/run/docker/plugins/netloom.sock';
export const defaultStateDirectory = '/var/lib/netloom/docker';

export interface DriverOptions {
  /** Where to listen: a path, or a descriptor that systemd has passed. */
  readonly listen?: { readonly path: string } | { readonly fd: number } | undefined;
  readonly stateDirectory?: string | undefined;
  /** Docker's own socket: to learn names, and what there is. Empty: it is not asked. */
  readonly dockerSocket?: string | undefined;
  /** `10.200.0.0/16,24`: where pools are chosen from that Docker names none of. */
  readonly pools?: readonly string[] | undefined;
  /** CNI's configurations, for networks of type cni. */
  readonly confDir?: string | undefined;
  /** Where plugins are that are not bundled. */
  readonly path?: readonly string[] | undefined;
  readonly log: (line: string) => void;
  /** Told of every call. */
  readonly report?: ((report: CallReport) => void) | undefined;
}

export interface RunningDriver {
  readonly server: Server;
  /** Ends serving. Networks, containers and rules stay: the next process goes on with them. */
  close(): Promise<void>;
}

const activate: readonly Call[] = defineCalls((call) => [
  call('Plugin.Activate', undefined, async () => ({ Implements: ['NetworkDriver', 'IpamDriver'] })),
]);

/** Serves Docker's networks. Throws DockerError; NetlinkError where the kernel refuses what every call needs. */
export async function startDriver(options: DriverOptions): Promise<RunningDriver> {
  const { log, report = () => undefined } = options;
  const directory = options.stateDirectory ?? defaultStateDirectory;
  const { host, close } = openSides('');
  try {
    const pools = new Pools(directory, log);
    const state = new State({
      host,
      directory,
      log,
      cni: {
        confDir: options.confDir ?? '/etc/cni/net.d',
        path: options.path ?? ['/opt/cni/bin'],
        cache: join(directory, 'cni'),
        namespaces: '/run/netloom/docker',
      },
    });
    const docker = reconcile({ state, pools, socket: options.dockerSocket ?? '/run/docker.sock', log });
    const calls = [
      ...activate,
      ...networkCalls(state),
      ...ipamCalls({
        host,
        pools,
        stocks: (options.pools ?? []).map(parseStock),
        reclaim: docker.reclaim,
        isUsed: docker.isUsed,
      }),
    ];
    await state.restore();
    const server = createPluginServer(calls, (call) => {
      if (call.error !== undefined) log(`${call.name}: ${call.error}`);
      docker.noticed(call.name);
      report(call);
    });
    await listenOn(server, options.listen ?? { path: defaultSocket });
    docker.start();
    return {
      server,
      close: async () => {
        docker.stop();
        const ended = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeIdleConnections();
        await ended;
        state.publisher.close();
        close(false);
      },
    };
  } catch (error) {
    close(false);
    throw error;
  }
}
