import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Side } from '../../../cni/plugin.js';
import type { IpConfig, Route } from '../../../cni/result.js';
import { NetlinkError } from '../../../netlink/errors.js';
import type { Link } from '../../../network/links.js';
import {
  contains,
  formatAddress,
  formatCidr,
  networkOf,
  parseAddress,
  parseCidr,
  plus,
} from '../../common/address.js';
import { cidrOf, isIpv6 } from '../../common/interface.js';
import type { BridgeSettings } from './config.js';

/** The addresses of the container, each with its gateway: the network's first address where the bridge is the gateway. */
export function withGateways(
  ips: readonly IpConfig[],
  { isGateway }: BridgeSettings,
  index: number,
): IpConfig[] {
  return ips.map((ip) => {
    const cidr = cidrOf(ip);
    const gateway = ip.gateway ?? (isGateway ? formatAddress(plus(networkOf(cidr).address, 1n)) : undefined);
    return { ...ip, interface: index, ...(gateway === undefined ? {} : { gateway }) };
  });
}

/** Routes to everywhere over the bridge, for the families that have none over a gateway of their own. */
export function defaultRoutes(
  ips: readonly IpConfig[],
  routes: readonly Route[],
  { isDefaultGateway }: BridgeSettings,
): Route[] {
  if (!isDefaultGateway) return [];
  const added: Route[] = [];
  for (const six of [false, true]) {
    const gateway = ips.find((ip) => ip.gateway !== undefined && isIpv6(ip.address) === six)?.gateway;
    const own = routes.some(
      ({ dst, gw }) => gw !== undefined && isIpv6(dst) === six && parseCidr(dst)?.length === 0,
    );
    // a default route without gateway means this very route
    const implied = routes.some(
      ({ dst, gw }) => gw === undefined && isIpv6(dst) === six && parseCidr(dst)?.length === 0,
    );
    if (gateway !== undefined && !own && !implied)
      added.push({ dst: six ? '::/0' : '0.0.0.0/0', gw: gateway });
  }
  return added;
}

/** Gives the bridge (or the interface of a VLAN) the gateways' addresses. */
export async function addGatewayAddresses(
  host: Side,
  device: Link,
  ips: readonly IpConfig[],
  { forceAddress, vlan }: BridgeSettings,
): Promise<void> {
  const what = vlan === 0 ? 'failed to set bridge addr' : 'failed to set vlan interface for bridge with addr';
  for (const address of gatewayAddresses(ips)) await addAddress(host, device, address, forceAddress, what);
}

/** The addresses of the gateways of a result, with the lengths of their networks; those of IPv4 first. */
export function gatewayAddresses(ips: readonly IpConfig[]): string[] {
  const all = ips.flatMap((ip) => {
    if (ip.gateway === undefined) return [];
    const address = parseAddress(ip.gateway);
    if (address === undefined)
      throw new CniError(errorCodes.internal, `invalid gateway address ${ip.gateway}`);
    return [formatCidr({ address, length: cidrOf(ip).length })];
  });
  return [...all.filter((address) => !isIpv6(address)), ...all.filter(isIpv6)];
}

async function addAddress(
  host: Side,
  { index, ifname }: Link,
  wanted: string,
  force: boolean,
  what: string,
): Promise<void> {
  const { addresses } = host.network;
  const six = isIpv6(wanted);
  const cidr = cidrOf({ address: wanted });
  const present = (await addresses.list({ device: index, family: six ? 'inet6' : 'inet' })).filter(
    ({ scope }) => scope !== LINK_SCOPE,
  );
  if (present.some(({ address }) => address === wanted)) return;
  const conflicting = present.filter(({ address }) => {
    const other = cidrOf({ address });
    return !six || contains(networkOf(other), cidr.address) || contains(networkOf(cidr), other.address);
  });
  for (const { address } of conflicting) {
    if (!force)
      throw new CniError(
        errorCodes.internal,
        `${what}: "${ifname}" already has an IP address different from ${wanted}`,
      );
    await addresses.delete({ device: index, address });
  }
  try {
    await addresses.add({ device: index, address: wanted, ...(six ? { flags: ['nodad'] } : {}) });
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'EEXIST') return; // another ADD was quicker
    const reason = error instanceof Error ? error.message : String(error);
    throw new CniError(
      errorCodes.internal,
      `${what}: could not add IP address ${wanted} to "${ifname}": ${reason}`,
      '',
      { cause: error },
    );
  }
}

const LINK_SCOPE = 253;
