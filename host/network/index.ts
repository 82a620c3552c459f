export type { Address, AddressFilter, AddressInput } from './addresses.js';
export { type BatchBuilder, type BatchFailure, BatchResult } from './batch.js';
export type { Device, NamespaceInput } from './context.js';
export type { Link, LinkFilter, LinkInput } from './links.js';
export type { Neighbour, NeighbourFilter, NeighbourInput } from './neighbours.js';
export { Network, type NetworkOptions } from './network.js';
export type { Nexthop, NexthopFilter, NexthopInput } from './nexthops.js';
export type { HopInput, Route, RouteFilter, RouteInput } from './routes.js';
export type { Rule, RuleFilter, RuleInput } from './rules.js';
export { Listing } from './table.js';
export { createTap, type TapInput } from './tap.js';
export {
  type ClassInput,
  type FilterInput,
  formatHandle,
  type Handle,
  parseHandle,
  type Qdisc,
  type QdiscInput,
  type TrafficClass,
  type TrafficFilter,
} from './traffic.js';
export { NetworkError } from './values.js';
export type { Change, Resync, WatchEvent, Watched, WatchOptions } from './watch.js';
