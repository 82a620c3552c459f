import { CniError, errorCodes } from '../../../cni/errors.js';
import { type AttachmentRequest, definePlugin, type GcRequest, type Request } from '../../../cni/plugin.js';
import type { Result } from '../../../cni/result.js';
import { formatAddress, parseAddress } from '../../common/address.js';
import { isYounger } from '../../common/garbage.js';
import { readResolvConf } from '../../common/resolv-conf.js';
import { Allocator, unavailable } from './allocator.js';
import { allocationOf, dataDirOf, type HostLocalConfig, hostLocalShape } from './config.js';
import type { Lease } from './lease-index.js';
import { candidates, formatSet, type RangeSet } from './range.js';
import { Store } from './store.js';

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
