import { CniError, errorCodes } from '../../../cni/errors.js';
import type { IpConfig } from '../../../cni/result.js';
import { type Address, formatAddress, formatCidr, isEqual, parseAddress } from '../../common/address.js';
import type { Lease } from './lease-index.js';
import { candidates, formatSet, includes, type Range, type RangeSet } from './range.js';
import type { Owner, Store } from './store.js';

export function unavailable(msg: string): CniError {
  return new CniError(errorCodes.internal, msg);
}

function covers(set: RangeSet, address: Address): Range | undefined {
  return set.find((range) => includes(range, address));
}

function configOf(address: Address, { subnet, gateway }: Range): IpConfig {
  const ip = { address: formatCidr({ address, length: subnet.length }) };
  return gateway === undefined ? ip : { ...ip, gateway: formatAddress(gateway) };
}

/** What users of the allocator differ in. CNI: both. */
export interface AllocationPolicy {
  /** An owner that has an address of a set already gets no other. */
  readonly oneEach: boolean;
  /** The search begins behind the address given out last, so that what is given back rests for a while. */
  readonly inTurn: boolean;
}

const cniPolicy: AllocationPolicy = { oneEach: true, inTurn: true };

/** All the addresses of one attachment: one of each range set, or none. */
export class Allocator {
  readonly #store: Store;
  readonly #owner: Owner;
  readonly #requested: Address[];
  /** What the owner has leased before; the lock keeps it so. */
  readonly #before: readonly Lease[];
  readonly #made: Lease[] = [];
  readonly #policy: AllocationPolicy;

  constructor(
    store: Store,
    owner: Owner,
    requested: readonly Address[],
    policy: AllocationPolicy = cniPolicy,
  ) {
    this.#policy = policy;
    this.#store = store;
    this.#owner = owner;
    this.#requested = [...requested];
    this.#before = store.leasesOf(owner);
  }

  allocate(sets: readonly RangeSet[]): IpConfig[] {
    try {
      const ips = sets.map((set, index) => this.#oneOf(set, index));
      if (this.#requested.length > 0) {
        const left = this.#requested.map(formatAddress).join(' ');
        throw unavailable(`failed to allocate all requested IPs: ${left}`);
      }
      return ips;
    } catch (error) {
      this.#store.release(this.#made);
      throw error;
    }
  }

  #oneOf(set: RangeSet, index: number): IpConfig {
    try {
      const wanted = this.#requested.findIndex((address) => covers(set, address) !== undefined);
      const { address, range } = wanted < 0 ? this.#next(set, index) : this.#wanted(set, wanted);
      if (this.#policy.inTurn) this.#store.setLast(index, address);
      return configOf(address, range);
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
      throw new CniError(error.number, `failed to allocate for range ${index}: ${error.msg}`, error.details, {
        cause: error,
      });
    }
  }

  #reserve(address: Address): boolean {
    const name = formatAddress(address);
    if (this.#store.index.isTaken(name) || !this.#store.reserve(address, this.#owner)) return false;
    this.#made.push({ name, content: '', time: 0 });
    return true;
  }

  #wanted(set: RangeSet, position: number): { address: Address; range: Range } {
    const [address] = this.#requested.splice(position, 1) as [Address];
    const range = covers(set, address) as Range;
    const name = formatAddress(address);
    if (range.gateway !== undefined && isEqual(address, range.gateway))
      throw unavailable(`requested ip ${name} is subnet's gateway`);
    if (!this.#reserve(address)) {
      throw unavailable(`requested IP address ${name} is not available in range set ${formatSet(set)}`);
    }
    return { address, range };
  }

  #next(set: RangeSet, index: number): { address: Address; range: Range } {
    for (const { name } of this.#policy.oneEach ? this.#before : []) {
      const address = parseAddress(name);
      if (address !== undefined && covers(set, address) !== undefined) {
        const { containerId } = this.#owner;
        throw unavailable(
          `${name} has been allocated to ${containerId}, duplicate allocation is not allowed`,
        );
      }
    }
    for (const candidate of candidates(set, this.#policy.inTurn ? this.#store.last(index) : undefined)) {
      if (this.#reserve(candidate.address)) return candidate;
    }
    throw unavailable(`no IP addresses available in range set: ${formatSet(set)}`);
  }
}
