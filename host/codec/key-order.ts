/**
 * Objects that are encoded come by the thousand with the same keys in the same order. Such orders are a tree: each
 * node is the keys so far, and where an order keeps ending hangs the function that was compiled for it.
 */
export interface KeyOrder<Writer> {
  readonly keys: readonly string[];
  /** The key that came next last time, and where it led. */
  key: string;
  child: KeyOrder<Writer> | undefined;
  children: Map<string, KeyOrder<Writer>> | undefined;
  /** How many objects ended here; below zero when no function is to be compiled. */
  uses: number;
  writer: Writer | undefined;
}

const USES_BEFORE_COMPILING = 16;
const MOST_NODES = 512;

/** The orders of one schema's keys. */
export class KeyOrders<Writer> {
  readonly #known: (key: string) => boolean;
  readonly #compile: (keys: readonly string[]) => Writer | undefined;
  readonly #root = node<Writer>([]);
  /** Where orders end that are not followed: with unknown keys, or when there are too many. */
  readonly #nowhere = node<Writer>([]);
  #nodes = 0;

  /** `compile` may say that there is no function for an order; `known` tells which keys the schema has. */
  constructor(known: (key: string) => boolean, compile: (keys: readonly string[]) => Writer | undefined) {
    this.#known = known;
    this.#compile = compile;
    this.#nowhere.uses = Number.NEGATIVE_INFINITY;
  }

  /** The function for an object with these keys, if there is one. */
  writerFor(values: object): Writer | undefined {
    let at = this.#root;
    for (const key in values) at = at.key === key ? (at.child as KeyOrder<Writer>) : this.#step(at, key);
    if (at.writer !== undefined) return at.writer;
    if (++at.uses === USES_BEFORE_COMPILING) at.writer = this.#compile(at.keys);
    return at.writer;
  }

  #step(at: KeyOrder<Writer>, key: string): KeyOrder<Writer> {
    if (at === this.#nowhere) return at;
    let next = at.children?.get(key);
    if (next === undefined) {
      if (this.#nodes >= MOST_NODES || !this.#known(key)) return this.#nowhere;
      this.#nodes++;
      next = node([...at.keys, key]);
      at.children ??= new Map();
      at.children.set(key, next);
    }
    at.key = key;
    at.child = next;
    return next;
  }
}

function node<Writer>(keys: readonly string[]): KeyOrder<Writer> {
  // no key of a schema is empty
  return { keys, key: '', child: undefined, children: undefined, uses: 0, writer: undefined };
}
