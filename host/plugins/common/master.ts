import { CniError, errorCodes } from '../../cni/errors.js';
import type { AttachmentRequest, Side } from '../../cni/plugin.js';
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

/** Config keys that tell a master. */
export interface MasterKeys {
  /** Empty when the config has none. */
  readonly master: string;
  /** The master lives in the container's namespace. */
  readonly linkInContainer: boolean;
}

/**
 * Where the master is, and its name if it is known: the config's, or that of the only interface which the plugins before
 * made. Throws CniError 999 when these made another number of them.
 */
export function masterPlace({
  config: { master, linkInContainer },
  host,
  sandbox,
  prevResult,
}: AttachmentRequest<MasterKeys>): { readonly side: Side; readonly name: string } {
  const side = linkInContainer ? sandbox : host;
  if (master !== '' || prevResult === undefined) return { side, name: master };
  const [only, ...others] = prevResult.interfaces ?? [];
  if (only === undefined || only.name === '' || others.length > 0) {
    throw new CniError(
      errorCodes.internal,
      'chained master failure. PrevResult lacks a single named interface',
    );
  }
  return { side: only.sandbox ? sandbox : side, name: only.name };
}

/** `findMaster`, with room for an MTU. Throws CniError 7 or 999. */
export async function findCheckedMaster(side: Side, name: string, mtu: number): Promise<Link> {
  const link = await findMaster(side, name);
  checkMtu(mtu, link);
  return link;
}

/**
 * For CHECK: the master that the config names, or nothing about it. The result of a whole chain does not tell what came
 * before a plugin.
 */
export async function knownMaster({
  config: { master: name, mtu, linkInContainer },
  host,
  sandbox,
}: AttachmentRequest<MasterKeys & { readonly mtu: number }>): Promise<{
  readonly side: Side;
  /** Its index. */
  readonly master: number | undefined;
}> {
  const side = linkInContainer ? sandbox : host;
  const master = name === '' ? undefined : await findCheckedMaster(side, name, mtu);
  return { side, master: master?.index };
}

/** Throws CniError 7 when an MTU (bytes, 0 for the master's own) is more than the master carries. */
export function checkMtu(mtu: number, master: Link): void {
  const most = master.mtu ?? 0;
  if (mtu >= 0 && mtu <= most) return;
  throw new CniError(errorCodes.invalidNetworkConfig, `invalid MTU ${mtu}, must be [0, master MTU(${most})]`);
}
