import type { DecodedMessage } from '../../../codec/block.js';
import type { AttributesOf } from '../../../schema/definition.js';
import type { nftables } from '../../../schema/netfilter/nftables.js';
import { setFlags } from '../../../schema/netfilter/nftables-names.js';
import { bits } from '../names.js';
import { before, type DataType, typesOf } from './types.js';

type Messages = typeof nftables.messages;
export type SetAttributes = AttributesOf<Messages['newset']>;
type Elements = AttributesOf<Messages['newsetelem']>;
export type Element = NonNullable<NonNullable<Elements['elements']>['elem']>[number];

/** From one value to another; to the same one for a single value. */
export interface Entry {
  readonly element: Element;
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

/** What is known of a set. */
export interface KnownSet {
  /** As nft writes it. */
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly anonymous: boolean;
  readonly interval: boolean;
  readonly map: boolean;
  readonly keyLength: number;
  readonly key: readonly DataType[] | undefined;
  /** Of a map's values; `verdict` where they are such. */
  readonly data: readonly DataType[] | 'verdict' | undefined;
  /** Of anonymous ones, which are written in the rule that they are of. */
  readonly entries: Entry[];
  /** The one end of an interval, of which the other end is still to come. */
  open: Element | undefined;
}

/** Families as nft writes them. */
const families: Readonly<Record<string, string>> = { ipv4: 'ip', ipv6: 'ip6' };

/** The family that a message of nftables is about. */
export function familyOf({ header }: DecodedMessage): string {
  const name = String((header as { nfgenFamily: unknown }).nfgenFamily);
  return families[name] ?? name;
}

const VERDICT = 0xffff_ff00;

function dataTypesOf({ dataType }: SetAttributes): KnownSet['data'] {
  if (dataType === undefined) return undefined;
  if (dataType === 'verdict' || dataType === VERDICT) return 'verdict';
  return typeof dataType === 'number' ? typesOf(dataType) : undefined;
}

const bytesOf = (element: Element): Uint8Array => element.key?.value ?? new Uint8Array();
const isEnd = ({ flags = [] }: Element): boolean => flags.includes('interval-end');
const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
const highest = (length: number): Uint8Array => new Uint8Array(length).fill(0xff);

/**
 * The sets of a namespace's rules, as messages tell of them: types of keys, which elements have not with them, and what
 * is in anonymous sets. An interval's ends come one by one.
 */
export class Sets {
  readonly #known = new Map<string, KnownSet>();
  /** What is to be written for a message that told elements. */
  readonly #entries = new WeakMap<DecodedMessage, { set: KnownSet; entries: readonly Entry[] }[]>();
  readonly #open = new Set<KnownSet>();

  get(family: string, table: string | undefined, name: string | undefined): KnownSet | undefined {
    return this.#known.get(`${family}|${table}|${name}`);
  }

  /** Sets and their entries that a message told or completed; undefined when it was not learned from. */
  entriesOf(message: DecodedMessage): readonly { set: KnownSet; entries: readonly Entry[] }[] | undefined {
    return this.#entries.get(message);
  }

  /** Takes note of what a message of nftables says. */
  learn(message: DecodedMessage): void {
    const family = familyOf(message);
    switch (message.name) {
      case 'newset':
        this.#learnSet(family, message.attributes as SetAttributes);
        break;
      case 'delset': {
        const { table, name } = message.attributes as SetAttributes;
        this.#known.delete(`${family}|${table}|${name}`);
        break;
      }
      case 'deltable': {
        const { name } = message.attributes as { name?: string };
        for (const key of this.#known.keys())
          if (key.startsWith(`${family}|${name}|`)) this.#known.delete(key);
        break;
      }
      case 'newsetelem':
      case 'delsetelem':
        this.#learnElements(family, message);
        break;
      case 'newgen':
        this.#close(message);
        break;
    }
  }

  #learnSet(family: string, a: SetAttributes): void {
    const flags = bits(setFlags, a.flags ?? []);
    const key = `${family}|${a.table}|${a.name}`;
    if (this.#known.has(key)) return;
    this.#known.set(key, {
      family,
      table: a.table ?? '',
      name: a.name ?? '',
      anonymous: (flags & setFlags.anonymous) !== 0,
      interval: (flags & setFlags.interval) !== 0,
      map: (flags & setFlags.map) !== 0,
      keyLength: a.keyLen ?? 0,
      key: a.keyType === undefined ? undefined : typesOf(a.keyType),
      data: dataTypesOf(a),
      entries: [],
      open: undefined,
    });
  }

  #learnElements(family: string, message: DecodedMessage): void {
    const { table, set: name, elements } = message.attributes as Elements;
    const set = this.get(family, table, name);
    if (set === undefined) return;
    const entries = (elements?.elem ?? []).flatMap((one) => this.#entry(set, one));
    this.#entries.set(message, [{ set, entries }]);
    if (set.anonymous && message.name === 'newsetelem') set.entries.push(...entries);
  }

  /** What an element completes. */
  #entry(set: KnownSet, element: Element): readonly Entry[] {
    const key = bytesOf(element);
    if (element.flags?.includes('catchall') || !set.interval || element.keyEnd !== undefined) {
      return [{ element, first: key, last: element.keyEnd?.value ?? key }];
    }
    const { open } = set;
    // where nothing begins at zero, an end does
    if (isEnd(element) && open === undefined && isZero(key)) return [];
    set.open = undefined;
    this.#open.delete(set);
    if (open !== undefined && isEnd(open) !== isEnd(element)) {
      const [first, end] = isEnd(open) ? [element, open] : [open, element];
      return [{ element: first, first: bytesOf(first), last: before(bytesOf(end)) }];
    }
    set.open = element;
    this.#open.add(set);
    return open === undefined ? [] : endless(open);
  }

  /** At the end of a transaction: intervals that have no end go to the highest value. */
  #close(message: DecodedMessage): void {
    if (this.#open.size === 0) return;
    const told: { set: KnownSet; entries: readonly Entry[] }[] = [];
    for (const set of this.#open) {
      if (set.open !== undefined) told.push({ set, entries: endless(set.open) });
      if (set.anonymous) set.entries.push(...(told.at(-1)?.entries ?? []));
      set.open = undefined;
    }
    this.#open.clear();
    this.#entries.set(message, told);
  }
}

/** What begins and has no end. */
export function endless(element: Element): readonly Entry[] {
  if (isEnd(element)) return [];
  const first = bytesOf(element);
  return [{ element, first, last: highest(first.length) }];
}
