import { type DockerNetwork, listDockerNetworks } from './docker-api.js';
import { formatPoolId, leaseNetwork, parsePoolId, poolIdOf } from './ipam/pool-id.js';
import type { Pools } from './ipam/pools.js';
import type { State } from './state.js';

export interface ReconcileParts {
  readonly state: State;
  readonly pools: Pools;
  /** Docker's API; empty: nobody is asked. */
  readonly socket: string;
  readonly log: (line: string) => void;
}

/** ms after what has changed until Docker is asked: not while it waits for us. */
const PAUSE = 1000;
const ATTEMPTS = 60;
/** ms that an address may be without an endpoint: Docker asks for the one, then for the other. */
const GRACE = 60_000;

export interface Reconciliation {
  start(): void;
  stop(): void;
  /** A call was answered: some change what Docker lists. */
  noticed(call: string): void;
  /** Gives addresses of a pool back that no endpoint has; returns how many. */
  reclaim(poolId: string): number;
}

/**
 * Compares what we know with what Docker has: it may have lost networks, or died between two calls. Docker is never asked
 * inside of a call, where it may be waiting for us with its locks held.
 */
export function reconcile({ state, pools, socket, log }: ReconcileParts): Reconciliation {
  let timer: NodeJS.Timeout | undefined;
  let attempts = 0;
  let stopped = false;
  let first = true;
  let began = Date.now();

  const reclaim = (poolId: string): number => {
    const record = pools.list().find(({ id }) => id === poolId);
    if (record === undefined) return 0;
    const own = leaseNetwork(parsePoolId(poolId));
    const users = state.networks
      .list()
      .filter(({ subnets }) => subnets.some(({ pool }) => own.endsWith(`_${pool.replace('/', '_')}`)));
    const references = pools
      .list()
      .filter(({ id }) => leaseNetwork(parsePoolId(id)) === own)
      .reduce((sum, one) => sum + one.references, 0);
    // somebody else's networks have addresses of it too: we do not know whose they are
    if (users.length === 0 || users.length < references) return 0;
    const ids = new Set(users.map(({ id }) => id));
    const bare = (address: string): string => address.split('/')[0] as string;
    const used = new Set([
      ...users.flatMap(({ subnets }) =>
        subnets.flatMap(({ gateway = '', auxiliary }) => [bare(gateway), ...auxiliary]),
      ),
      ...state.endpoints
        .list()
        .filter(({ network }) => ids.has(network))
        .flatMap(({ address, address6 }) => [bare(address), bare(address6)]),
    ]);
    const young = Date.now() - GRACE;
    const given = pools.reclaim(poolId, ({ name, time }) => !used.has(name) && time < young);
    if (given.length > 0) log(`addresses that no container has: ${given.join(', ')}`);
    return given.length;
  };

  /** Docker has no such network any more: what was made for it before we began goes. */
  const removeLost = async (listed: readonly DockerNetwork[]): Promise<void> => {
    const known = new Set(listed.map(({ Id }) => Id));
    for (const network of state.networks.list()) {
      if (known.has(network.id) || network.time >= began) continue;
      log(`network ${network.name ?? network.id} is Docker's no more: removed`);
      await state.removeNetwork(network.id);
    }
  };

  const countPools = (listed: readonly DockerNetwork[]): void => {
    const references = new Map<string, number>();
    for (const { IPAM } of listed) {
      // Docker's own do not take from us
      if (IPAM === undefined || ['default', 'null'].includes(IPAM.Driver)) continue;
      for (const { Subnet, IPRange } of IPAM.Config) {
        for (const { id } of pools.list()) {
          const { space } = parsePoolId(id);
          try {
            if (formatPoolId(poolIdOf(space, Subnet, IPRange)) !== id) continue;
          } catch {
            continue;
          }
          references.set(id, (references.get(id) ?? 0) + 1);
        }
      }
    }
    for (const { id } of pools.list().filter((pool) => pool.time < began))
      pools.setReferences(id, references.get(id) ?? 0);
  };

  const nameNetworks = async (listed: readonly DockerNetwork[]): Promise<boolean> => {
    for (const { Id, Name } of listed) await state.nameNetwork(Id, Name);
    return state.networks.list().every(({ name }) => name !== undefined);
  };

  const ask = async (): Promise<void> => {
    timer = undefined;
    let done = false;
    try {
      const before = calls;
      const listed = await listDockerNetworks(socket);
      if (stopped) return;
      // a network that was made meanwhile may not be in the list
      if (first && before === calls) {
        first = false;
        await removeLost(listed);
        countPools(listed);
        for (const { id } of pools.list()) reclaim(id);
      }
      done = (await nameNetworks(listed)) && !first;
    } catch {
      // Docker is not there yet, or its socket is elsewhere
    }
    attempts++;
    if (!done && !stopped && attempts < ATTEMPTS) later();
  };

  let calls = 0;
  const later = (): void => {
    if (socket === '' || stopped || timer !== undefined) return;
    timer = setTimeout(() => void ask(), PAUSE);
    timer.unref();
  };

  return {
    start: later,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
    noticed: (name) => {
      calls++;
      // Docker has started: what it has lost since the last time goes
      if (name === 'Plugin.Activate') {
        first = true;
        began = Date.now();
      } else if (!name.endsWith('.CreateNetwork')) return;
      attempts = 0;
      later();
    },
    reclaim,
  };
}
