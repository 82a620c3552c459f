import { setImmediate } from 'node:timers/promises';
import { registry } from '../codec/registry.js';
import { isCode } from '../namespace/errors.js';
import type { Namespace } from '../namespace/namespace.js';
import { NetlinkSocket } from '../netlink/socket.js';
import { type Address, addressOf } from '../network/addresses.js';
import { type Link, linkOf } from '../network/links.js';
import { Network } from '../network/network.js';
import { address } from '../schema/address.js';
import { link } from '../schema/link/link.js';
import { type Problem, reason } from './errors.js';
import type { FoundNamespace } from './inventory.js';
import { openFound } from './open.js';

/** What is in a namespace. */
export interface Contents {
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
}

/** A namespace and what is in it, or why that cannot be told. */
export interface DescribedNamespace extends FoundNamespace, Partial<Contents> {
  readonly problem?: Problem;
}

/** Namespaces that are read at the same time: as many as the thread pool has threads for. */
const AT_ONCE = 4;

/** Does work for each item, a few at a time; the results are in the order of the items. */
export async function forEach<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await work(items[at] as T);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  return results;
}

/** Opens the network of a namespace that was found. Throws what `openFound` does, SystemCallError. */
export async function openNetwork(found: FoundNamespace, self: boolean): Promise<Network> {
  // one's own needs no leave to enter
  if (self) return await Network.open();
  const namespace = openFound(found);
  try {
    return await Network.open({ namespace });
  } finally {
    namespace.close();
  }
}

/** IFLA_EXT_MASK: without counters, which cost the kernel more than all the rest. */
const SKIP_STATISTICS = ['skip-stats'] as const;

/** Opens a socket in a namespace. Entering it with this thread is several times faster than with one of its own. */
function openSocket(namespace: Namespace | undefined): NetlinkSocket {
  if (namespace === undefined) return NetlinkSocket.open({ protocol: 'route' });
  try {
    return namespace.run(() => NetlinkSocket.open({ protocol: 'route' }));
  } catch (error) {
    // who may enter, but not come back, sends a thread that need not
    if (!isCode(error, 'EPERM')) throw error;
    return NetlinkSocket.open({ protocol: 'route', namespace: namespace.fd });
  }
}

/** Reads links and addresses of a namespace, on the calling thread. Throws what `openNetwork` does, NetlinkError. */
export function readContents(found: FoundNamespace, self: boolean): Contents {
  registry().register(link);
  registry().register(address);
  // one's own needs no leave to enter
  using namespace = self ? undefined : openFound(found);
  const socket = openSocket(namespace);
  try {
    const { getlink, newlink } = link.messages;
    const { getaddr, newaddr } = address.messages;
    return {
      links: socket.dumpSync(
        getlink,
        { attributes: { extMask: SKIP_STATISTICS } },
        { reply: newlink, item: linkOf },
      ),
      addresses: socket.dumpSync(getaddr, {}, { reply: newaddr, item: addressOf }),
    };
  } finally {
    socket.close();
  }
}

/** Namespaces that are read in one go, before others have their turn. */
const AT_A_TIME = 64;

/** Reads what is in each namespace. Those that are gone are left out; what may not be read is told with its reason. */
export async function describe(
  namespaces: readonly FoundNamespace[],
  self: number,
): Promise<DescribedNamespace[]> {
  const all: DescribedNamespace[] = [];
  for (const [at, found] of namespaces.entries()) {
    if (at % AT_A_TIME === AT_A_TIME - 1) await setImmediate();
    try {
      all.push({ ...found, ...readContents(found, found.id.inode === self) });
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ERR_NAMESPACE_VANISHED') continue;
      all.push({ ...found, problem: { source: found.names[0] as string, message: reason(error) } });
    }
  }
  return all;
}

/** Names of the links in a namespace that only its number leads to. Throws NetlinkError `EPERM`. */
export function linksByNsid(number: number): Link[] {
  registry().register(link);
  const socket = NetlinkSocket.open({ protocol: 'route' });
  try {
    const { getlink, newlink } = link.messages;
    return socket
      .dumpSync(getlink, { attributes: { targetNetnsid: number } }, { reply: newlink })
      .map(linkOf);
  } finally {
    socket.close();
  }
}
