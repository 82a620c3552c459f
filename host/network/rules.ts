import type { DecodedMessage } from '../codec/block.js';
import { NetlinkError } from '../netlink/errors.js';
import type { CallOptions } from '../netlink/socket.js';
import type { AcceptedAttributesOf, AcceptedHeaderOf, AttributesOf, HeaderOf } from '../schema/definition.js';
import { rule } from '../schema/rule.js';
import type { Command } from './context.js';
import { command, Table, verbFlags } from './table.js';
import { type FamilyName, familyName, familyNumber, parsePrefix } from './values.js';

const { newrule, delrule, getrule } = rule.messages;

/** A rule of routing policy. */
export interface Rule extends Omit<AttributesOf<typeof newrule>, 'dst' | 'src' | 'table' | 'priority'> {
  readonly family: FamilyName | number;
  /** Prefix, where not all destinations are meant. */
  readonly dst?: string;
  readonly src?: string;
  readonly table: number;
  /** Rules are tried in this order. */
  readonly priority: number;
  readonly tos: number;
  readonly action: HeaderOf<typeof newrule>['action'];
  readonly flags: HeaderOf<typeof newrule>['flags'];
}

export interface RuleInput extends Omit<NonNullable<AcceptedAttributesOf<typeof newrule>>, 'dst' | 'src'> {
  readonly family?: FamilyName | number;
  readonly dst?: string;
  readonly src?: string;
  readonly tos?: number;
  /** `to-tbl` by default. */
  readonly action?: NonNullable<AcceptedHeaderOf<typeof newrule>>['action'];
  /** The rule is for what its selectors do not fit. */
  readonly invert?: boolean;
}

export interface RuleFilter {
  readonly family?: FamilyName | number;
  readonly table?: number;
  readonly priority?: number;
  readonly [attribute: string]: unknown;
}

/** The item of a message of the kernel's. */
export function ruleOf(message: DecodedMessage): Rule {
  const header = message.header as unknown as HeaderOf<typeof newrule>;
  const { dst, src, ...rest } = message.attributes as AttributesOf<typeof newrule>;
  return {
    family: familyName(header.family),
    ...(dst === undefined ? undefined : { dst: `${dst}/${header.dstLen}` }),
    ...(src === undefined ? undefined : { src: `${src}/${header.srcLen}` }),
    table: header.table,
    priority: 0,
    tos: header.tos,
    action: header.action,
    flags: header.flags,
    ...rest,
  } as Rule;
}

const INVERT = 2;

function build(message: typeof newrule | typeof delrule, flags: number, input: RuleInput): Command {
  const { family, dst, src, tos, action, invert, table, ...attributes } = input;
  const to = dst === undefined ? undefined : parsePrefix(dst, 'dst');
  const from = src === undefined ? undefined : parsePrefix(src, 'src');
  const number = table ?? 0;
  return command(
    message,
    flags,
    {
      family: family === undefined ? (to?.family ?? from?.family ?? 2) : familyNumber(family),
      dstLen: to?.length ?? 0,
      srcLen: from?.length ?? 0,
      tos: tos ?? 0,
      table: number < 256 ? number : 0,
      action: action ?? (message === delrule ? 0 : 'to-tbl'),
      flags: invert ? INVERT : 0,
    },
    {
      ...attributes,
      ...(to === undefined ? {} : { dst: to.address }),
      ...(from === undefined ? {} : { src: from.address }),
      ...(number >= 256 ? { table: number } : {}),
    },
  );
}

export const ruleCommands = {
  add: (input: RuleInput): Command => build(newrule, verbFlags.add, input),
  delete: (input: RuleInput): Command => build(delrule, verbFlags.delete, input),
};

/** Routing policy rules. */
export class Rules extends Table<Rule, RuleFilter, typeof newrule> {
  protected readonly reply = newrule;

  protected query({ family }: RuleFilter): Command {
    return command(getrule, 0, { family: familyNumber(family) }, {});
  }

  protected item(message: DecodedMessage): Rule {
    return ruleOf(message);
  }

  /** Adds a rule. Throws NetlinkError `EEXIST` when there is just such a one. */
  async add(input: RuleInput, options?: CallOptions): Promise<void> {
    await this.executor.execute(() => ruleCommands.add(input), options);
  }

  /** Deletes the first rule that fits; false when there is none. */
  async delete(input: RuleInput, options?: CallOptions): Promise<boolean> {
    try {
      await this.executor.execute(() => ruleCommands.delete(input), options);
      return true;
    } catch (error) {
      if (error instanceof NetlinkError && (error.code === 'ENOENT' || error.code === 'EAFNOSUPPORT'))
        return false;
      throw error;
    }
  }
}
