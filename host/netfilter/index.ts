export { type Connection, type ConnectionFilter, Connections } from './connections.js';
export { TransactionError } from './errors.js';
export type { Expression } from './expressions.js';
export * as expressions from './expressions.js';
export {
  type Chain as NftChain,
  type Element as NftElement,
  Netfilter,
  type NetfilterOptions,
  type Rule as NftRule,
  type SetListed as NftSet,
  type Table as NftTable,
} from './netfilter.js';
export {
  type ChainInput,
  type ChainReference,
  commentOf,
  type ElementInput,
  hooks,
  priorities,
  type RuleInput as NftRuleInput,
  type SetInput,
  type SetReference,
  type TableFamily,
  type TableReference,
  Transaction,
  tableFamilies,
} from './transaction.js';
