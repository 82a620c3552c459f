import type { Side } from '../../../cni/plugin.js';
import { Namespace } from '../../../namespace/namespace.js';
import type { Link } from '../../../network/links.js';
import { Network } from '../../../network/network.js';
import { wrong } from '../../common/check.js';
import { failed } from '../../common/interface.js';
import { undoing } from '../../common/undo.js';

/** How a device was on the host. */
export interface Original {
  readonly device: string;
  /** Hardware address; empty when it is not known. */
  readonly address: string;
  readonly alias: string;
  readonly up: boolean;
}

/** The container's side, however it was opened. */
export type Inside = Pick<Side, 'namespace' | 'network'>;

/** The device among the links of a container, also where a process was killed half-way. */
export async function findInside(
  { network }: Inside,
  ifname: string,
  { device, address }: Original,
): Promise<Link | undefined> {
  for (const name of new Set([ifname, device])) {
    const link = await network.links.find(name);
    if (link === undefined) continue;
    if (link.ifalias === device || (address !== '' && link.address === address)) return link;
  }
  return undefined;
}

/**
 * Brings a device from a container back to the host. There it is seen under its own name only: whoever watches links on
 * the host (udev, NetworkManager) would take it for a new one otherwise. Throws CniError 999; the device is then in the
 * container as it was.
 */
export async function bringBack(
  host: Side,
  inside: Inside,
  link: Link,
  original: Original,
  log: (message: string) => void,
): Promise<void> {
  const { network } = inside;
  const { device } = original;
  if ((await host.network.links.find(device)) !== undefined) {
    throw wrong(`failed to move "${link.ifname}" to host netns as "${device}": file exists`);
  }
  await undoing(log, async (undo) => {
    if (link.ifname !== device && (await network.links.find(device)) !== undefined) {
      await overAnother(host, inside, link, original);
      return;
    }
    undo.push(() => network.links.change(link.index, { ifname: link.ifname, up: link.up }));
    if (link.ifname !== device) await rename(network, link, device);
    await toHost(host, network, original);
  });
}

async function rename(network: Network, { index, ifname }: Link, device: string): Promise<void> {
  const { failures } = await network.batch((batch) => {
    // kernels before 6.2 rename no link that is up
    batch.links.change(index, { up: false });
    batch.links.change(index, { ifname: device });
  });
  if (failures[0] !== undefined)
    throw failed(`failed to rename "${ifname}" to "${device}"`, failures[0].error);
}

async function toHost({ namespace }: Side, network: Network, { device, alias, up }: Original): Promise<void> {
  try {
    await network.links.change(device, { namespace, ifalias: alias, up });
  } catch (error) {
    throw failed(`failed to move "${device}" to host netns`, error);
  }
}

/** The way over a namespace that nobody sees, for where the container has another link of the device's name. */
async function overAnother(
  host: Side,
  { namespace, network }: Inside,
  { index, ifname, up }: Link,
  original: Original,
): Promise<void> {
  const { device } = original;
  using between = Namespace.createAnonymous();
  await using other = Network.openSync({ namespace: between });
  try {
    await network.links.change(index, { namespace: between, ifname: device });
  } catch (error) {
    throw failed(`failed to move "${ifname}" to tempNS`, error);
  }
  try {
    await toHost(host, other, original);
  } catch (error) {
    await other.links.change(device, { namespace, ifname, up });
    throw error;
  }
}

/** Names that the kernel gives to a device that comes back and finds its own name taken. */
const KERNEL_NAME = /^dev\d+$/;

/**
 * Makes a device as it was that the kernel brought back to the host, at the end of the namespace that it was in. False
 * when there is none. Throws CniError 999.
 */
export async function restoreOnHost(
  { network }: Side,
  ifname: string,
  { device, address, alias, up }: Original,
): Promise<boolean> {
  const names = [device, ifname];
  const link = (await network.links.list()).find(
    (one) =>
      one.ifalias === device &&
      (address === '' || one.address === address) &&
      (names.includes(one.ifname) || KERNEL_NAME.test(one.ifname)),
  );
  if (link === undefined) return false;
  if (link.ifname !== device) await rename(network, link, device);
  await network.links.change(link.index, { ifalias: alias, up });
  return true;
}
