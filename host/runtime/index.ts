export type { Attachment } from './attachment.js';
export { type CachedAttachment, defaultCacheDirectory, ResultCache } from './cache.js';
export { RuntimeError } from './errors.js';
export {
  loadNetworkList,
  type NetworkList,
  type PluginConfig,
  parseNetworkList,
  readNetworkList,
  readNetworkLists,
  readSingleConfig,
} from './network-list.js';
export {
  type AddOptions,
  type AddOutcome,
  type CallOptions,
  Runtime,
  type RuntimeOptions,
  type Timing,
} from './runtime.js';
