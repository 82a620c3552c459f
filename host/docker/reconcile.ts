import { formatAddress, parseAddress } from '../cni/address.js';
import { type DockerNetwork, listDockerEndpoints, listDockerNetworks } from './docker-api.js';
import { formatPoolId, leaseNetwork, parsePoolId, poolIdOf } from './ipam/pool-id.js';
import type { Pools } from './ipam/pools.js';
import type { NetworkRecord } from './networks/record.js';
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
/** Calls after which something may be left. */
const removals: ReadonlySet<string> = new Set(['IpamDriver.ReleasePool', 'NetworkDriver.DeleteEndpoint']);

const bare = (address: string): string => address.split('/')[0] as string;

export interface Reconciliation {
  start(): void;
  stop(): void;
  /** A call was answered: some change what Docker lists. */
  noticed(call: string): void;
  /**
   * Gives addresses of a pool back that no endpoint has; returns how many. They must have been so for a while, but for
   * the one that is `wanted`: whoever asks for it may have lost the answer.
   */
  reclaim(poolId: string, wanted?: string): number;
  /** Does an endpoint of ours have this address of a pool? */
  isUsed(poolId: string, address: string): boolean;
}

/**
 * Compares what we know with what Docker has: it may have lost networks, or died between two calls. Docker is never asked
 * inside of a call, where it may be waiting for us with its locks held.
 */
export function reconcile({ state, pools, socket, log }: ReconcileParts): Reconciliation {
  let timer: NodeJS.Timeout | undefined;
  let attempts = 0;
  let stopped = false;
  /** Docker was not asked since we have begun, or it has. */
  let first = true;
  /** There may be something that Docker does not have. */
  let doubtful = true;
  let audit: NodeJS.Timeout | undefined;
  let began = Date.now();

  const usersOf = (own: string): NetworkRecord[] =>
    state.networks
      .list()
      .filter(({ subnets }) => subnets.some(({ pool }) => own.endsWith(`_${pool.replace('/', '_')}`)));

  const canonical = (address: string): string => {
    const parsed = parseAddress(address);
    return parsed === undefined ? address : formatAddress(parsed);
  };

  const addressesIn = (users: readonly NetworkRecord[]): string[] => {
    const ids = new Set(users.map(({ id }) => id));
    return state.endpoints
      .list()
      .filter(({ network }) => ids.has(network))
      .flatMap(({ address, address6 }) => [bare(address), bare(address6)]);
  };

  const reclaim = (poolId: string, wanted = ''): number => {
    const record = pools.list().find(({ id }) => id === poolId);
    if (record === undefined) return 0;
    const own = leaseNetwork(parsePoolId(poolId));
    const users = usersOf(own);
    const references = pools
      .list()
      .filter(({ id }) => leaseNetwork(parsePoolId(id)) === own)
      .reduce((sum, one) => sum + one.references, 0);
    // somebody else's networks have addresses of it too: we do not know whose they are
    if (users.length === 0 || users.length < references) return 0;
    const used = new Set([
      ...users.flatMap(({ subnets }) =>
        subnets.flatMap(({ gateway = '', auxiliary }) => [bare(gateway), ...auxiliary]),
      ),
      ...addressesIn(users),
    ]);
    const young = Date.now() - GRACE;
    const given = pools.reclaim(
      poolId,
      ({ name, time }) => !used.has(name) && (time < young || name === canonical(wanted)),
    );
    if (given.length > 0) log(`addresses that no container has: ${given.join(', ')}`);
    return given.length;
  };

  /** Docker has no such network or endpoint any more: what was made for it before `until` goes. */
  const removeLost = async (listed: readonly DockerNetwork[], until: number): Promise<void> => {
    const known = new Set(listed.map(({ Id }) => Id));
    for (const network of state.networks.list()) {
      if (known.has(network.id) || network.time >= until) continue;
      log(`network ${network.name ?? network.id} is Docker's no more: removed`);
      await state.removeNetwork(network.id);
    }
  };

  const removeLostEndpoints = async (
    attached: ReadonlyMap<string, readonly string[]>,
    until: number,
  ): Promise<void> => {
    for (const { id, network, time } of state.endpoints.list()) {
      const there = attached.get(network);
      if (there === undefined || there.includes(id) || time >= until) continue;
      log(`endpoint ${id} is Docker's no more: removed`);
      await state.removeEndpoint(id);
    }
  };

  /** Endpoints that Docker knows, of those of its networks where we know some that are old enough to be judged. */
  const endpointsOf = async (
    listed: readonly DockerNetwork[],
    until: number,
  ): Promise<Map<string, string[]>> => {
    const old = state.endpoints.list().filter(({ time }) => time < until);
    const doubted = listed.filter(({ Id }) => old.some(({ network }) => network === Id));
    return new Map(
      await Promise.all(
        doubted.map(async ({ Id }) => [Id, await listDockerEndpoints(socket, Id)] as [string, string[]]),
      ),
    );
  };

  const countPools = (listed: readonly DockerNetwork[], until: number): void => {
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
    for (const { id } of pools.list().filter((pool) => pool.time < until))
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
      // what is under way is not in the list yet
      const until = first ? began : Date.now() - GRACE;
      const listed = await listDockerNetworks(socket);
      const attached = doubtful ? await endpointsOf(listed, until) : new Map<string, string[]>();
      if (stopped) return;
      if (doubtful && before === calls) {
        doubtful = false;
        first = false;
        await removeLost(listed, until);
        await removeLostEndpoints(attached, until);
        countPools(listed, until);
        for (const { id } of pools.list()) reclaim(id);
      }
      done = (await nameNetworks(listed)) && !doubtful;
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

  /** What Docker has asked for twice because it lost an answer, it gives back once. */
  const auditLater = (): void => {
    if (socket === '' || stopped || audit !== undefined) return;
    audit = setTimeout(() => {
      audit = undefined;
      doubtful = true;
      attempts = 0;
      later();
    }, GRACE);
    audit.unref();
  };

  return {
    start: later,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      clearTimeout(audit);
    },
    noticed: (name) => {
      calls++;
      // Docker has started: what it has lost since the last time goes
      if (name === 'Plugin.Activate') {
        first = true;
        doubtful = true;
        began = Date.now();
      } else if (removals.has(name)) {
        auditLater();
        return;
      } else if (!name.endsWith('.CreateNetwork')) return;
      attempts = 0;
      later();
    },
    reclaim,
    isUsed: (poolId, address) =>
      addressesIn(usersOf(leaseNetwork(parsePoolId(poolId)))).includes(canonical(address)),
  };
}
