import type { Link, LinkInput } from '../../../network/links.js';
import type { Network } from '../../../network/network.js';
import { wrong } from '../../common/check.js';
import { explained } from '../../common/interface.js';
import type { Undo } from '../../common/undo.js';
import { canonicalMac, type LinkSettings } from './config.js';

type Setting = keyof LinkSettings;

/** In the order in which they are set. */
const settings = ['mac', 'promisc', 'mtu', 'allmulti', 'txQLen'] as const satisfies readonly Setting[];

const titles: Readonly<Record<Setting, string>> = {
  mac: 'Ethernet',
  promisc: 'promisc',
  mtu: 'MTU',
  allmulti: 'all-multicast mode',
  txQLen: 'transmit queue length',
};

/** The settings that a config asks for. */
function given(wanted: LinkSettings): Setting[] {
  return settings.filter((name) => wanted[name] !== undefined);
}

/** Does a config ask for any? */
export function changesLink(wanted: LinkSettings): boolean {
  return given(wanted).length > 0;
}

function present(link: Link): LinkSettings {
  const { flags, address: mac, mtu, txqlen: txQLen } = link;
  return { mac, mtu, txQLen, promisc: flags.includes('promisc'), allmulti: flags.includes('all-multi') };
}

/** What a link has of the settings that are to be changed. */
export function settingsBefore(link: Link, wanted: LinkSettings): LinkSettings {
  const now = present(link);
  return Object.fromEntries(given(wanted).map((name) => [name, now[name]]));
}

function inputOf(name: Setting, { mac, promisc, mtu, allmulti, txQLen }: LinkSettings): LinkInput {
  switch (name) {
    case 'mac':
      return mac === undefined ? {} : { address: canonicalMac(mac) ?? mac };
    case 'promisc':
      return promisc === undefined ? {} : { promisc };
    case 'mtu':
      return mtu === undefined ? {} : { mtu };
    case 'allmulti':
      return allmulti === undefined ? {} : { allmulticast: allmulti };
    case 'txQLen':
      return txQLen === undefined ? {} : { txqlen: txQLen };
  }
}

/** Changes a link; `undo` changes it back. Throws CniError 999. */
export async function apply(
  { links }: Network,
  { index, ifname }: Link,
  wanted: LinkSettings,
  before: LinkSettings,
  undo: Undo,
): Promise<void> {
  for (const name of given(wanted)) {
    const what = `failed to set ${titles[name]} of "${ifname}" to ${wanted[name]}`;
    await explained(what, links.change(index, inputOf(name, wanted)));
    undo.push(() => links.change(index, inputOf(name, before)));
  }
}

/** Changes a link back, the last first. `failed` is told of what is refused. */
export async function restore(
  { links }: Network,
  index: number,
  before: LinkSettings,
  failed: (error: unknown) => void,
): Promise<void> {
  for (const name of given(before).reverse()) await links.change(index, inputOf(name, before)).catch(failed);
}

/** Throws CniError 999. */
export function check(link: Link, wanted: LinkSettings): void {
  const now = present(link);
  for (const name of given(wanted)) {
    const [configured, current] = [wanted[name], now[name]];
    const isSame =
      name === 'mac'
        ? canonicalMac(String(configured)) === canonicalMac(String(current))
        : configured === current;
    if (isSame) continue;
    const where =
      name === 'promisc'
        ? `link ${link.ifname} configured promisc`
        : `configured ${titles[name]} of ${link.ifname}`;
    const shown = name === 'promisc' ? Number(current) : current;
    throw wrong(`Error: Tuning ${where} is ${configured}, current value is ${shown}`);
  }
}
