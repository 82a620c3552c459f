import { CniError, errorCodes } from '../../cni/errors.js';
import type { Side } from '../../cni/plugin.js';
import type { Device } from '../../network/context.js';
import type { Link } from '../../network/links.js';
import type { Network } from '../../network/network.js';

const MAIN_TABLE = 254;

/** Index of the link that the first default route goes over, of IPv4 before IPv6. */
async function defaultRouteLink({ routes }: Network): Promise<number | undefined> {
  for (const family of ['inet', 'inet6'] as const) {
    for (const route of await routes.list({ family, table: MAIN_TABLE, type: 'unicast' })) {
      if (route.dst !== 'default') continue;
      const index = route.oif ?? route.multipath?.[0]?.header.ifindex;
      if (index !== undefined) return index;
    }
  }
  return undefined;
}

/**
 * The link that others are to be stacked on: the one of that name, or the one of the default route. Throws CniError
 * 999, or what `number` says.
 */
export async function findMaster(
  { network }: Side,
  name: string | undefined,
  number: number = errorCodes.internal,
): Promise<Link> {
  const device: Device | undefined =
    name === undefined || name === '' ? await defaultRouteLink(network) : name;
  if (device === undefined) throw new CniError(number, 'no default route interface found');
  const link = await network.links.find(device);
  if (link === undefined) throw new CniError(number, `failed to lookup master "${device}": Link not found`);
  return link;
}

/** Throws CniError 7 when an MTU (bytes, 0 for the master's own) is more than the master carries. */
export function checkMtu(mtu: number, master: Link): void {
  const most = master.mtu ?? 0;
  if (mtu >= 0 && mtu <= most) return;
  throw new CniError(errorCodes.invalidNetworkConfig, `invalid MTU ${mtu}, must be [0, master MTU(${most})]`);
}
