import { isRandomName } from '../plugins/support/normalise.js';
import type { Picture } from './picture.js';

/** Says the names of a namespace's links, and the hardware addresses that were drawn, alike on both sides. */
export class Names {
  readonly #links = new Map<string, string>();
  readonly #addresses = new Map<string, string>();
  readonly given: string;

  /** `given` is the text of the config: what it names is not random. */
  constructor(pictures: Readonly<Record<string, Picture>>, given: string) {
    this.given = given.toLowerCase();
    const byAddress = Object.entries(pictures).sort(([a], [b]) => (a === 'host' ? 1 : b === 'host' ? -1 : 0));
    for (const [place, { links }] of byAddress) {
      let count = 0;
      for (const { ifname, address } of [...links].sort((a, b) => a.ifindex - b.ifindex)) {
        if (isRandomName(ifname)) this.#links.set(ifname, `veth#${++count}`);
        if (address === undefined || this.given.includes(address)) continue;
        if (!this.#addresses.has(address)) this.#addresses.set(address, `mac(${place} ${this.link(ifname)})`);
      }
    }
  }

  link(name: string): string {
    return isRandomName(name) ? (this.#links.get(name) ?? 'veth#gone') : name;
  }

  /** A text with every name and address in it said so. */
  text(text: string): string {
    return text
      .replaceAll(/veth[0-9a-f]{8}/g, (name) => this.link(name))
      .replaceAll(/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g, (address) => this.#addresses.get(address) ?? address);
  }
}
