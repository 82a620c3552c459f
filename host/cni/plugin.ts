import type { CommandArguments } from './arguments.js';
import type { Shape } from './config.js';
import type { CniError } from './errors.js';
import type { Result } from './result.js';
import { allVersions } from './version.js';

/** What a plugin is asked to do. SPEC.md, section 2; VERSION is answered by the layer. */
export type Operation = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS';

/** An attachment that is still in use, `cni.dev/valid-attachments` of GC. */
export interface Attachment {
  readonly containerID: string;
  readonly ifname: string;
}

/** Running another plugin with other words than this one's. What is left out is the same as for this call. */
export interface ExecuteOptions {
  /** Default: the operation that is being done. */
  readonly operation?: Operation;
  /** Default: `rawConfig`. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly ifname?: string;
  /** Text of CNI_ARGS. */
  readonly args?: string;
}

/**
 * The IPAM plugin that the config names (`ipam.type`). A bundled one is a function call, another is executed from
 * CNI_PATH. Its errors are thrown as CniError with its code. SPEC.md, section 4
 */
export interface Ipam {
  /** `ipam.type`; empty when the config has none: then every call fails with `no plugin name provided`. */
  readonly type: string;
  /** Leases addresses. The indices `interface` of its addresses are for the caller to set. */
  add(): Promise<Result>;
  del(): Promise<void>;
  check(): Promise<void>;
  gc(): Promise<void>;
  status(): Promise<void>;
}

/** All that a handler gets: it never touches the environment, stdin or stdout. */
export interface PluginContext<C> {
  /** What `config` of the definition made of the network configuration. */
  readonly config: C;
  /** The network configuration as it was given. */
  readonly rawConfig: Readonly<Record<string, unknown>>;
  readonly operation: Operation;
  /** Version of the config; results are converted to it by the layer. */
  readonly cniVersion: string;
  /** `name` of the config. */
  readonly networkName: string;
  /** Empty for GC and STATUS. */
  readonly containerId: string;
  /**
   * Path of the container's network namespace. Empty for GC and STATUS; for DEL also when the caller gave none, or
   * when the path has become the plugin's own namespace (what is in there is not the container's).
   */
  readonly sandbox: string;
  /** Empty for GC and STATUS. */
  readonly ifname: string;
  /** CNI_ARGS. */
  readonly args: CommandArguments;
  /** Directories of CNI_PATH. */
  readonly path: readonly string[];
  /**
   * Result of the plugin before, in the shape of 1.1.0. Reading it throws CniError when it can't be understood; for
   * DEL it is then `undefined`.
   */
  readonly prevResult: Result | undefined;
  /** For GC: what is still in use. Empty for the others. */
  readonly validAttachments: readonly Attachment[];
  readonly ipam: Ipam;
  /** Aborts when the caller has lost interest. */
  readonly signal: AbortSignal | undefined;
  /** A line for the plugin's log (stderr of a process). */
  readonly log: (line: string) => void;
  /** Runs another plugin: bundled ones by call, others from CNI_PATH. Throws CniError with its code. */
  readonly execute: (type: string, options?: ExecuteOptions) => Promise<Result>;
}

type Answer<T> = T | Promise<T>;

/** What a plugin consists of. Handlers throw: CniError goes out as it is, other errors as code 999 with their message. */
export interface PluginDefinition<C> {
  /** Name of the executable and of `type` in configs. */
  readonly type: string;
  /** Which part of the config it reads. For DEL and GC, bad optional values count as missing. */
  readonly config: Shape<C>;
  /** Supported versions of the specification; default all. */
  readonly versions?: readonly string[];
  /** Leaves nothing behind when it throws. */
  add(context: PluginContext<C>): Answer<Result>;
  /** May be called twice, without a sandbox, and for what was never added. */
  del(context: PluginContext<C>): Answer<void>;
  /** Throws when the attachment is not as ADD left it. */
  check?(context: PluginContext<C>): Answer<void>;
  /** Removes what belongs to no attachment of `validAttachments`. */
  gc?(context: PluginContext<C>): Answer<void>;
  /** Throws CniError 50 or 51 when ADD could not be served now. */
  status?(context: PluginContext<C>): Answer<void>;
  /** The printed result, where it isn't to be converted to the config's version. */
  format?(result: Result, cniVersion: string): Record<string, unknown>;
}

/** A plugin as the layer runs it: {@link invoke} and {@link runPlugin} take it. */
export interface Plugin {
  readonly type: string;
  readonly versions: readonly string[];
  /** Reads the config and calls the handler; a handler that isn't there is a success. */
  perform(
    operation: Operation,
    rawConfig: Readonly<Record<string, unknown>>,
    contextOf: <C>(config: C) => PluginContext<C>,
  ): Promise<Result | undefined>;
  format?(result: Result, cniVersion: string): Record<string, unknown>;
}

/** Where bundled plugins are found, by their type. */
export type PluginRegistry = ReadonlyMap<string, () => Plugin | Promise<Plugin>>;

export function definePlugin<C>(definition: PluginDefinition<C>): Plugin {
  const { type, config, versions = allVersions, format } = definition;
  return {
    type,
    versions,
    ...(format === undefined ? {} : { format }),
    perform: async (operation, rawConfig, contextOf) => {
      const lenient = operation === 'DEL' || operation === 'GC';
      const faults: CniError[] = [];
      const context = contextOf(config.read(rawConfig, '', lenient ? faults : undefined));
      for (const fault of faults) context.log(`${type}: ${fault.message}; taken as missing`);
      switch (operation) {
        case 'ADD':
          return await definition.add(context);
        case 'DEL':
          await definition.del(context);
          return undefined;
        case 'CHECK':
          await definition.check?.(context);
          return undefined;
        case 'GC':
          await definition.gc?.(context);
          return undefined;
        case 'STATUS':
          await definition.status?.(context);
          return undefined;
      }
    },
  };
}
