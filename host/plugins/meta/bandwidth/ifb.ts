import type { AttachmentRequest, GcRequest, Side } from '../../../cni/plugin.js';
import { NetlinkError } from '../../../netlink/errors.js';
import type { Link } from '../../../network/links.js';
import type { Network } from '../../../network/network.js';
import type { FilterInput, QdiscInput, TrafficFilter } from '../../../network/traffic.js';
import { packU32Keys } from '../../../schema/traffic/keys.js';
import { withHostLock } from '../../common/host-lock.js';
import { explained, failed } from '../../common/interface.js';
import { type Attachment, attachmentComment, attachmentMark, hash, networkMark } from '../../common/names.js';
import type { Undo } from '../../common/undo.js';
import type { Place } from './place.js';
import { ROOT } from './shaping.js';

/*
 * The kernel cannot queue what a link receives. So that goes over a device of kind ifb, which sends it: there it queues.
 */

const PREFIX = 'bwp';
const NAME = /^bwp[0-9a-f]{12}$/;
const HASH_LENGTH = 12;
/** Bytes; linux/if.h, IFALIASZ, with its final zero. */
const ALIAS_LENGTH = 255;
/** The index that the kernel tells of a redirection's device which is gone. */
const GONE = 0;
const INGRESS = 'ffff:';

/**
 * Names for an attachment's device. The first is the reference's, which is the same for all interfaces that a container
 * has in the network (and for network `a`, container `bc`, and network `ab`, container `c`): where it is taken, the other
 * one.
 */
export function deviceNames({ name, containerId, ifname }: Attachment): [string, string] {
  return [
    PREFIX + hash(name + containerId, HASH_LENGTH),
    PREFIX + hash(`${name}\n${containerId}\n${ifname}`, HASH_LENGTH),
  ];
}

/** The device that a filter sends all packets to. */
function targetOf({ kind, options }: TrafficFilter): number | undefined {
  if (kind !== 'u32') return undefined;
  const { act = [] } = (options ?? {}) as {
    act?: { kind?: string; options?: { parms?: { ifindex?: number } } }[];
  };
  return act.find((action) => action.kind === 'mirred')?.options?.parms?.ifindex;
}

/** Indexes of the devices that a link's packets are sent to when they come in. */
export async function targetsOf({ filters }: Network, device: number): Promise<number[]> {
  const all = await filters.list({ device, parent: INGRESS });
  return all.map(targetOf).filter((target) => target !== undefined);
}

/** Indexes of links, by the index of the device that their packets are sent to. */
async function redirections(network: Network): Promise<Map<number, number[]>> {
  const found = new Map<number, number[]>();
  const devices = (await network.qdiscs.list()).filter(({ parent }) => parent === 'ingress');
  for (const { index } of devices) {
    for (const target of await targetsOf(network, index)) {
      found.set(target, [...(found.get(target) ?? []), index]);
    }
  }
  return found;
}

/** Is it the attachment's? Undefined when nothing tells: the reference made it. */
function isOf({ ifalias }: Link, attachment: Attachment): boolean | undefined {
  if (ifalias === undefined || ifalias === '') return undefined;
  return ifalias.startsWith(attachmentMark(attachment));
}

/** What tells whether a device is in use. */
interface Usage {
  /** Links whose packets go over a device, by its index. */
  readonly sources: ReadonlyMap<number, readonly number[]>;
  /** Devices with a qdisc that limits. */
  readonly limited: ReadonlySet<number>;
}

async function usageOf(network: Network): Promise<Usage> {
  const limited = (await network.qdiscs.list()).filter(({ handle }) => handle === ROOT);
  return { sources: await redirections(network), limited: new Set(limited.map(({ index }) => index)) };
}

function isMarked({ ifalias }: Link): boolean {
  return ifalias !== undefined && ifalias !== '';
}

/**
 * Has a device lost its container? No packets go over it any more, and none are about to: ours is made, marked and used
 * under the host's lock; the reference limits it last, and has it up from the beginning, where ours is down until it is marked.
 */
function isAbandoned(device: Link, { sources, limited }: Usage): boolean {
  const { index, up } = device;
  return !sources.has(index) && (isMarked(device) || limited.has(index) || !up);
}

/** Makes the device of an attachment under the first of its names that is free, or abandoned. Throws CniError 999. */
async function createDevice(side: Side, attachment: Attachment, mtu: number, undo: Undo): Promise<Link> {
  const { links } = side.network;
  let refused: unknown;
  for (const ifname of deviceNames(attachment)) {
    const other = await links.find(ifname);
    if (other !== undefined) {
      if (other.kind === 'ifb' && isAbandoned(other, await usageOf(side.network)))
        await links.delete(other.index);
      else if (isOf(other, attachment)) throw failed('adding link', new Error(`file exists: ${ifname}`));
    }
    try {
      const device = await links.createAndGet({ ifname, kind: 'ifb', mtu, txqlen: 0 });
      undo.push(() => links.delete(device.index));
      // the name tells nobody whose it is, since it is a hash: GC has to know
      await links.change(device.index, { up: true, ifalias: attachmentComment(attachment, ALIAS_LENGTH) });
      return device;
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') throw failed('adding link', error);
      refused = error;
    }
  }
  throw failed('adding link', refused);
}

/** What sends all that a link receives to another one. */
export function redirection(device: number, target: number): FilterInput {
  return {
    device,
    kind: 'u32',
    parent: INGRESS,
    priority: 1,
    options: {
      classid: 0x10001,
      sel: {
        flags: ['terminal'],
        nkeys: 1,
        keys: packU32Keys([{ mask: 0, val: 0, off: 0, offmask: 0 }]),
      },
      act: [{ kind: 'mirred', options: { parms: { action: 4, eaction: 1, ifindex: target } } }],
    },
  } as FilterInput;
}

export function ingressQdisc(device: number): QdiscInput {
  return { device, kind: 'ingress', parent: 'ingress', handle: INGRESS };
}

/** Sends what a place's link receives over a device of the attachment's own. Throws CniError 999. */
export async function redirect(
  { host, ...attachment }: Pick<AttachmentRequest<unknown>, 'host'> & Attachment,
  { side, link }: Place,
  undo: Undo,
): Promise<Link> {
  const { qdiscs, filters } = side.network;
  // nobody must meet a device that seems to be abandoned
  return await withHostLock(host.namespace, async () => {
    const device = await createDevice(side, attachment, link.mtu ?? 0, undo);
    await explained('create ingress qdisc', qdiscs.add(ingressQdisc(link.index)));
    undo.push(() => qdiscs.delete(ingressQdisc(link.index)));
    await explained('add filter', filters.add(redirection(link.index, device.index)));
    return device;
  });
}

/** Do a link's packets go over a device, or (of an ADD that was killed) would they as soon as there was a filter? */
async function sendsTo(network: Network, link: number, device: Link, unfinished: boolean): Promise<boolean> {
  const filters = await network.filters.list({ device: link, parent: INGRESS });
  return (unfinished && filters.length === 0) || filters.some((filter) => targetOf(filter) === device.index);
}

/** The device that an attachment's packets go over. */
export async function findDevice({ side, link }: Place, attachment: Attachment): Promise<Link | undefined> {
  const { links } = side.network;
  for (const ifname of deviceNames(attachment)) {
    const device = await links.find(ifname);
    if (device?.kind !== 'ifb') continue;
    const own = isOf(device, attachment);
    if (own ?? (await targetsOf(side.network, link.index)).includes(device.index)) return device;
  }
  return undefined;
}

/**
 * Removes the devices of an attachment, wherever they were made. One without a mark is the reference's: it is taken for
 * the attachment's unless packets of a link that is not the attachment's go over it.
 */
export async function removeDevices(
  side: Side,
  attachment: Attachment,
  place: Place | undefined,
): Promise<void> {
  const { links, qdiscs } = side.network;
  for (const ifname of deviceNames(attachment)) {
    const device = await links.find(ifname);
    if (device?.kind !== 'ifb') continue;
    const own = isOf(device, attachment);
    if (own === false) continue;
    const link = place?.side === side ? place.link.index : undefined;
    const used = link !== undefined && (await sendsTo(side.network, link, device, own === true));
    const elsewhere = own === undefined && link !== undefined && !used;
    if (elsewhere && (await redirections(side.network)).has(device.index)) continue;
    if (used) await qdiscs.delete(ingressQdisc(link));
    await links.delete(device.index);
  }
  if (place?.side !== side) return;
  // a redirection to nowhere swallows what the link receives
  const { index } = place.link;
  if ((await targetsOf(side.network, index)).includes(GONE)) await qdiscs.delete(ingressQdisc(index));
}

/**
 * Removes the devices of a network's attachments that are not valid any more. Those of other networks stay: marks tell.
 * One without a mark, which the reference made, is removed when it is abandoned and no valid attachment could be its owner:
 * it does nothing any more, whichever network's it was.
 */
export async function collectDevices(
  gc: Pick<GcRequest<unknown>, 'host' | 'name' | 'validAttachments'>,
): Promise<void> {
  const { host, name } = gc;
  await withHostLock(host.namespace, async () => {
    const devices = (await host.network.links.list({ kind: 'ifb' })).filter(({ ifname }) =>
      NAME.test(ifname),
    );
    if (devices.length === 0) return;
    // asked only now: what an ADD has made by then, it was noted before
    const attachments = gc.validAttachments.map(({ containerID, ifname }) => ({
      name,
      containerId: containerID,
      ifname,
    }));
    const marks = new Set(attachments.map(attachmentMark));
    const names = new Set(attachments.flatMap(deviceNames));
    const usage = await usageOf(host.network);
    for (const device of devices) {
      const { index, ifname, ifalias = '' } = device;
      const stale = isMarked(device)
        ? ifalias.startsWith(networkMark(name)) && !marks.has(ifalias.split(',')[0] ?? '')
        : !names.has(ifname) && isAbandoned(device, usage);
      if (stale) await removeRedirected(host, index, usage.sources.get(index) ?? []);
    }
  });
}

async function removeRedirected({ network }: Side, index: number, sources: readonly number[]): Promise<void> {
  for (const source of sources) await network.qdiscs.delete(ingressQdisc(source));
  await network.links.delete(index);
}
