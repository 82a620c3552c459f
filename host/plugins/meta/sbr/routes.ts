import type { IpConfig } from '../../../cni/result.js';
import type { Route, RouteInput } from '../../../network/routes.js';
import { contains, formatAddress, formatCidr, networkOf, parseAddress } from '../../common/address.js';
import { cidrOf, isIpv6 } from '../../common/interface.js';
import { routeCopy } from '../../common/route-copy.js';
import type { Gateways } from './config.js';

/** fe80::/10: what a link needs whatever its other addresses. */
const LINK_LOCAL = /^fe[89ab]/i;

export function familyOf({ address }: IpConfig): 'inet' | 'inet6' {
  return isIpv6(address) ? 'inet6' : 'inet';
}

/** The selector of an address's rule: packets from it. */
export function sourceOf(ip: IpConfig): string {
  const { address } = cidrOf(ip);
  return `${formatAddress(address)}/${address.bits}`;
}

/** Is a route for packets from an address? It is when it names an address of its network, or none at all. */
function isFor(ip: IpConfig, route: Route): boolean {
  if (route.family !== familyOf(ip)) return false;
  const own = cidrOf(ip);
  const within = (text: string | undefined): boolean => {
    const address = text === undefined ? undefined : parseAddress(text);
    return address !== undefined && contains(own, address);
  };
  const gateways = [route.gateway, ...(route.multipath ?? []).map((hop) => hop.attributes.gateway)];
  if (route.prefsrc === undefined && gateways.every((gateway) => gateway === undefined)) return true;
  return within(route.prefsrc) || gateways.some(within);
}

/** What is moved from the main table to one for an address. */
export interface Moves {
  /** In the order that the kernel can take them: those to neighbours first, since gateways must be reachable. */
  readonly added: readonly RouteInput[];
  /** Which of the main table's routes they stand for. */
  readonly taken: readonly Route[];
}

/** The routes of an address's table, from those that its interface has in the main table. */
export function movesFor(
  ip: IpConfig,
  routes: readonly Route[],
  device: number,
  table: number,
  gateways: Gateways,
): Moves {
  const taken = routes.filter((route) => isFor(ip, route));
  const family = familyOf(ip);
  const named = gateways[family];
  // a gateway that the config names has precedence over the routes that there are, these over the one of the result
  const copied = named === undefined ? taken : taken.filter(({ dst }) => dst !== 'default');
  const added: RouteInput[] = copied.map((route) => ({ ...routeCopy(route), table }));
  const gateway = named ?? (copied.some(({ dst }) => dst === 'default') ? undefined : ip.gateway);
  if (gateway !== undefined)
    added.push({ dst: 'default', family, gateway, device, table, protocol: 'boot', scope: 'universe' });
  const needsGateway = (route: RouteInput): boolean =>
    route.gateway !== undefined || route.hops !== undefined || route.nhId !== undefined;
  added.sort((a, b) => Number(needsGateway(a)) - Number(needsGateway(b)));
  return { added, taken };
}

/** Which routes leave the main table: those that a table has taken, but those that IPv6 itself needs. */
export function leaving(routes: readonly Route[], keepLinkScope: boolean): Route[] {
  return routes.filter(
    ({ dst, scope }) => !LINK_LOCAL.test(dst) && !(keepLinkScope && (scope as unknown) === 'link'),
  );
}

/** Routes of the main table that tell packets without a source which address to take. */
export function sourceHints(
  ips: readonly IpConfig[],
  staying: readonly Route[],
  device: number,
): RouteInput[] {
  const hints: RouteInput[] = [];
  for (const ip of ips) {
    const cidr = cidrOf(ip);
    const dst = formatCidr(networkOf(cidr));
    const known = [...staying, ...hints].some((one) => one.dst === dst && one.prefsrc !== undefined);
    if (known) continue;
    hints.push({
      dst,
      device,
      prefsrc: formatAddress(cidr.address),
      protocol: 'boot',
      scope: 'link',
    });
  }
  return hints;
}
