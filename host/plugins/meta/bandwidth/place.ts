import { CniError, errorCodes } from '../../../cni/errors.js';
import type { AttachmentRequest, Side } from '../../../cni/plugin.js';
import type { Result } from '../../../cni/result.js';
import type { Link } from '../../../network/links.js';
import { wrong } from '../../common/check.js';
import type { Limit, Limits } from './config.js';
import type { Peer } from './shaping.js';

/** The end of an attachment at which it is limited. */
export interface Place {
  readonly side: Side;
  readonly link: Link;
  /** Of the sandbox, when the place is in there. */
  readonly sandbox?: string;
}

/** A limit, and at which end of its packets the network is. */
export interface Direction {
  readonly limit: Limit | undefined;
  readonly peer: Peer;
}

/** What limits are for the packets that a place's link sends, and for those that it receives. */
export function directionsOf(
  { sandbox }: Place,
  { ingress, egress }: Limits,
): { sent: Direction; received: Direction } {
  const into: Direction = { limit: ingress, peer: 'source' };
  const outOf: Direction = { limit: egress, peer: 'destination' };
  return sandbox === undefined ? { sent: into, received: outOf } : { sent: outOf, received: into };
}

type Request = Pick<AttachmentRequest<unknown>, 'host' | 'sandbox' | 'ifname'>;

async function hostEnd(
  { host, sandbox }: Request,
  { index, link, linkNetnsid }: Link,
): Promise<Link | undefined> {
  if (link === undefined || (linkNetnsid === undefined && !sandbox.namespace.equals(host.namespace))) {
    return undefined;
  }
  const end = await host.network.links.find(link);
  return end?.kind === 'veth' && end.link === index ? end : undefined;
}

/** Where DEL has something to undo, if the interface is still there. */
export async function findPlace(request: Request): Promise<Place | undefined> {
  const { host, sandbox, ifname } = request;
  const link = await sandbox.network.links.find(ifname);
  if (link === undefined) return undefined;
  if (link.kind !== 'veth') return { side: sandbox, link, sandbox: sandbox.path };
  const end = await hostEnd(request, link);
  return end === undefined ? undefined : { side: host, link: end };
}

/**
 * Where an attachment is limited: at the host's end of a veth pair, which the container cannot reach, and which the
 * result must name; interfaces of other kinds have none and are limited where they are. Throws CniError 7 and 999.
 */
export async function placeOf(request: Request, { interfaces = [] }: Result): Promise<Place> {
  const { host, sandbox, ifname } = request;
  if (interfaces.length === 0) throw new CniError(errorCodes.invalidNetworkConfig, 'no interfaces provided');
  const link = await sandbox.network.links.find(ifname);
  if (link === undefined) {
    throw wrong(
      `container interface ${ifname} has no veth peer: could not look up "${ifname}": Link not found`,
    );
  }
  if (link.kind !== 'veth') return { side: sandbox, link, sandbox: sandbox.namespace.path ?? sandbox.path };
  const end = await hostEnd(request, link);
  if (end === undefined) throw wrong(`veth peer with index ${link.link ?? 0} is not in host ns`);
  if (!interfaces.some(({ name, sandbox: path }) => !path && name === end.ifname)) {
    throw wrong('no veth peer of container interface found in host ns');
  }
  return { side: host, link: end };
}
