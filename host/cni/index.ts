export { cidr, ipAddress } from './address.js';
export { type Command, type Environment, environmentOf, knownArgs, parsePairs } from './arguments.js';
export * as config from './config.js';
export { CniError, type ErrorOutput, errorCodes } from './errors.js';
export {
  type Exec,
  type ExecCall,
  type ExecOutcome,
  type Execution,
  executePlugin,
  findPlugin,
} from './execution.js';
export { type InvokeOptions, type InvokeOutcome, invoke } from './invoke.js';
export {
  type AttachmentRequest,
  definePlugin,
  type GcRequest,
  type Ipam,
  type Plugin,
  type PluginDefinition,
  type PluginLookup,
  type Request,
  type Sandbox,
  type Side,
  type ValidAttachment,
} from './plugin.js';
export { runPlugin } from './program.js';
export {
  type Dns,
  formatResult,
  type Interface,
  type IpConfig,
  parseResult,
  type Result,
  type Route,
  routeShape,
} from './result.js';
export { WarmSockets } from './sides.js';
export { allVersions, atLeast, currentVersion } from './version.js';
