import type { DecodedMessage } from '../codec/block.js';
import { ifinfoFlags } from '../schema/link/message.js';
import { bits } from './text/names.js';

/** A link as it was last heard of. */
export interface Device {
  readonly name: string;
  /** IFF_* */
  readonly flags: number;
  /** ARPHRD_* */
  readonly type: number;
}

/** Links of one namespace by index, as messages tell of them. */
export class Devices {
  readonly #known = new Map<number, Device>();

  get(index: number): Device | undefined {
    return this.#known.get(index);
  }

  clear(): void {
    this.#known.clear();
  }

  /** Takes note of what a link's message says. */
  learn({ name, header, attributes }: DecodedMessage): void {
    const { index, flags, type, family } = header as unknown as {
      index: number;
      flags: readonly (string | number)[];
      type: number;
      family: number;
    };
    if (name === 'dellink') {
      // a port that leaves its bridge is a link still
      if (family === 0) this.#known.delete(index);
      return;
    }
    const { ifname } = attributes as { ifname?: string };
    if (ifname !== undefined) this.#known.set(index, { name: ifname, flags: bits(ifinfoFlags, flags), type });
  }
}
