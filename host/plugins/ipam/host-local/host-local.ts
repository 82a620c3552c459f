import { CniError, errorCodes } from '../../../cni/errors.js';
import { type AttachmentRequest, definePlugin, type GcRequest } from '../../../cni/plugin.js';
import type { IpConfig, Result, Route } from '../../../cni/result.js';
import { type Address, formatAddress, formatCidr, isEqual, parseAddress } from '../../common/address.js';
import { readResolvConf } from '../../common/resolv-conf.js';
import { type Allocation, allocationOf, type HostLocalConfig, hostLocalShape } from './config.js';
import { candidates, formatSet, includes, type RangeSet } from './range.js';
import { type Owner, Store } from './store.js';

function unavailable(msg: string): CniError {
  return new CniError(errorCodes.internal, msg);
}

/** Takes one address of a set: the requested one that is in it, if any, else the next that is free. */
function allocate(store: Store, index: number, set: RangeSet, owner: Owner, requested: Address[]): IpConfig {
  const wanted = requested.findIndex((address) => set.some((range) => includes(range, address)));
  if (wanted >= 0) {
    const [address] = requested.splice(wanted, 1) as [Address];
    const range = set.find((one) => includes(one, address)) as RangeSet[number];
    if (isEqual(address, range.gateway))
      throw unavailable(`requested ip ${formatAddress(address)} is subnet's gateway`);
    if (!store.reserve(address, owner)) {
      throw unavailable(
        `requested IP address ${formatAddress(address)} is not available in range set ${formatSet(set)}`,
      );
    }
    store.setLast(index, address);
    return configOf(address, range);
  }
  for (const name of store.leasesOf(owner)) {
    const address = parseAddress(name);
    if (address !== undefined && set.some((range) => includes(range, address))) {
      throw unavailable(
        `${name} has been allocated to ${owner.containerId}, duplicate allocation is not allowed`,
      );
    }
  }
  for (const { address, range } of candidates(set, store.last(index))) {
    if (!store.reserve(address, owner)) continue;
    store.setLast(index, address);
    return configOf(address, range);
  }
  throw unavailable(`no IP addresses available in range set: ${formatSet(set)}`);
}

function configOf(address: Address, { subnet, gateway }: RangeSet[number]): IpConfig {
  return { address: formatCidr({ address, length: subnet.length }), gateway: formatAddress(gateway) };
}

function allocateAll(store: Store, { sets, requested }: Allocation, owner: Owner): IpConfig[] {
  const left = [...requested];
  const before = store.leasesOf(owner);
  const ips: IpConfig[] = [];
  try {
    for (const [index, set] of sets.entries()) {
      try {
        ips.push(allocate(store, index, set, owner, left));
      } catch (error) {
        if (!(error instanceof CniError) || error.number !== errorCodes.internal) throw error;
        throw unavailable(`failed to allocate for range ${index}: ${error.msg}`);
      }
    }
    if (left.length > 0)
      throw unavailable(`failed to allocate all requested IPs: ${left.map(formatAddress).join(' ')}`);
    return ips;
  } catch (error) {
    store.release(store.leasesOf(owner).filter((name) => !before.includes(name)));
    throw error;
  }
}

function withStore<T>(allocation: Allocation, network: string, use: (store: Store) => T): T {
  const store = Store.open(allocation.dataDir, network);
  try {
    return use(store);
  } finally {
    store.close();
  }
}

async function add(request: AttachmentRequest<HostLocalConfig>): Promise<Result> {
  const allocation = allocationOf(request);
  const dns = allocation.resolvConf === undefined ? undefined : readResolvConf(allocation.resolvConf);
  const ips = withStore(allocation, request.name, (store) => allocateAll(store, allocation, request));
  return { ips, routes: allocation.routes as Route[], ...(dns === undefined ? {} : { dns }) };
}

async function remove(request: AttachmentRequest<HostLocalConfig>): Promise<void> {
  withStore(allocationOf(request), request.name, (store) => store.release(store.leasesOf(request)));
}

async function check(request: AttachmentRequest<HostLocalConfig>): Promise<void> {
  const { containerId } = request;
  const found = withStore(allocationOf(request), request.name, (store) => store.leasesOf(request));
  if (found.length === 0)
    throw unavailable(`host-local: Failed to find address added by container ${containerId}`);
}

/** Leases of attachments that the runtime does not know any more. */
async function gc(request: GcRequest<HostLocalConfig>): Promise<void> {
  const valid = new Set<string>();
  for (const { containerID, ifname } of request.validAttachments) {
    valid.add(`${containerID}\r\n${ifname}`);
    valid.add(containerID);
  }
  withStore(allocationOf(request), request.name, (store) => {
    const stale = store
      .leases()
      .filter(({ name, content }) => parseAddress(name) !== undefined && !valid.has(content));
    store.release(stale.map(({ name }) => name));
  });
}

/** Is there an address left in each set? */
async function status(request: Parameters<typeof allocationOf>[0]): Promise<void> {
  const allocation = allocationOf(request);
  withStore(allocation, request.name, (store) => {
    const taken = new Set(store.leases().map(({ name }) => name));
    for (const set of allocation.sets) {
      let free = false;
      for (const { address } of candidates(set, undefined)) {
        if (taken.has(formatAddress(address))) continue;
        free = true;
        break;
      }
      if (!free) {
        throw new CniError(
          errorCodes.pluginNotAvailable,
          `no IP addresses available in range set: ${formatSet(set)}`,
        );
      }
    }
  });
}

/** host-local: addresses of ranges, kept in files of this host. */
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
