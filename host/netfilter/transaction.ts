import { messageFlags } from '../codec/constants.js';
import { textOf, utf8Of } from '../codec/text.js';
import type { AcceptedAttributesOf, Message } from '../schema/definition.js';
import { nftables } from '../schema/netfilter/nftables.js';
import type { Expression, SetOfRule } from './expressions.js';

const messages = nftables.messages;

/** Families of nftables, by the names that nft(8) gives them. NFPROTO_*, linux/netfilter.h */
export const tableFamilies = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;
export type TableFamily = keyof typeof tableFamilies;

/** Hooks of base chains: NF_INET_*, linux/netfilter.h */
export const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4, ingress: 0 } as const;
/** Names for priorities, as nft(8) has them for all families but bridge. */
export const priorities = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
} as const;

const familyNames = new Map<number, string>(
  Object.entries(tableFamilies).map(([name, number]) => [number, name]),
);

/** A table's name with its family, which is a name or a number. */
export function tableKey(family: TableFamily | number, table: string): string {
  return `${typeof family === 'number' ? familyNames.get(family) : family} ${table}`;
}

export interface TableReference {
  readonly family: TableFamily;
  readonly table: string;
}
export interface ChainReference extends TableReference {
  readonly chain: string;
}
/** Comments are at most 253 bytes of UTF-8, and shown by `nft list`. */
interface Commented {
  readonly comment?: string;
}
export interface SetReference extends TableReference {
  readonly set: string;
}

/** A chain; with `hook` it is a base chain, which the kernel calls. */
export interface ChainInput extends ChainReference, Commented {
  readonly type?: 'filter' | 'nat' | 'route';
  readonly hook?: keyof typeof hooks;
  readonly priority?: number;
  readonly policy?: 'accept' | 'drop';
  /** Of chains at `ingress`: the link. */
  readonly device?: string;
}

export interface RuleInput extends ChainReference, Commented {
  /** A second comment, which `nft list` does not show: for what a program needs to know its rules by. */
  readonly tag?: string;
  readonly expressions: readonly Expression[];
  /** Handle of the rule to stand behind (add) or before (insert). */
  readonly position?: number | bigint;
}

type SetAttributes = NonNullable<AcceptedAttributesOf<typeof messages.newset>>;

export interface SetInput extends SetReference {
  /** Bytes of a key. */
  readonly keyLength: number;
  /** nft's own number of the key's type, for its listings: 7 IPv4 address, 8 IPv6 address, 13 port, 41 name of a link … */
  readonly keyType?: number;
  readonly flags?: SetAttributes['flags'];
  /** Of a map: bytes of a value, or that it is a verdict. */
  readonly data?: { readonly length: number; readonly type?: number } | 'verdict';
  /** ms that elements live. */
  readonly timeout?: number;
  /** Keys are in the host's byte order, as names of links are: for nft(8) to list them. */
  readonly hostOrder?: boolean;
  readonly attributes?: SetAttributes;
}

export interface ElementInput {
  readonly key: Uint8Array;
  /** Of an interval: the first key behind it is marked so. */
  readonly intervalEnd?: boolean;
  readonly data?: Uint8Array | { readonly code: string; readonly chain?: string };
  /** ms */
  readonly timeout?: number;
}

export interface Operation {
  readonly message: Message;
  readonly flags: number;
  readonly family: number;
  readonly attributes: object;
  /** As a user would say it in nft's language. */
  readonly description: string;
}

const ADD = messageFlags.create;
const CREATE = messageFlags.create | messageFlags.excl;
const APPEND = messageFlags.create | messageFlags.append;

/** Says that keys are in the host's byte order, which nft(8) needs to list them: libnftnl's NFTNL_UDATA_SET_KEYBYTEORDER. */
const HOST_ORDER = Uint8Array.of(0, 4, 1, 0, 0, 0);

/** All elements of a message are one attribute, whose length has 16 bits. */
const ELEMENTS_AT_A_TIME = 500;

/** Types of what is in user data. nft(8) passes over those that it does not know; libnftnl counts up from 0. */
const COMMENT = 0;
const TAG = 0xca;

/** Texts as nft(8) keeps them: for each its type, length, and text with its NUL (libnftnl's udata). */
function userTexts(...texts: readonly (readonly [type: number, text: string | undefined])[]): Uint8Array {
  const out: number[] = [];
  for (const [type, text] of texts) {
    if (text === undefined) continue;
    const bytes = utf8Of(text);
    out.push(type, bytes.length + 1, ...bytes, 0);
  }
  return Uint8Array.from(out);
}

export function commentData(comment: string): Uint8Array {
  return userTexts([COMMENT, comment]);
}

function commented({ comment, tag }: Commented & { tag?: string }): { userdata?: Uint8Array } {
  if (comment === undefined && tag === undefined) return {};
  return { userdata: userTexts([COMMENT, comment], [TAG, tag]) };
}

/** The comment in a rule's user data, if there is one. */
export function commentOf(userdata: Uint8Array | undefined): string | undefined {
  return userTextOf(userdata, COMMENT);
}

/** The tag in a rule's user data, if there is one. */
export function tagOf(userdata: Uint8Array | undefined): string | undefined {
  return userTextOf(userdata, TAG);
}

function userTextOf(userdata: Uint8Array | undefined, type: number): string | undefined {
  for (let at = 0; userdata !== undefined && at + 2 <= userdata.length; ) {
    const length = userdata[at + 1] as number;
    if (userdata[at] === type) return textOf(userdata.subarray(at + 2, at + 1 + length));
    at += 2 + length;
  }
  return undefined;
}

/** Numbers by which rules of a transaction name the sets that it makes; also of transactions that become one. */
let lastSetId = 0;

function nextSetId(): number {
  lastSetId = (lastSetId % 0x7fff_ffff) + 1;
  return lastSetId;
}

/** Gathers operations that the kernel does all together or not at all. */
export class Transaction {
  readonly operations: Operation[] = [];

  #push(
    message: Message,
    flags: number,
    { family }: TableReference,
    attributes: object,
    description: string,
  ): this {
    this.operations.push({ message, flags, family: tableFamilies[family], attributes, description });
    return this;
  }

  /** Adds a table unless it is there. */
  addTable(input: TableReference & Commented): this {
    return this.#push(
      messages.newtable,
      ADD,
      input,
      { name: input.table, ...commented(input) },
      `add table ${input.family} ${input.table}`,
    );
  }
  /** Adds a table; fails with `EEXIST` when it is there. */
  createTable(input: TableReference): this {
    return this.#push(
      messages.newtable,
      CREATE,
      input,
      { name: input.table },
      `create table ${input.family} ${input.table}`,
    );
  }
  /** Deletes a table with all that is in it; fails with `ENOENT` when there is none. */
  deleteTable(input: TableReference): this {
    return this.#push(
      messages.deltable,
      0,
      input,
      { name: input.table },
      `delete table ${input.family} ${input.table}`,
    );
  }

  /** Adds a chain unless it is there. */
  addChain(input: ChainInput): this {
    const { table, chain, type, hook, priority, policy, device } = input;
    const base =
      hook === undefined
        ? {}
        : { hook: { num: hooks[hook], priority: priority ?? 0, dev: device }, type: type ?? 'filter' };
    return this.#push(
      messages.newchain,
      ADD,
      input,
      { table, name: chain, ...base, ...(policy === undefined ? {} : { policy }), ...commented(input) },
      `add chain ${input.family} ${table} ${chain}`,
    );
  }
  /** Deletes an empty chain that nothing refers to. */
  deleteChain(input: ChainReference): this {
    const { table, chain } = input;
    return this.#push(
      messages.delchain,
      0,
      input,
      { table, name: chain },
      `delete chain ${input.family} ${table} ${chain}`,
    );
  }
  /** Deletes all rules of a chain. */
  flushChain(input: ChainReference): this {
    const { table, chain } = input;
    return this.#push(
      messages.delrule,
      0,
      input,
      { table, chain },
      `flush chain ${input.family} ${table} ${chain}`,
    );
  }

  /** Adds a rule at the end of its chain, or behind `position`. */
  addRule(input: RuleInput): this {
    return this.#rule(input, APPEND, 'add');
  }
  /** Adds a rule at the beginning of its chain, or before `position`. */
  insertRule(input: RuleInput): this {
    return this.#rule(input, ADD, 'insert');
  }
  #rule(input: RuleInput, flags: number, verb: string): this {
    const { table, chain, expressions, position } = input;
    return this.#push(
      messages.newrule,
      flags,
      input,
      {
        table,
        chain,
        ...(position === undefined ? {} : { position }),
        expressions: { elem: expressions },
        ...commented(input),
      },
      `${verb} rule ${input.family} ${table} ${chain}`,
    );
  }
  /** Deletes the rule with a handle. */
  deleteRule(input: ChainReference & { readonly handle: number | bigint }): this {
    const { table, chain, handle } = input;
    return this.#push(
      messages.delrule,
      0,
      input,
      { table, chain, handle },
      `delete rule ${input.family} ${table} ${chain} handle ${handle}`,
    );
  }

  /** Adds a set or map unless it is there. */
  addSet(input: SetInput): this {
    const { table, set, keyLength, keyType, flags, data, timeout, hostOrder = false, attributes } = input;
    const id = nextSetId();
    const VERDICT = 0xffff_ff00;
    const map =
      data === undefined
        ? {}
        : data === 'verdict'
          ? { dataType: VERDICT, dataLen: 16 }
          : { dataType: data.type ?? 0, dataLen: data.length };
    const names = [
      ...(flags === undefined ? [] : [flags].flat()),
      ...(data === undefined ? [] : ['map']),
      ...(timeout === undefined ? [] : ['timeout']),
    ];
    return this.#push(
      messages.newset,
      ADD,
      input,
      {
        table,
        name: set,
        flags: names,
        keyType: keyType ?? 0,
        keyLen: keyLength,
        ...map,
        id,
        ...(timeout === undefined ? {} : { timeout }),
        ...(hostOrder ? { userdata: HOST_ORDER } : {}),
        ...attributes,
      },
      `add set ${input.family} ${table} ${set}`,
    );
  }
  /**
   * Adds a set or map for one rule only, which has to be added behind it and goes with it. Returns what that rule's
   * `lookup` needs.
   */
  addAnonymousSet(
    input: TableReference &
      Pick<SetInput, 'keyLength' | 'keyType' | 'data' | 'hostOrder'> & { readonly interval?: boolean },
    elements: readonly ElementInput[],
  ): SetOfRule {
    const { interval = false, ...rest } = input;
    const flags = ['anonymous', 'constant', ...(interval ? (['interval'] as const) : [])] as const;
    const reference = { ...rest, set: '__set%d' };
    this.addSet({ ...reference, flags });
    const id = lastSetId;
    for (let at = 0; at < elements.length; at += ELEMENTS_AT_A_TIME) {
      this.#elements(
        messages.newsetelem,
        ADD,
        reference,
        elements.slice(at, at + ELEMENTS_AT_A_TIME),
        'add',
        id,
      );
    }
    return { set: reference.set, id };
  }
  /** Deletes a set that no rule uses. */
  deleteSet(input: SetReference): this {
    const { table, set } = input;
    return this.#push(
      messages.delset,
      0,
      input,
      { table, name: set },
      `delete set ${input.family} ${table} ${set}`,
    );
  }
  /** Adds elements to a set; those that are there stay. */
  addElements(input: SetReference, elements: readonly ElementInput[]): this {
    return this.#elements(messages.newsetelem, ADD, input, elements, 'add');
  }
  /** Deletes elements; fails with `ENOENT` when one is not there. */
  deleteElements(input: SetReference, elements: readonly ElementInput[]): this {
    return this.#elements(messages.delsetelem, 0, input, elements, 'delete');
  }
  #elements(
    message: Message,
    flags: number,
    input: SetReference,
    elements: readonly ElementInput[],
    verb: string,
    setId?: number,
  ): this {
    const { table, set } = input;
    const elem = elements.map(({ key, intervalEnd, data, timeout }) => ({
      key: { value: key },
      ...(intervalEnd ? { flags: ['interval-end'] } : {}),
      ...(data === undefined
        ? {}
        : { data: data instanceof Uint8Array ? { value: data } : { verdict: data } }),
      ...(timeout === undefined ? {} : { timeout }),
    }));
    return this.#push(
      message,
      flags,
      input,
      { table, set, elements: { elem }, ...(setId === undefined ? {} : { setId }) },
      `${verb} element ${input.family} ${table} ${set}`,
    );
  }

  /** Any other message of nftables: objects, flow tables, … */
  raw(message: Message, family: TableFamily, flags: number, attributes: object): this {
    this.operations.push({
      message,
      flags,
      family: tableFamilies[family],
      attributes,
      description: message.name,
    });
    return this;
  }
}
