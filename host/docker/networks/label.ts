import type { Side } from '../../cni/plugin.js';
import { NetlinkError } from '../../netlink/errors.js';

/** Bytes of an alternative name: ALTIFNAMSIZ, linux/if.h. */
const LONGEST = 127;

/** Another name of a network's link, that people know: `docker-backend`. */
export function labelOf(name: string): string {
  return `docker-${name.replaceAll(/[/:\s%]/g, '_')}`.slice(0, LONGEST);
}

/**
 * Gives a link the network's name beside its own, so that `ip link` and monitors tell it. Nothing depends on it: where
 * another link has that name already, or the kernel (before 5.5) knows none, there is none.
 */
export async function addLabel({ network }: Side, link: string, name: string): Promise<void> {
  try {
    await network.links.addNames(link, [labelOf(name)]);
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
  }
}

/** Takes it away from a link that stays. */
export async function removeLabel({ network }: Side, link: string, name: string): Promise<void> {
  try {
    await network.links.deleteNames(link, [labelOf(name)]);
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
  }
}
