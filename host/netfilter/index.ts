export { TransactionError } from './errors.js';
export * as expressions from './expressions.js';
export type { Expression } from './expressions.js';
export { type Chain, type Element, Netfilter, type NetfilterOptions, type Rule, type SetListed, type Table } from './netfilter.js';
export {
  type ChainInput,
  type ChainReference,
  commentOf,
  type ElementInput,
  hooks,
  priorities,
  type RuleInput,
  type SetInput,
  type SetReference,
  type TableFamily,
  type TableReference,
  tableFamilies,
  Transaction,
} from './transaction.js';
