/** `netloom/runtime`: what a container runtime uses to attach containers to networks. */

export type { Exec, ExecCall, ExecOutcome } from '../cni/execution.js';
export type { ValidAttachment } from '../cni/plugin.js';
export type { WarmSockets } from '../cni/sides.js';
export type { Attachment } from './attachment.js';
export { type CachedAttachment, defaultCacheDirectory, ResultCache } from './cache.js';
export type { Bandwidth, Container, IpRange, PortMapping } from './container.js';
export {
  ContainerNetworks,
  type ContainerNetworksOptions,
  type SetupOptions,
  type WatchOptions,
} from './container-networks.js';
export type {
  AttachedNetwork,
  ContainerInterface,
  ContainerOutcome,
  NetworkOutcome,
} from './container-result.js';
export { excerpt, NetworkConfigError, type Place, PluginError, placeOf, RuntimeError } from './errors.js';
export type { Position } from './json-document.js';
export {
  loadNetworkList,
  networkFiles,
  readNetworkFile,
  readNetworkList,
  readNetworkLists,
  readSingleConfig,
} from './network-directory.js';
export {
  type NetworkList,
  type PluginConfig,
  type PluginSource,
  parseNetwork,
  parseNetworkList,
} from './network-list.js';
export type { CallOptions, PluginEvent, Timing } from './plugin-call.js';
export type { PluginVersions } from './plugin-versions.js';
export {
  type AddOptions,
  type AddOutcome,
  type GcOutcome,
  type Outcome,
  Runtime,
  type RuntimeOptions,
} from './runtime.js';
export type { TraceContext } from './trace.js';
export type { ConfigProblem, Validation } from './validate.js';
