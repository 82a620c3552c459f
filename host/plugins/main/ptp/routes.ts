import type { Sandbox, Side } from '../../../cni/plugin.js';
import type { BatchBuilder } from '../../../network/batch.js';
import type { Link } from '../../../network/links.js';
import type { RouteInput } from '../../../network/routes.js';
import { formatAddress, formatCidr, networkOf } from '../../common/address.js';
import { cidrOf, failed, isIpv6 } from '../../common/interface.js';
import type { Routed } from './config.js';

const LINK_SCOPE = 253;
const HOST_SCOPE = 254;

function hostPrefix(address: string): string {
  return `${address}/${isIpv6(address) ? 128 : 32}`;
}

function ownAddress(ip: Routed): string {
  return formatAddress(cidrOf(ip).address);
}

/** Routes to the gateways themselves: on the link, whatever the container's network. */
export function gatewayRoutes(ips: readonly Routed[], device: string): RouteInput[] {
  return ips.map((ip) => ({
    dst: hostPrefix(ip.gateway),
    device,
    protocol: 'boot',
    scope: LINK_SCOPE,
    prefsrc: ownAddress(ip),
  }));
}

/** Has the container reach its own network over the gateway, since none of its neighbours is on the link. */
export async function routeNetworks(
  { network }: Sandbox,
  device: string,
  ips: readonly Routed[],
): Promise<void> {
  const steps: { readonly what: string; readonly tolerated: string }[] = [];
  const { failures } = await network.batch((batch) => {
    for (const ip of ips) {
      const cidr = cidrOf(ip);
      // an address that is its whole network has no neighbours
      if (cidr.length === cidr.address.bits) continue;
      const dst = formatCidr(networkOf(cidr));
      batch.routes.delete({ dst, device, protocol: 'kernel' });
      steps.push({ what: `failed to delete route ${dst} dev ${device}`, tolerated: 'ESRCH' });
      batch.routes.append({ dst, device, gateway: ip.gateway, prefsrc: ownAddress(ip), protocol: 'boot' });
      steps.push({ what: `failed to add route ${dst} via ${ip.gateway} dev ${device}`, tolerated: 'EEXIST' });
    }
  });
  const first = failures.find(({ index, code }) => steps[index]?.tolerated !== code);
  if (first !== undefined) throw failed(steps[first.index]?.what ?? 'failed to add routes', first.error);
}

/** The host's end: the gateways' addresses, and a route to each address of the container. */
export async function configureHostEnd(
  { network }: Side,
  { index, ifname }: Link,
  ips: readonly Routed[],
): Promise<void> {
  const steps: string[] = [];
  const { failures } = await network.batch((batch: BatchBuilder) => {
    for (const address of new Set(ips.map(({ gateway }) => hostPrefix(gateway)))) {
      // every pair's host end may have the same gateway: there is nobody else on the link to ask about it
      batch.addresses.add({ device: index, address, ...(isIpv6(address) ? { flags: ['nodad'] } : {}) });
      steps.push(`failed to add IP addr (${address}) to veth`);
    }
    for (const ip of ips) {
      const dst = hostPrefix(ownAddress(ip));
      batch.routes.add({ dst, device: index, protocol: 'boot', scope: HOST_SCOPE });
      steps.push(`failed to add route on host: ${dst} dev ${ifname}`);
    }
  });
  const [first] = failures;
  if (first !== undefined)
    throw failed(steps[first.index] ?? "failed to configure the host's end", first.error);
}

/** The addresses of a container that the host has no route to over its end of the pair. */
export async function unroutedAddresses(
  { network }: Side,
  { index }: Link,
  ips: readonly { readonly address: string }[],
): Promise<string[]> {
  const routes = await network.routes.list({ device: index });
  const known = new Set(routes.map(({ dst }) => dst));
  return ips.map((ip) => hostPrefix(formatAddress(cidrOf(ip).address))).filter((dst) => !known.has(dst));
}
