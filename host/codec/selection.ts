import type { Found } from './block.js';
import type { ObjectMaker } from './compiled.js';
import { STATUS_FLEETING, STATUS_TRUNCATED } from './layout.js';
import type { Registry } from './registry.js';

export interface Maker {
  uses: number;
  make: ObjectMaker | undefined;
}

const MAXIMUM_MAKERS = 1024;

/** What makes the objects of the shapes that were met. */
export class Makers {
  readonly #byShape = new Map<number, Maker>();
  #generation = -1;

  /** What makes the objects of a shape; nothing when it isn't to be met again. */
  of({ machine }: Registry, found: Found): Maker | undefined {
    if (found.message === undefined || (found.status & (STATUS_FLEETING | STATUS_TRUNCATED)) !== 0)
      return undefined;
    if (machine.generation !== this.#generation) {
      this.#byShape.clear();
      this.#generation = machine.generation;
    }
    let maker = this.#byShape.get(found.serial);
    if (maker === undefined) {
      if (this.#byShape.size >= MAXIMUM_MAKERS) this.#byShape.clear();
      maker = { uses: 0, make: undefined };
      this.#byShape.set(found.serial, maker);
    }
    return maker;
  }
}

/**
 * Attributes that are wanted of messages, by their names on the first level: others are passed over. A link has two
 * hundred values, which take longer to decode than the kernel takes to tell them. Make one for good: it remembers how the
 * messages are built that it was used for.
 */
export class Selection {
  readonly names: ReadonlySet<string>;
  /** @internal */
  readonly makers = new Makers();

  constructor(...names: readonly string[]) {
    this.names = new Set(names);
  }
}

/** No attributes: what is wanted is in the header, as the index of a link. */
export const headerOnly = new Selection();
