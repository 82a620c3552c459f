import type { Sandbox } from '../../../cni/plugin.js';
import { NetlinkError } from '../../../netlink/errors.js';
import type { Address, AddressInput } from '../../../network/addresses.js';
import type { Link } from '../../../network/links.js';
import type { Route, RouteInput } from '../../../network/routes.js';
import { failed, settle } from '../../common/interface.js';
import { goesOver, routeCopy } from '../../common/route-copy.js';
import { LOCAL_TABLE, MAIN_TABLE } from '../../common/tables.js';
import { everyStep } from '../../common/undo.js';

/** RT_SCOPE_LINK: such addresses come back with the link. */
const LINK_SCOPE = 253;

/** What the kernel takes from a link that goes into a VRF or comes out of it, since it is down for a moment. */
export interface Belongings {
  /** IPv6 addresses; those of IPv4 stay. */
  readonly addresses: readonly Address[];
  /** Routes that somebody made. */
  readonly routes: readonly Route[];
  /** Keys of the routes to its networks that the kernel made itself. */
  readonly connected: ReadonlySet<string>;
}

/** Routes that the kernel or a router's announcement brings back. */
function comesBack({ protocol }: Route): boolean {
  return protocol === 'kernel' || protocol === 'ra' || protocol === 'redirect';
}

function isConnected(route: Route, table: number): boolean {
  return route.protocol === 'kernel' && route.type === 'unicast' && route.table === table;
}

function keyOf({ family, dst, prefsrc }: Route): string {
  return `${family} ${dst} ${prefsrc ?? ''}`;
}

/** What a link that is in no VRF has. */
export async function belongingsOf({ network }: Sandbox, { index }: Link): Promise<Belongings> {
  const addresses = (await network.addresses.list({ device: index, family: 'inet6' })).filter(
    // temporary ones (RFC 8981) are made from others
    ({ scope, flags = [] }) =>
      scope !== LINK_SCOPE && !flags.includes('secondary') && !flags.includes('dadfailed'),
  );
  const own = (await network.routes.list()).filter((route) => goesOver(route, index));
  return {
    addresses,
    routes: own.filter((route) => !comesBack(route)),
    connected: new Set(own.filter((route) => isConnected(route, MAIN_TABLE)).map(keyOf)),
  };
}

const kept = ['nodad', 'homeaddress', 'managetempaddr', 'noprefixroute', 'mcautojoin'] as const;

function addressCopy(address: Address, device: number): AddressInput {
  const { address: own, peer, prefixlen, scope, cacheinfo, rtPriority, proto, flags = [] } = address;
  return {
    device,
    address: own,
    scope,
    flags: kept.filter((flag) => flags.includes(flag)),
    ...(peer === undefined ? {} : { peer: `${peer}/${prefixlen}` }),
    ...(cacheinfo === undefined ? {} : { cacheinfo }),
    ...(rtPriority === undefined ? {} : { rtPriority }),
    ...(proto === undefined ? {} : { proto }),
  };
}

function exists(error: unknown): boolean {
  return error instanceof NetlinkError && error.code === 'EEXIST';
}

async function restoreAddresses(
  sandbox: Sandbox,
  { index, ifname }: Link,
  addresses: readonly Address[],
): Promise<void> {
  if (addresses.length === 0) return;
  const { network } = sandbox;
  const present = await network.addresses.list({ device: index, family: 'inet6' });
  // the last one that is added is listed first
  for (const lost of [...addresses].reverse()) {
    if (present.some(({ address }) => address === lost.address)) continue;
    try {
      await network.addresses.add(addressCopy(lost, index));
    } catch (error) {
      if (!exists(error)) throw failed(`could not restore address ${lost.address} of ${ifname}`, error);
    }
  }
  // routes may need them
  await settle(sandbox, ifname);
}

/** The copy of a route in another table; one by a nexthop object goes as the kernel told it, for the object is gone. */
function moved({ nhId: _gone, ...route }: Route, table: number): RouteInput {
  return { ...routeCopy(route as Route), table };
}

function needsGateway({ gateway, hops, via }: RouteInput): boolean {
  return gateway !== undefined || hops !== undefined || via !== undefined;
}

/**
 * Gives a link back what it had before it went into a VRF or came out of it. `table` is that of the VRF, whose routes to
 * neighbours and to the link's own addresses are all in there; none when the link is in none again. Throws CniError 999.
 */
export async function restore(
  sandbox: Sandbox,
  link: Link,
  { addresses, routes, connected }: Belongings,
  table?: number,
): Promise<void> {
  const { network } = sandbox;
  await restoreAddresses(sandbox, link, addresses);
  // some plugins replace the kernel's route to a network by one of their own
  for (const route of await network.routes.list({ table: table ?? MAIN_TABLE })) {
    if (!goesOver(route, link.index) || !isConnected(route, table ?? MAIN_TABLE)) continue;
    if (!connected.has(keyOf(route))) await network.routes.delete(routeCopy(route));
  }
  const isMoved = (route: Route): boolean => route.table === MAIN_TABLE || route.table === LOCAL_TABLE;
  const inputs = routes.map((route) => moved(route, isMoved(route) ? (table ?? route.table) : route.table));
  inputs.sort((a, b) => Number(needsGateway(a)) - Number(needsGateway(b)));
  // one that cannot be does not keep the others away
  await everyStep(
    ...inputs.map((input) => async () => {
      try {
        await network.routes.append(input);
      } catch (error) {
        if (exists(error)) return;
        const via = input.gateway === undefined ? '' : ` via ${input.gateway}`;
        throw failed(
          `could not add route '${input.dst}${via} dev ${link.ifname} table ${input.table}'`,
          error,
        );
      }
    }),
  );
}
