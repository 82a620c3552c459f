import {
  type Command,
  type Environment,
  validateContainerId,
  validateInterfaceName,
  validateNetworkName,
} from '../cni/arguments.js';
import { CniError, errorCodes } from '../cni/errors.js';
import { executePlugin, findPlugin } from '../cni/execution.js';
import { invoke } from '../cni/invoke.js';
import type { PluginLookup, ValidAttachment } from '../cni/plugin.js';
import { formatResult, parseResult, type Result } from '../cni/result.js';
import { atLeast } from '../cni/version.js';
import type { Attachment } from './attachment.js';
import { ResultCache } from './cache.js';
import { RuntimeError } from './errors.js';
import type { NetworkList, PluginConfig } from './network-list.js';

type Json = Record<string, unknown>;

/** Where plugins are installed by custom. */
const defaultPath = ['/opt/cni/bin'];

export interface RuntimeOptions {
  /** Directories with plugins, as CNI_PATH. Default: `/opt/cni/bin`. */
  readonly path?: readonly string[] | undefined;
  /** Plugins that run in this process instead of being executed. Default: none. */
  readonly bundled?: PluginLookup | undefined;
  /** Default: `/var/lib/cni`, which all users of libcni share. */
  readonly cacheDirectory?: string | undefined;
  /** Lines that plugins log. Default: stderr. */
  readonly log?: ((line: string) => void) | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface AddOptions extends CallOptions {
  /**
   * Deletes what a failed ADD may have left, before the error is thrown: no plugin's failure undoes what those before it
   * did. Not where the attachment is in the cache: then it is an older ADD's.
   */
  readonly undoOnFailure?: boolean;
}

/** How long a plugin took. */
export interface Timing {
  readonly type: string;
  /** ms */
  readonly duration: number;
}

export interface AddOutcome {
  /** What the last plugin said, in the shape of 1.1.0. */
  readonly result: Result;
  /** The same as the plugin printed it, in the list's version. */
  readonly output: Readonly<Json>;
  readonly timings: readonly Timing[];
}

/** Runs lists of plugins, as libcni does. Errors of plugins are CniError with the plugin's code. */
export class Runtime {
  readonly #path: readonly string[];
  readonly #bundled: PluginLookup;
  readonly #log: ((line: string) => void) | undefined;
  readonly cache: ResultCache;

  constructor({ path = defaultPath, bundled = () => undefined, cacheDirectory, log }: RuntimeOptions = {}) {
    this.#path = path;
    this.#bundled = bundled;
    this.#log = log;
    this.cache = new ResultCache(cacheDirectory);
  }

  /**
   * Attaches a container: ADD of every plugin, each with the result of the one before. The last result is cached. Throws
   * CniError; without `undoOnFailure` what was done until then stays, and DEL is the caller's.
   */
  async addNetworkList(
    list: NetworkList,
    attachment: Attachment,
    options: AddOptions = {},
  ): Promise<AddOutcome> {
    validate(list, attachment);
    const known = options.undoOnFailure === true && this.#cached(list, attachment) !== undefined;
    try {
      return await this.#add(list, attachment, options);
    } catch (error) {
      if (options.undoOnFailure && !known) await this.#undo(list, attachment);
      throw error;
    }
  }

  async #add(list: NetworkList, attachment: Attachment, { signal }: CallOptions): Promise<AddOutcome> {
    const timings: Timing[] = [];
    let output: Json | undefined;
    for (const plugin of list.plugins) {
      const started = performance.now();
      output = await this.#call(list, plugin, 'ADD', { attachment, prevResult: output, signal });
      output = withVersion(output, list.cniVersion);
      timings.push({ type: plugin.type, duration: performance.now() - started });
    }
    const last = output ?? withVersion(undefined, list.cniVersion);
    const result = parseResult(last, list.cniVersion);
    try {
      this.cache.write(list, attachment, last);
    } catch (error) {
      const text = `failed to set network ${JSON.stringify(list.name)} cached result: ${(error as Error).message}`;
      throw new RuntimeError('ERR_CACHE', text, { cause: error });
    }
    return { result, output: last, timings };
  }

  async #undo(list: NetworkList, attachment: Attachment): Promise<void> {
    for (const plugin of list.plugins.toReversed()) {
      try {
        await this.#call(list, plugin, 'DEL', { attachment });
      } catch (error) {
        this.#log?.(`undoing a failed ADD: ${(error as Error).message}`);
      }
    }
  }

  /**
   * Detaches a container: DEL of every plugin, last one first, with the cached result. Throws the first plugin's error
   * and leaves the others undone, as libcni does: to be called again.
   */
  async delNetworkList(
    list: NetworkList,
    attachment: Attachment,
    { signal }: CallOptions = {},
  ): Promise<void> {
    validate(list, attachment);
    const prevResult = atLeast(list.cniVersion, '0.4.0') ? this.#lastResult(list, attachment) : undefined;
    for (const plugin of list.plugins.toReversed()) {
      await this.#call(list, plugin, 'DEL', { attachment, prevResult, signal });
    }
    this.cache.remove(list.name, attachment);
  }

  /** Checks that a container is attached as ADD left it. Throws the first plugin's error as it is. */
  async checkNetworkList(
    list: NetworkList,
    attachment: Attachment,
    { signal }: CallOptions = {},
  ): Promise<void> {
    validate(list, attachment);
    if (!atLeast(list.cniVersion, '0.4.0')) {
      const text = `configuration version "${list.cniVersion}" does not support the CHECK command`;
      throw new RuntimeError('ERR_UNSUPPORTED_VERSION', text);
    }
    if (list.disableCheck) return;
    let prevResult: Json | undefined;
    try {
      prevResult = this.#cached(list, attachment);
    } catch (error) {
      const text = `failed to get network ${JSON.stringify(list.name)} cached result: ${(error as Error).message}`;
      throw new RuntimeError('ERR_CACHE', text, { cause: error });
    }
    for (const plugin of list.plugins) {
      await this.#call(list, plugin, 'CHECK', { attachment, prevResult, signal }, false);
    }
  }

  /**
   * Deletes every cached attachment of the network that is not valid, then has the plugins remove what belongs to none
   * of the valid ones. What is added while it runs is left alone: docs/gc.md. Without a list no attachment is valid, and
   * plugins are given none. Throws RuntimeError `ERR_GC`
   * with all that went wrong.
   */
  async gcNetworkList(
    list: NetworkList,
    valid: readonly ValidAttachment[] | undefined,
    { signal }: CallOptions = {},
  ): Promise<void> {
    if (list.disableGC) return;
    const listedAt = Date.now();
    const failures: Error[] = [];
    const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        failures.push(new Error(`${what}: ${(error as Error).message}`, { cause: error }));
      }
    };
    for (const { network, attachment, time } of this.cache.list()) {
      // added since: the caller cannot know
      if (time > listedAt) continue;
      const { containerId, ifname } = attachment;
      const isValid = valid?.some((one) => one.containerID === containerId && one.ifname === ifname);
      if (network !== list.name || isValid) continue;
      await attempt(`failed to delete stale attachment ${containerId} ${ifname}`, () =>
        this.delNetworkList(list, attachment, { signal }),
      );
    }
    if (atLeast(list.cniVersion, '1.1.0')) {
      const extra =
        valid === undefined
          ? {}
          : {
              'cni.dev/valid-attachments': valid,
              'cni.dev/attachments': valid,
              'netloom/listed-at': listedAt,
            };
      for (const plugin of list.plugins) {
        await attempt(`failed to GC plugin ${plugin.type}`, () =>
          this.#call(list, plugin, 'GC', { extra, signal }, false),
        );
      }
    }
    if (failures.length > 0) {
      const text = failures.map(({ message }) => message).join('\n');
      throw new RuntimeError('ERR_GC', text, { cause: new AggregateError(failures) });
    }
  }

  /** Could ADD be served now? Throws the first plugin's error as it is. Lists before 1.1.0 can't be asked. */
  async statusNetworkList(list: NetworkList, { signal }: CallOptions = {}): Promise<void> {
    if (!atLeast(list.cniVersion, '1.1.0')) return;
    for (const plugin of list.plugins) await this.#call(list, plugin, 'STATUS', { signal }, false);
  }

  /** The cached result in the list's version; `undefined` when there is none. */
  #cached(list: NetworkList, attachment: Attachment): Json | undefined {
    const result = this.cache.read(list.name, attachment)?.result;
    if (result === undefined || result.cniVersion === list.cniVersion) return result;
    return formatResult(parseResult(result, list.cniVersion), list.cniVersion);
  }

  /** For DEL: one that can't be read or converted is thrown away. */
  #lastResult(list: NetworkList, attachment: Attachment): Json | undefined {
    try {
      return this.#cached(list, attachment);
    } catch (error) {
      this.#log?.(`the cached result is left out: ${(error as Error).message}`);
      this.cache.remove(list.name, attachment);
      return undefined;
    }
  }

  async #call(
    list: NetworkList,
    plugin: PluginConfig,
    command: Command,
    call: Call,
    named = true,
  ): Promise<Json | undefined> {
    const stdin = JSON.stringify(configOf(list, plugin, call));
    const environment = this.#environment(command, call.attachment);
    try {
      const bundled = await this.#bundled(plugin.type);
      if (bundled === undefined) {
        return await executePlugin(findPlugin(plugin.type, this.#path), environment, stdin, call.signal);
      }
      const { error, output } = await invoke(bundled, environment, stdin, {
        bundled: this.#bundled,
        signal: call.signal,
        log: this.#log,
      });
      if (error !== undefined) throw new CniError(error.code, error.msg, error.details);
      return output as Json | undefined;
    } catch (error) {
      if (!named) throw error;
      throw naming(plugin, command, error);
    }
  }

  #environment(command: Command, attachment: Attachment | undefined): Environment {
    const { containerId = '', netns = '', ifname = '', args = [] } = attachment ?? {};
    return {
      command,
      containerId,
      netns,
      ifname,
      args: args.map(([key, value]) => `${key}=${value}`).join(';'),
      path: this.#path.join(':'),
      netnsOverride: process.env.CNI_NETNS_OVERRIDE ?? '',
    };
  }
}

interface Call {
  readonly attachment?: Attachment;
  readonly prevResult?: Json | undefined;
  /** Keys beside those of the plugin. */
  readonly extra?: Json;
  readonly signal?: AbortSignal | undefined;
}

/** The config that a plugin gets: its own, and what the list and the runtime know. SPEC.md, section 3 */
function configOf(list: NetworkList, { raw, capabilities }: PluginConfig, call: Call): Json {
  const values = call.attachment?.capabilities ?? {};
  const enabled = capabilities.filter((name) => Object.hasOwn(values, name));
  return {
    ...raw,
    name: list.name,
    cniVersion: list.cniVersion,
    ...call.extra,
    ...(call.prevResult === undefined ? {} : { prevResult: call.prevResult }),
    ...(enabled.length === 0
      ? {}
      : { runtimeConfig: Object.fromEntries(enabled.map((name) => [name, values[name]])) }),
  };
}

function withVersion(output: Json | undefined, version: string): Json {
  const { cniVersion, ...rest } = output ?? {};
  return { cniVersion: cniVersion === undefined || cniVersion === '' ? version : cniVersion, ...rest };
}

function validate(list: NetworkList, { containerId, ifname }: Attachment): void {
  if (containerId === '') throw new CniError(errorCodes.unknownContainer, 'missing containerID');
  validateContainerId(containerId);
  validateNetworkName(list.name);
  validateInterfaceName(ifname);
}

/** The error of a plugin, with the plugin's name in front and its code kept. */
function naming({ type, raw }: PluginConfig, command: Command, error: unknown): CniError {
  const name = typeof raw.name === 'string' && raw.name !== '' ? ` name=${JSON.stringify(raw.name)}` : '';
  const verb = command === 'DEL' ? 'delete' : command.toLowerCase();
  const what = `plugin type=${JSON.stringify(type)}${name} failed (${verb})`;
  if (error instanceof CniError) {
    return new CniError(error.number, `${what}: ${error.msg}`, error.details, { cause: error });
  }
  return new CniError(errorCodes.internal, `${what}: ${(error as Error).message}`, '', { cause: error });
}
