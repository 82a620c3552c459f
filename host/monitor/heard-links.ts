import { LinkNames } from '../inspect/iproute/common.js';
import type { Link } from '../network/links.js';
import type { Place } from './text/names.js';

export type { Place };

const IFF_UP = 0x1;

/** The links of a namespace as events know them. */
export class HeardLinks extends LinkNames {
  readonly #place: Place;

  constructor(place: Place) {
    super([]);
    this.#place = place;
  }

  override get(index: number): Link | undefined {
    const flags = this.#place.deviceFlags(index);
    if (flags === undefined) return undefined;
    return { index, ifname: this.#place.device(index), up: (flags & IFF_UP) !== 0 } as Link;
  }

  override of(index: number): string {
    return this.#place.device(index);
  }
}
