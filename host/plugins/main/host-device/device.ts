import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Side } from '../../../cni/plugin.js';
import { parseMac } from '../../../codec/text.js';
import type { Link } from '../../../network/links.js';
import type { Selector } from './config.js';
import { Sysfs } from './sysfs.js';

/** What a config's device is on the host. */
export interface Found {
  /** None when a process has the device: there is nothing to move. */
  readonly link: Link | undefined;
  /** PCI function of the device, where the config told it that way. */
  readonly pciId: string | undefined;
}

function notFound(reason: string): CniError {
  return new CniError(errorCodes.internal, `failed to find host device: ${reason}`);
}

/** Lengths that hardware addresses have: Ethernet, EUI-64, InfiniBand. */
const ADDRESS_LENGTHS = [6, 8, 20];

async function linkOfAddress({ network }: Side, text: string): Promise<Link> {
  const wanted = parseMac(text);
  if (wanted === undefined || !ADDRESS_LENGTHS.includes(wanted.length)) {
    throw notFound(
      `failed to parse MAC address ${JSON.stringify(text)}: address ${text}: invalid MAC address`,
    );
  }
  const links = await network.links.list();
  const found = links
    .sort((a, b) => a.index - b.index)
    .find(({ address }) => Buffer.from(parseMac(address ?? '') ?? []).equals(wanted));
  if (found === undefined) throw notFound('failed to find physical interface');
  return found;
}

async function linkOfName({ network }: Side, name: string): Promise<Link> {
  const link = await network.links.find(name);
  if (link === undefined) throw notFound('Link not found');
  return link;
}

/** Which kind of device an id is of. Throws CniError 999. */
function located(selector: Selector, sysfs: Sysfs): Selector | { by: 'auxiliary'; value: string } {
  const { by, value } = selector;
  if (by !== 'id') return selector;
  if (sysfs.isPci(value)) return { by: 'pci', value };
  if (sysfs.isAuxiliary(value)) return { by: 'auxiliary', value };
  throw new CniError(errorCodes.internal, `runtime config DeviceID ${value} not found or unsupported`);
}

/** Has a process the device, or is to have it? Not known of a device that is not there. */
export function isUserspace(selector: Selector | undefined, sysfs = new Sysfs()): boolean {
  if (selector === undefined || (selector.by !== 'pci' && selector.by !== 'id')) return false;
  try {
    return sysfs.isUserspacePci(selector.value);
  } catch {
    return false;
  }
}

/** Finds a config's device on the host. Throws CniError 999. */
export async function findDevice(host: Side, selector: Selector, sysfs = new Sysfs()): Promise<Found> {
  const { by, value } = located(selector, sysfs);
  if (by === 'address') return { link: await linkOfAddress(host, value), pciId: undefined };
  if (by === 'name') return { link: await linkOfName(host, value), pciId: undefined };
  const pciId = by === 'pci' ? value : undefined;
  if (pciId !== undefined && sysfs.isUserspacePci(pciId)) return { link: undefined, pciId };
  const name = sysfsLink(by === 'pci' || by === 'auxiliary' ? by : 'path', value, sysfs);
  return { link: await linkOfName(host, name), pciId };
}

function sysfsLink(by: 'pci' | 'auxiliary' | 'path', value: string, sysfs: Sysfs): string {
  try {
    if (by === 'pci') return sysfs.linkOfPci(value);
    return by === 'auxiliary' ? sysfs.linkOfAuxiliary(value) : sysfs.linkOfPath(value);
  } catch (error) {
    if (error instanceof CniError) throw notFound(error.msg);
    throw error;
  }
}
