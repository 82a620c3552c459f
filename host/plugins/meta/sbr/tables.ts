import type { Rule } from '../../../network/rules.js';
import { goesOver } from '../../common/route-copy.js';
import { type Policy, RESERVED_TABLES } from '../../common/tables.js';

/** The first of the plugin's tables. */
export const FIRST_TABLE = 100;

/** Keys of a rule that says no more than: packets from `src` go to `table`. */
const plain = new Set([
  'family',
  'src',
  'table',
  'priority',
  'tos',
  'action',
  'flags',
  'suppressPrefixlen',
  'protocol',
]);
/** What kernels tell of a rule that suppresses nothing. */
const NOTHING_SUPPRESSED = 0xffff_ffff;

/** May the rule be one of this plugin's, ours or the reference's? */
export function isSourceRule(rule: Rule, source: string): boolean {
  return (
    rule.src === source &&
    rule.action === 'to-tbl' &&
    rule.flags.length === 0 &&
    rule.tos === 0 &&
    (rule.protocol ?? 0) === 0 &&
    (rule.suppressPrefixlen ?? NOTHING_SUPPRESSED) === NOTHING_SUPPRESSED &&
    Object.keys(rule).every((key) => plain.has(key))
  );
}

/** Whose address it is. */
export interface Owner {
  /** Index of the interface; none when it is gone. */
  readonly index: number | undefined;
  /** The table that the config names. */
  readonly table: number | undefined;
  /** Does another interface have the same address? */
  readonly shared: boolean;
}

/** Is a source rule that of an interface? Its table tells: its routes go over the interface, or are gone with it. */
export function isOwn(rule: Rule, { index, table, shared }: Owner, { routes }: Policy): boolean {
  const there = routes.filter((route) => route.table === rule.table && route.family === rule.family);
  const over = index !== undefined && there.some((route) => goesOver(route, index));
  if (table !== undefined) return rule.table === table && (!shared || over);
  if (rule.table < FIRST_TABLE || RESERVED_TABLES.includes(rule.table)) return false;
  return over || (there.length === 0 && !shared);
}
