import { CniError, errorCodes } from '../../cni/errors.js';
import type { IpConfig, Result, Route } from '../../cni/result.js';
import type { Network } from '../../network/network.js';
import { formatCidr, networkOf } from './address.js';
import { cidrOf } from './interface.js';
import { tableFinder } from './tables.js';

export function wrong(msg: string): CniError {
  return new CniError(errorCodes.internal, msg);
}

/** `prevResult` of a CHECK. Throws CniError 999 when there is none, with the plugin's own words before. */
export function requirePrevResult(result: Result | undefined, prefix = ''): Result {
  if (result === undefined) throw wrong(`${prefix}Required prevResult missing`);
  return result;
}

/** Has the interface the addresses of a result, and the routes to their networks? Throws CniError 999. */
export async function checkAddresses(
  network: Network,
  ifname: string,
  ips: readonly IpConfig[],
): Promise<void> {
  const link = await network.links.find(ifname);
  if (link === undefined) throw wrong(`Cannot find container link ${ifname}`);
  const addresses = await network.addresses.list({ device: link.index });
  const tables = (await tableFinder(network))(link.index);
  const routes = (await network.routes.list()).filter(({ table }) => tables.has(table));
  for (const ip of ips) {
    const cidr = cidrOf(ip);
    if (!addresses.some(({ address }) => address === formatCidr(cidr))) {
      throw wrong(`Failed to match addr ${ip.address} on interface ${ifname}`);
    }
    // an address that is its whole network has no route to it
    if (cidr.length === cidr.address.bits) continue;
    const prefix = formatCidr(networkOf(cidr));
    if (!routes.some(({ dst }) => dst === prefix)) {
      throw wrong(`Failed to find Gateway ${ip.gateway ?? ''} for interface ${ifname}`);
    }
  }
}

/** Are the routes of a result there, in a table that the kernel looks for them in? Throws CniError 999. */
export async function checkRoutes(network: Network, wanted: readonly Route[]): Promise<void> {
  if (wanted.length === 0) return;
  const tablesFor = await tableFinder(network);
  const present = await network.routes.list();
  for (const { dst, gw, table } of wanted) {
    const cidr = cidrOf({ address: dst });
    const prefix = cidr.length === 0 ? 'default' : formatCidr(networkOf(cidr));
    const family = cidr.address.bits === 32 ? 'inet' : 'inet6';
    const found = present.some(
      (route) =>
        route.dst === prefix &&
        route.family === family &&
        (table === undefined ? tablesFor(route.oif).has(route.table) : route.table === table) &&
        (gw === undefined ||
          cidr.length === 0 ||
          route.gateway === gw ||
          route.multipath?.some((hop) => hop.attributes.gateway === gw)),
    );
    if (!found) throw wrong(`Expected Route {Dst:${dst} GW:${gw ?? ''}} not found in routing table`);
  }
}
