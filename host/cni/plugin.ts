import type { Namespace } from '../namespace/namespace.js';
import type { Netfilter } from '../netfilter/netfilter.js';
import type { Network } from '../network/network.js';
import type { Environment } from './arguments.js';
import type { Shape } from './config.js';
import type { Result } from './result.js';

/** One side of an attachment: a namespace, and what is done in it. Opened when first asked for, closed with the request. */
export interface Side {
  readonly namespace: Namespace;
  readonly network: Network;
  readonly netfilter: Netfilter;
}

/** The container's side. */
export interface Sandbox extends Side {
  /**
   * CNI_NETNS as given; empty when the runtime knows none (any more), or when for DEL it is the plugin's own namespace:
   * what is in there is not the container's.
   */
  readonly path: string;
  /** Is there such a namespace? Of DEL it may be gone. Throws what is wrong with a path that is there but no namespace. */
  readonly exists: boolean;
}

/** The IPAM plugin of the config: called in this process when it is bundled, executed when it is foreign. */
export interface Ipam {
  /** Is one configured? */
  readonly configured: boolean;
  add(): Promise<Result>;
  delete(): Promise<void>;
  check(): Promise<void>;
  gc(): Promise<void>;
  status(): Promise<void>;
}

/** What every operation gets. */
export interface Request<C> {
  /** The config as the plugin's shape reads it. */
  readonly config: C;
  /** The config as it was given. */
  readonly rawConfig: Readonly<Record<string, unknown>>;
  /** The config's JSON. */
  readonly configText: string;
  /** Name of the network. */
  readonly name: string;
  /** Version of the config. */
  readonly cniVersion: string;
  /** CNI_ARGS as given: see `knownArgs`. */
  readonly args: string;
  /** Directories with plugins. */
  readonly path: readonly string[];
  /** Set when the caller has given up. */
  readonly signal: AbortSignal | undefined;
  /**
   * Result of the plugins before, if any. Reading it throws CniError when it can't be understood; for DEL it is then
   * missing.
   */
  readonly prevResult: Result | undefined;
  readonly ipam: Ipam;
  /**
   * Has another plugin do the same, or what `environment` changes about it: bundled ones by call, foreign ones from
   * CNI_PATH. Throws CniError with that plugin's code.
   */
  execute(
    type: string,
    change?: {
      readonly environment?: Partial<Environment>;
      /** In place of `rawConfig`. */
      readonly config?: Readonly<Record<string, unknown>>;
    },
  ): Promise<Result>;
  readonly host: Side;
  /** Tells an administrator something; never part of the result. */
  log(message: string): void;
}

/** ADD, DEL and CHECK: of one attachment. */
export interface AttachmentRequest<C> extends Request<C> {
  readonly containerId: string;
  readonly ifname: string;
  readonly sandbox: Sandbox;
}

/** An attachment that a runtime still knows, for GC. */
export interface ValidAttachment {
  readonly containerID: string;
  readonly ifname: string;
}

export interface GcRequest<C> extends Request<C> {
  /**
   * All attachments of the network that are valid; others' leftovers are to be removed. To the runtime's list come those
   * whose ADD had not ended at `calledAt`, as of the moment in which this is read: so list what there is first, then
   * read this (`garbageOf` does). docs/gc.md
   */
  readonly validAttachments: readonly ValidAttachment[];
  /** ms since 1970: when the runtime made its list, as far as is known. What is younger is to be left alone. */
  readonly calledAt: number;
}

export interface PluginDefinition<C> {
  /** The plugin's name, which is the config's `type`. */
  readonly type: string;
  /** Versions of the specification that it supports; all of them by default. */
  readonly versions?: readonly string[];
  readonly config: Shape<C>;
  /**
   * False: `host` and `sandbox` are never asked for more than the sandbox's path. A program then starts without the
   * network API, 20 ms sooner.
   */
  readonly usesNetwork?: boolean;
  /** Put before errors about the config, as the reference has it: `failed to load netconf`. */
  readonly configError?: string;
  /** Prints results in the current shape whatever the config's version, as the reference's loopback does. */
  readonly currentShape?: boolean;
  /** Attaches; must leave nothing behind when it throws. */
  add(request: AttachmentRequest<C>): Promise<Result>;
  /** Undoes `add`, as far as there is something to undo. */
  delete(request: AttachmentRequest<C>): Promise<void>;
  check(request: AttachmentRequest<C>): Promise<void>;
  /** Removes what attachments left that are not valid any more. */
  gc?(request: GcRequest<C>): Promise<void>;
  /** Throws CniError 50 or 51 when ADD would not succeed. */
  status?(request: Request<C>): Promise<void>;
  /** What its program does when it is started with arguments, as `dhcp daemon`; they mean nothing to other plugins. */
  main?(args: readonly string[]): Promise<void>;
}

/** A CNI plugin, whatever its config. */
export type Plugin = PluginDefinition<unknown>;

/**
 * Defines a plugin. Its operations never touch environment, stdin or stdout, so that the same plugin serves as a
 * program, in a daemon and embedded.
 */
export function definePlugin<C>(definition: PluginDefinition<C>): Plugin {
  // the config an operation gets was read by the definition's own shape
  return definition as unknown as Plugin;
}

/** Finds a bundled plugin by its type. */
export type PluginLookup = (type: string) => Plugin | undefined | Promise<Plugin | undefined>;
