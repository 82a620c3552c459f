import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Address,
  type Cidr,
  contains,
  formatAddress,
  formatCidr,
  parseAddress,
  plus,
  sizeOf,
} from '../../cni/address.js';
import { CniError } from '../../cni/errors.js';
import { Allocator } from '../../plugins/ipam/host-local/allocator.js';
import type { Lease } from '../../plugins/ipam/host-local/lease-index.js';
import type { Range } from '../../plugins/ipam/host-local/range.js';
import { Store } from '../../plugins/ipam/host-local/store.js';
import { badRequest, conflict } from '../errors.js';
import { Records } from '../records.js';
import { formatPoolId, leaseNetwork, type PoolId, parsePoolId, poolIdOf } from './pool-id.js';

/** A pool that somebody has asked for. */
export interface PoolRecord {
  /** As `formatPoolId` has it. */
  readonly id: string;
  /** How many requests are not released yet. */
  readonly references: number;
  /** Is it one that we chose? */
  readonly chosen: boolean;
  /** When that changed last, ms since 1970. */
  readonly time: number;
}

export interface AddressRequest {
  readonly address: string;
  readonly gateway: boolean;
  /** Whose it is, for people who look at the leases. */
  readonly owner: string;
  /** Swarm: addresses in turn, so that what was given back rests. */
  readonly serial: boolean;
}

function overlap(a: Cidr, b: Cidr): boolean {
  return contains(a, b.address) || contains(b, a.address);
}

/** What a pool gives out: neither the network's address nor IPv4's broadcast address. */
export function rangeOf({ pool, subPool = pool }: PoolId): Range {
  const { bits } = pool.address;
  const whole = pool.length >= bits - 1;
  const first = whole ? pool.address : plus(pool.address, 1n);
  const last = plus(pool.address, sizeOf(pool) - (whole || bits === 128 ? 1n : 2n));
  const end = plus(subPool.address, sizeOf(subPool) - 1n);
  return {
    subnet: pool,
    start: subPool.address.value > first.value ? subPool.address : first,
    end: end.value < last.value ? end : last,
    gateway: undefined,
  };
}

const GATEWAY = 'gateway';
const policy = { oneEach: false, inTurn: false } as const;

/** Pools and the addresses in them, kept by host-local's allocator in host-local's files. */
export class Pools {
  readonly #records: Records<PoolRecord>;
  readonly #leases: string;

  /** Throws DockerError `ERR_DOCKER_STATE`. */
  constructor(directory: string, log: (line: string) => void) {
    this.#records = new Records(join(directory, 'pools'), { durable: true, log });
    this.#leases = join(directory, 'leases');
  }

  list(): PoolRecord[] {
    return this.#records.list();
  }

  /**
   * A pool that is asked for; the same request gives the same pool. Throws DockerError `ERR_DOCKER_CONFLICT` where it
   * overlaps another.
   */
  request(space: string, pool: string, subPool: string): PoolId {
    const id = poolIdOf(space, pool, subPool);
    this.#take(id, false);
    return id;
  }

  /** A pool of our choice: the first candidate that overlaps no other, nor `occupied`. Throws DockerError. */
  choose(space: string, candidates: Iterable<Cidr>, occupied: readonly Cidr[]): PoolId {
    const taken = [...occupied, ...this.#of(space).map(({ pool }) => pool)];
    for (const pool of candidates) {
      if (taken.some((other) => overlap(other, pool))) continue;
      const id = { space, pool, subPool: undefined };
      this.#take(id, true);
      return id;
    }
    throw conflict('no pool is free: name one with --subnet');
  }

  #of(space: string): PoolId[] {
    return this.#records
      .list()
      .map(({ id }) => parsePoolId(id))
      .filter((pool) => pool.space === space);
  }

  #take(id: PoolId, chosen: boolean): void {
    const text = formatPoolId(id);
    const known = this.#records.get(text);
    if (known === undefined) {
      const own = formatCidr(id.pool);
      const other = this.#of(id.space).find(({ pool }) => overlap(pool, id.pool) && formatCidr(pool) !== own);
      if (other !== undefined)
        throw conflict(`Pool overlaps with other one on this address space: ${formatCidr(other.pool)}`);
    }
    this.#records.put({
      id: text,
      references: (known?.references ?? 0) + 1,
      chosen: known?.chosen ?? chosen,
      time: Date.now(),
    });
  }

  /** Gives a pool back; with the last request for it its addresses go too. Idempotent. */
  release(text: string): void {
    const known = this.#records.get(text);
    if (known === undefined) return;
    if (known.references > 1)
      this.#records.put({ ...known, references: known.references - 1, time: Date.now() });
    else this.remove(text);
  }

  /** Sets how often a pool is in use, as is known from elsewhere. */
  setReferences(text: string, references: number): void {
    const known = this.#records.get(text);
    if (known === undefined || known.references === references) return;
    if (references === 0) this.remove(text);
    else this.#records.put({ ...known, references });
  }

  remove(text: string): void {
    const id = parsePoolId(text);
    this.#records.delete(text);
    const network = leaseNetwork(id);
    if (this.#of(id.space).some((other) => leaseNetwork(other) === network)) return;
    rmSync(join(this.#leases, network), { recursive: true, force: true });
  }

  /** The pool of an identifier; one that is not known any more is taken into use again. */
  #known(text: string): PoolId {
    const id = parsePoolId(text);
    if (this.#records.get(text) === undefined) this.#take(id, false);
    return id;
  }

  /** An address of a pool, with the length of its prefix. Throws DockerError, CniError. */
  requestAddress(text: string, { address, gateway, owner, serial }: AddressRequest): string {
    const id = this.#known(text);
    const range = rangeOf(id);
    const wanted = address === '' ? undefined : parseAddress(address);
    if (address !== '' && wanted === undefined)
      throw badRequest(`invalid address ${JSON.stringify(address)}`);
    if (wanted !== undefined && !contains(id.pool, wanted))
      throw badRequest('Requested address is not in any of the pools: it is out of range');
    using store = Store.open(this.#leases, leaseNetwork(id));
    const who = { containerId: gateway ? GATEWAY : owner, ifname: text };
    if (gateway) {
      // after a crash it is asked for once more
      const before = store.leasesOf(who).find(({ name }) => address === '' || isSame(name, wanted));
      if (before !== undefined) return `${before.name}/${id.pool.length}`;
    }
    if (wanted !== undefined) {
      if (!store.reserve(wanted, who)) throw conflict('Address already in use');
      return formatCidr({ address: wanted, length: id.pool.length });
    }
    try {
      const allocator = new Allocator(store, who, [], { ...policy, inTurn: serial });
      return (allocator.allocate([[range]])[0] as { address: string }).address;
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
      throw conflict(`no available addresses on this pool: ${error.message}`);
    }
  }

  /** Idempotent; unknown addresses and pools are none to give back. */
  releaseAddress(text: string, address: string): void {
    const id = parsePoolId(text);
    const parsed = parseAddress(address);
    const network = leaseNetwork(id);
    if (parsed === undefined || !Store.exists(this.#leases, network)) return;
    using store = Store.open(this.#leases, network);
    store.release([{ name: formatAddress(parsed), content: '', time: 0 }]);
  }

  /** Gives addresses of a pool back that `isStale` picks; returns them. */
  reclaim(text: string, isStale: (lease: Lease) => boolean): string[] {
    const network = leaseNetwork(parsePoolId(text));
    if (!Store.exists(this.#leases, network)) return [];
    using store = Store.open(this.#leases, network);
    const stale = store
      .leases()
      .filter((lease) => lease.content.split('\r\n')[0] !== GATEWAY && isStale(lease));
    store.release(stale);
    return stale.map(({ name }) => name);
  }
}

function isSame(name: string, wanted: Address | undefined): boolean {
  return wanted !== undefined && formatAddress(wanted) === name;
}
