/** Attaches and detaches containers in the namespace that it runs in, for a test; told what by its first argument. */
import { ContainerNetworks, Runtime } from '../../../host/runtime/index.js';

export interface Work {
  readonly operation: 'setup' | 'remove' | 'gc';
  readonly directory: string;
  readonly containers: readonly { readonly id: string; readonly netns: string }[];
  /** Does it end, as if by kill -9, when so many plugins have begun or ended? */
  readonly killAt?: number;
  readonly inProcess?: boolean;
}

export interface Report {
  /** Of each container: its addresses by interface, or what went wrong. */
  readonly outcomes: readonly (Record<string, string[]> | string)[];
  /** ms for all */
  readonly duration: number;
}

const { operation, directory, containers, killAt, inProcess } = JSON.parse(process.argv[2] ?? '') as Work;
const runtime = new Runtime({
  path: [`${directory}/bin`],
  cacheDirectory: `${directory}/cache`,
  runDirectory: `${directory}/run`,
  inProcess,
});
const networks = new ContainerNetworks({
  runtime,
  directory: `${directory}/net.d`,
  maxNetworks: Number.POSITIVE_INFINITY,
  loopback: true,
});
networks.load();

let events = 0;
const observe = (): void => {
  if (++events === killAt) process.kill(process.pid, 'SIGKILL');
};

async function perform(container: Work['containers'][number]): Promise<Report['outcomes'][number]> {
  try {
    if (operation === 'remove') {
      await networks.remove(container, { observe });
      return {};
    }
    const { interfaces } = await networks.setup(container, { observe });
    const own = Object.entries(interfaces).filter(([, { sandbox }]) => sandbox === container.netns);
    return Object.fromEntries(
      own.map(([name, { addresses }]) => [name, addresses.map(({ address }) => address)]),
    );
  } catch (error) {
    return (error as Error).message;
  }
}

const started = performance.now();
const outcomes =
  operation === 'gc'
    ? [await networks.gc(containers.map(({ id }) => id)).then(() => ({}))]
    : await Promise.all(containers.map(perform));
const report: Report = { outcomes, duration: performance.now() - started };
process.stdout.write(`${JSON.stringify(report)}\n`);
