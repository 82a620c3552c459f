import type { FoundNamespace } from '../inventory.js';
import { NsidReader } from '../nsid.js';
import { openFound } from '../open.js';

/**
 * Tells which namespace another's number means. A namespace has numbers of its own for those it has to do with, so each
 * is asked inside the namespace that uses it; only for those that come into question.
 */
export class NumberResolver {
  readonly #readers = new Map<number, NsidReader | undefined>();
  readonly #known = new Map<string, number | undefined>();
  readonly #self: number;

  constructor(self: number) {
    this.#self = self;
  }

  #reader(inside: FoundNamespace): NsidReader | undefined {
    const { inode } = inside.id;
    if (this.#readers.has(inode)) return this.#readers.get(inode);
    let reader: NsidReader | undefined;
    try {
      if (inode === this.#self) reader = NsidReader.open();
      else {
        using namespace = openFound(inside);
        reader = NsidReader.open(namespace.fd);
      }
    } catch {
      // may not be entered, or is gone: what it means stays unknown
    }
    this.#readers.set(inode, reader);
    return reader;
  }

  /** What `inside` calls `other`; undefined when it has no number for it. */
  #numberOf(inside: FoundNamespace, other: FoundNamespace): number | undefined {
    const key = `${inside.id.inode} ${other.id.inode}`;
    if (this.#known.has(key)) return this.#known.get(key);
    let number: number | undefined;
    try {
      using namespace = openFound(other);
      number = this.#reader(inside)?.of(namespace.fd);
    } catch {
      // gone
    }
    this.#known.set(key, number);
    return number;
  }

  /** The one of some namespaces that a number means inside another. */
  find(
    inside: FoundNamespace,
    number: number,
    candidates: readonly FoundNamespace[],
  ): FoundNamespace | undefined {
    return candidates.find((other) => this.#numberOf(inside, other) === number);
  }

  close(): void {
    for (const reader of this.#readers.values()) reader?.close();
    this.#readers.clear();
  }
}
