import { formatCidr } from '../../cni/address.js';
import { boolean, object, optional, record, string } from '../../cni/config.js';
import type { Side } from '../../cni/plugin.js';
import { defineCalls } from '../protocol.js';
import { poolCandidates, routedNetworks, type Stock } from './candidates.js';
import { addressSpaces, formatPoolId } from './pool-id.js';
import type { Pools } from './pools.js';

const poolShape = object({
  AddressSpace: optional(string, ''),
  Pool: optional(string, ''),
  SubPool: optional(string, ''),
  Options: optional(record, {}),
  V6: optional(boolean, false),
});
const addressShape = object({
  PoolID: string,
  Address: optional(string, ''),
  Options: optional(record, {}),
});
const releasePoolShape = object({ PoolID: string });
const releaseAddressShape = object({ PoolID: string, Address: string });

const labels = {
  type: 'RequestAddressType',
  gateway: 'com.docker.network.gateway',
  endpoint: 'com.docker.network.endpoint.name',
  serial: 'com.docker.network.ipam.serial',
} as const;

export interface IpamDriverParts {
  readonly host: Side;
  readonly pools: Pools;
  /** Where pools are chosen from; Docker's own by default. */
  readonly stocks: readonly Stock[];
  /** Called when a pool has no address left, or not the one that is wanted: gives back what nobody has. */
  readonly reclaim: (poolId: string, wanted: string) => number;
  readonly isUsed: (poolId: string, address: string) => boolean;
}

/** The calls of IpamDriver. https://github.com/moby/moby/blob/master/daemon/libnetwork/docs/ipam.md */
export function ipamCalls({ host, pools, stocks, reclaim, isUsed }: IpamDriverParts) {
  return defineCalls((call) => [
    call('IpamDriver.GetCapabilities', undefined, async () => ({
      RequiresMACAddress: false,
      // what is asked for is kept here, and an identifier of a pool tells all about it
      RequiresRequestReplay: false,
    })),
    call('IpamDriver.GetDefaultAddressSpaces', undefined, async () => ({
      LocalDefaultAddressSpace: addressSpaces.local,
      GlobalDefaultAddressSpace: addressSpaces.global,
    })),
    call('IpamDriver.RequestPool', poolShape, async ({ AddressSpace, Pool, SubPool, V6 }) => {
      const space = AddressSpace === '' ? addressSpaces.local : AddressSpace;
      const id =
        Pool === ''
          ? pools.choose(space, poolCandidates(V6, stocks), await routedNetworks(host.network, V6))
          : pools.request(space, Pool, SubPool);
      return { PoolID: formatPoolId(id), Pool: formatCidr(id.pool), Data: {} };
    }),
    call('IpamDriver.ReleasePool', releasePoolShape, async ({ PoolID }) => {
      pools.release(PoolID);
      return {};
    }),
    call('IpamDriver.RequestAddress', addressShape, async ({ PoolID, Address, Options }) => {
      const request = {
        address: Address,
        gateway: Options[labels.type] === labels.gateway,
        owner: String(Options[labels.endpoint] ?? 'docker'),
        serial: Options[labels.serial] === 'true',
      };
      const attempt = () => ({ Address: pools.requestAddress(PoolID, request), Data: {} });
      try {
        return attempt();
      } catch (error) {
        if (reclaim(PoolID, Address) === 0) throw error;
        return attempt();
      }
    }),
    call('IpamDriver.ReleaseAddress', releaseAddressShape, async ({ PoolID, Address }) => {
      // asked for by two at once, it is refused to the second, who gives it back
      if (!isUsed(PoolID, Address)) pools.releaseAddress(PoolID, Address);
      return {};
    }),
  ]);
}
