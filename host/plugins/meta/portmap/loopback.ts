import type { Side } from '../../../cni/plugin.js';
import { NetlinkError } from '../../../netlink/errors.js';
import { type Cidr, formatAddress } from '../../common/address.js';
import { failed } from '../../common/interface.js';
import type { Family } from './mapping.js';

const LOCAL_TABLE = 255;
const LOOPBACK_DEVICE = 'lo';

/** The link over which the host reaches a container; undefined when there is none. */
async function linkTo({ network }: Side, { address }: Cidr): Promise<string | undefined> {
  try {
    const { oif } = await network.routes.get(formatAddress(address));
    if (oif === undefined) return undefined;
    const { ifname } = await network.links.get(oif);
    return ifname === LOOPBACK_DEVICE ? undefined : ifname;
  } catch (error) {
    if (error instanceof NetlinkError) return undefined;
    throw error;
  }
}

/**
 * Lets packets from the host's loopback addresses leave for a container, and the answers come in. IPv4 has a sysctl for
 * it. In IPv6 it takes a route: packets that come in over a link can only be for an address that is local on that link.
 */
export async function openLoopback(
  host: Side,
  targets: Readonly<Partial<Record<Family, Cidr>>>,
  log: (message: string) => void,
): Promise<void> {
  const four = targets.ip === undefined ? undefined : await linkTo(host, targets.ip);
  if (four !== undefined) {
    try {
      host.namespace.sysctl.ensure(`net/ipv4/conf/${four}/route_localnet`, 1);
    } catch (error) {
      throw failed('unable to enable route_localnet', error);
    }
  }
  const six = targets.ip6 === undefined ? undefined : await linkTo(host, targets.ip6);
  if (six === undefined) return;
  try {
    await host.network.routes.add({ dst: '::1/128', device: six, table: LOCAL_TABLE, type: 'local' });
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'EEXIST') return;
    // only ports on ::1 do not answer then, as in the reference
    log(`portmap: ::1 cannot be used over ${six}: ${(error as Error).message}`);
  }
}
