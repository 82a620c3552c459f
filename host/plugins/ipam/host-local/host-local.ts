import { CniError, errorCodes } from '../../../cni/errors.js';
import { type AttachmentRequest, definePlugin, type GcRequest, type Request } from '../../../cni/plugin.js';
import type { IpConfig, Result } from '../../../cni/result.js';
import { type Address, formatAddress, formatCidr, isEqual, parseAddress } from '../../common/address.js';
import { isYounger } from '../../common/garbage.js';
import { readResolvConf } from '../../common/resolv-conf.js';
import { allocationOf, dataDirOf, type HostLocalConfig, hostLocalShape } from './config.js';
import type { Lease } from './lease-index.js';
import { candidates, formatSet, includes, type Range, type RangeSet } from './range.js';
import { type Owner, Store } from './store.js';

function unavailable(msg: string): CniError {
  return new CniError(errorCodes.internal, msg);
}

function covers(set: RangeSet, address: Address): Range | undefined {
  return set.find((range) => includes(range, address));
}

function configOf(address: Address, { subnet, gateway }: Range): IpConfig {
  return { address: formatCidr({ address, length: subnet.length }), gateway: formatAddress(gateway) };
}

/** All the addresses of one attachment: one of each range set, or none. */
class Allocator {
  readonly #store: Store;
  readonly #owner: Owner;
  readonly #requested: Address[];
  /** What the owner has leased before; the lock keeps it so. */
  readonly #before: readonly Lease[];
  readonly #made: Lease[] = [];

  constructor(store: Store, owner: Owner, requested: readonly Address[]) {
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
      this.#store.setLast(index, address);
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
    if (isEqual(address, range.gateway)) throw unavailable(`requested ip ${name} is subnet's gateway`);
    if (!this.#reserve(address)) {
      throw unavailable(`requested IP address ${name} is not available in range set ${formatSet(set)}`);
    }
    return { address, range };
  }

  #next(set: RangeSet, index: number): { address: Address; range: Range } {
    for (const { name } of this.#before) {
      const address = parseAddress(name);
      if (address !== undefined && covers(set, address) !== undefined) {
        const { containerId } = this.#owner;
        throw unavailable(
          `${name} has been allocated to ${containerId}, duplicate allocation is not allowed`,
        );
      }
    }
    for (const candidate of candidates(set, this.#store.last(index))) {
      if (this.#reserve(candidate.address)) return candidate;
    }
    throw unavailable(`no IP addresses available in range set: ${formatSet(set)}`);
  }
}

function withStore<T>(dataDir: string, network: string, use: (store: Store) => T): T {
  const store = Store.open(dataDir, network);
  try {
    return use(store);
  } finally {
    store.close();
  }
}

async function add(request: AttachmentRequest<HostLocalConfig>): Promise<Result> {
  const { sets, requested, dataDir, resolvConf, routes } = allocationOf(request);
  const dns = resolvConf === undefined ? undefined : readResolvConf(resolvConf);
  const ips = withStore(dataDir, request.name, (store) =>
    new Allocator(store, request, requested).allocate(sets),
  );
  return { ips, routes: [...routes], ...(dns === undefined ? {} : { dns }) };
}

/** Leases are found by what is in them, so that a config whose ranges have changed, or are wrong, is no obstacle. */
async function remove(request: AttachmentRequest<HostLocalConfig>): Promise<void> {
  const dataDir = dataDirOf(request.config);
  if (!Store.exists(dataDir, request.name)) return;
  withStore(dataDir, request.name, (store) => store.release(store.leasesOf(request)));
}

async function check(request: AttachmentRequest<HostLocalConfig>): Promise<void> {
  const { dataDir } = allocationOf(request);
  const found =
    Store.exists(dataDir, request.name) &&
    withStore(dataDir, request.name, (store) => store.leasesOf(request).length > 0);
  if (!found)
    throw unavailable(`host-local: Failed to find address added by container ${request.containerId}`);
}

/** Gives back the leases of attachments that the runtime does not know any more, and those that a crash left empty. */
async function gc(request: GcRequest<HostLocalConfig>): Promise<void> {
  const dataDir = dataDirOf(request.config);
  if (!Store.exists(dataDir, request.name)) return;
  withStore(dataDir, request.name, (store) => {
    // no lease is made or given back while this process has the lock
    const leases = store.leases();
    const valid = new Set(
      request.validAttachments.flatMap(({ containerID, ifname }) => [
        `${containerID}\r\n${ifname}`,
        containerID,
      ]),
    );
    const isStale = ({ name, content, time }: Lease): boolean =>
      parseAddress(name) !== undefined && !valid.has(content) && !isYounger(request, time);
    store.release(leases.filter(isStale));
  });
}

/** Throws CniError 50 when a range set has no address left, or no lease can be kept. */
async function status(request: Request<HostLocalConfig>): Promise<void> {
  const { dataDir, sets, resolvConf } = allocationOf(request);
  try {
    Store.requireWritable(dataDir, request.name);
    if (resolvConf !== undefined) readResolvConf(resolvConf);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new CniError(errorCodes.pluginNotAvailable, error.msg, error.details, { cause: error });
  }
  if (!Store.exists(dataDir, request.name)) return;
  const leases = withStore(dataDir, request.name, (store) => store.leases());
  const taken = new Set(leases.filter(({ content }) => content !== '').map(({ name }) => name));
  for (const set of sets) {
    if (!hasFree(set, taken)) {
      const msg = `no IP addresses available in range set: ${formatSet(set)}`;
      throw new CniError(errorCodes.pluginNotAvailable, msg);
    }
  }
}

function hasFree(set: RangeSet, taken: ReadonlySet<string>): boolean {
  for (const { address } of candidates(set, undefined)) if (!taken.has(formatAddress(address))) return true;
  return false;
}

/**
 * host-local: addresses of ranges, kept in files of this host that the reference's plugin shares.
 * https://www.cni.dev/plugins/current/ipam/host-local/
 */
export const hostLocal = definePlugin<HostLocalConfig>({
  type: 'host-local',
  config: hostLocalShape,
  usesNetwork: false,
  add,
  delete: remove,
  check,
  gc,
  status,
});
