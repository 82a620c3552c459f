import { setImmediate as immediate } from 'node:timers/promises';
import { messageFlags } from '../codec/constants.js';
import { NetlinkError } from '../netlink/errors.js';
import { nftables } from '../schema/netfilter/nftables.js';
import type { Rule } from './netfilter.js';
import {
  commentOf,
  type Operation,
  type TableReference,
  Transaction,
  tableKey,
  tagOf,
} from './transaction.js';

const { newrule, delrule, newtable, deltable, newchain, newset, newsetelem, delsetelem } = nftables.messages;

/** The rules as an update is to see them. */
export interface Ruleset {
  /** All rules of a table in their order; none when it does not exist. */
  rules(table: TableReference): Promise<readonly Rule[]>;
}

/** Looks at the ruleset and says what to do. */
export type Decide = (transaction: Transaction, ruleset: Ruleset) => Promise<void>;

interface Waiting {
  readonly decide: Decide;
  done(error?: unknown): void;
}

/** What the updates do to the kernel's ruleset. */
export interface JointHost {
  generation(): Promise<number>;
  rules(table: TableReference): Promise<readonly Rule[]>;
  commit(operations: readonly Operation[], generation: number): Promise<void>;
  /** One update by itself, begun anew when somebody else was quicker. */
  alone(decide: Decide): Promise<void>;
}

/** An update must see what the ones before it have done, and that cannot be told: it goes into the next transaction. */
class Untold extends Error {}

interface Attributes {
  readonly table?: string;
  readonly name?: string;
  readonly chain?: string;
  readonly handle?: number | bigint;
  readonly position?: number | bigint;
  readonly userdata?: Uint8Array;
}

/** Messages that change no table's rules. */
const harmless: ReadonlySet<unknown> = new Set([newtable, newchain, newset, newsetelem, delsetelem]);

/** What a transaction in the making has done to tables, for those who decide before the kernel has heard of it. */
class Projection {
  /** undefined: it cannot be told. */
  readonly #tables = new Map<string, Rule[] | undefined>();

  /** A table's rules; `present` are those that the kernel has. */
  rules(key: string, present: readonly Rule[]): readonly Rule[] {
    if (!this.#tables.has(key)) this.#tables.set(key, [...present]);
    const rules = this.#tables.get(key);
    if (rules === undefined) throw new Untold();
    return rules;
  }

  apply(operations: readonly Operation[]): void {
    for (const { message, flags, family, attributes } of operations) {
      if (harmless.has(message)) continue;
      const { table, name, chain, handle, position, userdata } = attributes as Attributes;
      const key = tableKey(family, table ?? name ?? '');
      const rules = this.#tables.get(key);
      if (message === deltable) this.#tables.set(key, []);
      else if (rules === undefined) this.#tables.set(key, undefined);
      else if (message === newrule && (flags & messageFlags.append) !== 0 && position === undefined)
        rules.push(draftOf(attributes, chain, userdata));
      else if (message === delrule && handle !== undefined)
        this.#tables.set(
          key,
          rules.filter((rule) => BigInt(rule.handle ?? 0) !== BigInt(handle)),
        );
      else this.#tables.set(key, undefined);
    }
  }
}

/** A rule that has no handle yet. */
function draftOf(attributes: object, chain: string | undefined, userdata: Uint8Array | undefined): Rule {
  const comment = commentOf(userdata);
  const tag = tagOf(userdata);
  const texts = { ...(comment === undefined ? {} : { comment }), ...(tag === undefined ? {} : { tag }) };
  return { ...attributes, chain, ...texts } as Rule;
}

/** Would it delete a rule that the kernel does not know yet? */
function namesDraft({ message, attributes }: Operation): boolean {
  const { handle } = attributes as Attributes;
  return message === delrule && handle !== undefined && BigInt(handle) === 0n;
}

const ATTEMPTS = 5;

/**
 * Updates of one ruleset, in one process: those that come together become one transaction, for which the kernel waits once.
 * Each sees what those before it will have done. When the kernel refuses it, each is done by itself, so that nobody pays
 * for another's fault.
 */
export class JointUpdates {
  readonly #host: JointHost;
  readonly #inTurn: (work: () => Promise<void>) => Promise<void>;
  readonly #waiting: Waiting[] = [];
  #due = false;

  /** `inTurn` runs its work when no other update does. */
  constructor(host: JointHost, inTurn: (work: () => Promise<void>) => Promise<void>) {
    this.#host = host;
    this.#inTurn = inTurn;
  }

  join(decide: Decide): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ decide, done: (error) => (error === undefined ? resolve() : reject(error)) });
      if (this.#due) return;
      this.#due = true;
      void this.#begin();
    });
  }

  async #begin(): Promise<void> {
    await immediate(); // who else has come by then
    await this.#inTurn(async () => {
      this.#due = false;
      const all = this.#waiting.splice(0);
      for (let attempt = 0; all.length > 0; attempt++) {
        const isJoint = all.length > 1 && attempt < ATTEMPTS;
        const served = isJoint ? await this.#together(all) : await this.#each(all.slice(0, 1));
        if (served > 0) attempt = -1;
        all.splice(0, served);
      }
    });
  }

  async #each(some: readonly Waiting[]): Promise<number> {
    for (const { decide, done } of some) await this.#host.alone(decide).then(() => done(), done);
    return some.length;
  }

  /** Serves as many from the beginning as go together; returns how many, 0 when somebody else was quicker. */
  async #together(all: readonly Waiting[]): Promise<number> {
    const operations: Operation[] = [];
    const asked: { one: Waiting; error?: unknown }[] = [];
    try {
      const generation = await this.#host.generation();
      const projection = new Projection();
      const ruleset: Ruleset = {
        rules: async (table) =>
          projection.rules(tableKey(table.family, table.table), await this.#host.rules(table)),
      };
      for (const one of all) {
        const decided = new Transaction();
        try {
          await one.decide(decided, ruleset);
        } catch (error) {
          if (error instanceof Untold) break;
          asked.push({ one, error });
          continue;
        }
        if (decided.operations.some(namesDraft)) break;
        projection.apply(decided.operations);
        operations.push(...decided.operations);
        asked.push({ one });
      }
      if (operations.length > 0) await this.#host.commit(operations, generation);
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ERESTART') return 0;
      return await this.#each(all.slice(0, Math.max(asked.length, 1)));
    }
    for (const { one, error } of asked) one.done(error);
    return asked.length;
  }
}
