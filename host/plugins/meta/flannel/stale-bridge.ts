import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Side } from '../../../cni/plugin.js';
import { formatCidr, parseCidr, plus } from '../../common/address.js';
import type { DelegateConfig } from './config.js';
import type { Subnet } from './subnet-env.js';

/** The address that a bridge has as the gateway of a subnet. */
function gatewayOf(subnet: string): string | undefined {
  const cidr = parseCidr(subnet);
  return cidr === undefined
    ? undefined
    : formatCidr({ address: plus(cidr.address, 1n), length: cidr.length });
}

/**
 * Has the delegate's bridge the address of a subnet that flanneld had before? Then no ADD succeeds, and nobody routes to
 * the containers that are there. Throws CniError 51.
 */
export async function checkBridge(
  { network }: Side,
  delegate: DelegateConfig,
  { subnets }: Subnet,
): Promise<void> {
  const { type, bridge = 'cni0', isGateway, isDefaultGateway, forceAddress, vlan = 0 } = delegate;
  const isConcerned = type === 'bridge' && (isGateway === true || isDefaultGateway === true) && vlan === 0;
  if (!isConcerned || forceAddress === true || typeof bridge !== 'string') return;
  const [subnet] = subnets.filter((one) => !one.includes(':'));
  const wanted = subnet === undefined ? undefined : gatewayOf(subnet);
  const link = wanted === undefined ? undefined : await network.links.find(bridge);
  if (link === undefined) return;
  const present = await network.addresses.list({ device: link.index, family: 'inet' });
  const addresses = present.filter(({ scope }) => scope === 0).map(({ address }) => address);
  if (addresses.length === 0 || addresses.includes(wanted as string)) return;
  throw new CniError(
    errorCodes.limitedConnectivity,
    `the bridge "${bridge}" has the address ${addresses.join(', ')}, but flanneld's subnet is ${subnet} now`,
    'delete the bridge, or set forceAddress in delegate',
  );
}
