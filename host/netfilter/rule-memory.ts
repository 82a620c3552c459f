import type { DecodedMessage } from '../codec/block.js';
import { messageFlags } from '../codec/constants.js';
import { nftables } from '../schema/netfilter/nftables.js';
import type { Rule } from './netfilter.js';
import { type Operation, type TableReference, tableKey } from './transaction.js';

const { newrule, delrule, deltable, delchain } = nftables.messages;

interface Attributes {
  readonly table?: string;
  readonly name?: string;
  readonly handle?: number | bigint;
  readonly position?: number | bigint;
}

/**
 * The rules of tables as of one generation of the ruleset, for a process that changes it over and over: its own changes
 * are followed, anybody else's (the generation tells) make it forget.
 */
export class RuleMemory {
  readonly #ruleOf: (message: DecodedMessage) => Rule;
  readonly #tables = new Map<string, Rule[]>();
  #generation = -1;

  constructor(ruleOf: (message: DecodedMessage) => Rule) {
    this.#ruleOf = ruleOf;
  }

  /** The ruleset's generation is this now. */
  at(generation: number): void {
    if (generation === this.#generation) return;
    this.#tables.clear();
    this.#generation = generation;
  }

  rules({ family, table }: TableReference): readonly Rule[] | undefined {
    return this.#tables.get(tableKey(family, table));
  }

  /** All rules of a table, which were read while the ruleset was of this generation. */
  learn({ family, table }: TableReference, rules: readonly Rule[], generation: number): void {
    if (generation === this.#generation) this.#tables.set(tableKey(family, table), [...rules]);
  }

  /** Has the kernel tell what it makes of new rules. */
  static asked(operations: readonly Operation[]): Operation[] {
    return operations.map((operation) =>
      operation.message === newrule
        ? { ...operation, flags: operation.flags | messageFlags.echo }
        : operation,
    );
  }

  /** A transaction was committed on the ruleset of a generation; `answers` are the new rules. */
  follow(operations: readonly Operation[], answers: readonly DecodedMessage[], generation: number): void {
    if (generation !== this.#generation) return;
    const made = answers.filter(({ name }) => name === 'newrule').map((answer) => this.#ruleOf(answer));
    const wanted = operations.filter(({ message }) => message === newrule);
    if (made.length !== wanted.length) {
      this.#tables.clear();
      return;
    }
    for (const { message, flags, family, attributes } of operations) {
      const { table, name, handle, position } = attributes as Attributes;
      const key = tableKey(family, table ?? name ?? '');
      const rules = this.#tables.get(key);
      const rule = message === newrule ? made.shift() : undefined;
      if (rules === undefined) continue;
      if (rule !== undefined) {
        const isAppended = (flags & messageFlags.append) !== 0 && position === undefined;
        if (isAppended) rules.push(rule);
        else this.#tables.delete(key);
      } else if (message === delrule && handle !== undefined) {
        const at = rules.findIndex((one) => BigInt(one.handle ?? 0) === BigInt(handle));
        if (at >= 0) rules.splice(at, 1);
      } else if (message === deltable) {
        rules.length = 0;
      } else if (message === delrule || message === delchain) {
        this.#tables.delete(key);
      }
    }
    // 0 is passed over
    this.#generation = generation === 0xffff_ffff ? 1 : generation + 1;
  }
}
