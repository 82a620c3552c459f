import { validateContainerId, validateInterfaceName, validateNetworkName } from '../cni/arguments.js';
import { CniError, errorCodes } from '../cni/errors.js';
import type { Exec } from '../cni/execution.js';
import type { PluginLookup, ValidAttachment } from '../cni/plugin.js';
import { formatResult, parseResult, type Result } from '../cni/result.js';
import type { WarmSockets } from '../cni/sides.js';
import { atLeast } from '../cni/version.js';
import { bundled as netloomPlugins } from '../plugins/index.js';
import type { Attachment } from './attachment.js';
import { type CachedAttachment, ResultCache } from './cache.js';
import { RuntimeError } from './errors.js';
import { isOnePlugin, type NetworkList, parseNetwork, parseNetworkList } from './network-list.js';
import { type Call, type CallOptions, PluginCaller, type Timing } from './plugin-call.js';
import { type PluginVersions, pluginVersions } from './plugin-versions.js';
import { problemsOf, type Validation } from './validate.js';

type Json = Record<string, unknown>;

/** Where plugins are installed by custom. */
const defaultPath = ['/opt/cni/bin'];

export interface RuntimeOptions {
  /** Directories with plugins, as CNI_PATH. Default: `/opt/cni/bin`. */
  readonly path?: readonly string[] | undefined;
  /** Plugins that can run in this process. Default: Netloom's own. */
  readonly bundled?: PluginLookup | undefined;
  /**
   * Do bundled plugins run in this process, or is what `path` has executed in their place? A network's key
   * `netloom/in-process` goes before, and `inProcess` of a call before both. Default: they do.
   */
  readonly inProcess?: boolean | ((list: NetworkList, type: string) => boolean) | undefined;
  /** Default: `/var/lib/cni`, which all users of libcni share. */
  readonly cacheDirectory?: string | undefined;
  /** Where bundled plugins note what GC must know. Default: `/run/netloom`. docs/gc.md */
  readonly runDirectory?: string | undefined;
  /**
   * Sockets that bundled plugins keep from call to call, for a process that attaches many containers. Whoever gives them
   * closes them. Default: each call opens its own.
   */
  readonly warm?: WarmSockets | undefined;
  /** Finds and executes plugins that are not bundled, in place of executing files of this host. libcni's invoke.Exec */
  readonly exec?: Exec | undefined;
  /** Gets lines that plugins log. Default: stderr. */
  readonly log?: ((line: string) => void) | undefined;
}

export interface AddOptions extends CallOptions {
  /**
   * Deletes what a failed ADD may have left, before the error is thrown: no plugin's failure undoes what those before it
   * did. Not where the attachment is in the cache: then it is an older ADD's.
   */
  readonly undoOnFailure?: boolean;
}

export interface Outcome {
  /** Of each plugin that was called, in that order. */
  readonly timings: readonly Timing[];
}

export interface AddOutcome extends Outcome {
  /** What the last plugin said, in the shape of 1.1.0. */
  readonly result: Result;
  /** The same as the plugin printed it, in the list's version. */
  readonly output: Readonly<Json>;
}

export interface GcOutcome extends Outcome {
  /** Attachments that were in the cache and not valid: they have been deleted. */
  readonly deleted: readonly ValidAttachment[];
}

/**
 * Runs networks' plugins, as libcni does: of lists, and of single plugins (`parseNetwork`). Errors of plugins are
 * PluginError with the plugin's code.
 */
export class Runtime {
  readonly #caller: PluginCaller;
  readonly #bundled: PluginLookup;
  readonly #exec: Exec | undefined;
  readonly #log: ((line: string) => void) | undefined;
  /** Directories with plugins. */
  readonly path: readonly string[];
  readonly cache: ResultCache;

  constructor(options: RuntimeOptions = {}) {
    const {
      path = defaultPath,
      bundled = netloomPlugins,
      inProcess = true,
      runDirectory,
      warm,
      exec,
      log,
    } = options;
    this.path = path;
    this.#bundled = bundled;
    this.#log = log;
    this.#exec = exec;
    this.#caller = new PluginCaller({ path, bundled, inProcess, log, runDirectory, warm, exec });
    this.cache = new ResultCache(options.cacheDirectory);
  }

  /**
   * Attaches a container: ADD of every plugin, each with the result of the one before. The last result is cached. Throws
   * PluginError; without `undoOnFailure` what was done until then stays, and DEL is the caller's.
   */
  async addNetworkList(
    list: NetworkList,
    attachment: Attachment,
    options: AddOptions = {},
  ): Promise<AddOutcome> {
    validate(list, attachment);
    const known = options.undoOnFailure === true && this.isAttached(list, attachment);
    try {
      return await this.#add(list, attachment, options);
    } catch (error) {
      if (options.undoOnFailure && !known) await this.undo(list, attachment, options);
      throw error;
    }
  }

  async #add(list: NetworkList, attachment: Attachment, options: CallOptions): Promise<AddOutcome> {
    const timings: Timing[] = [];
    const named = !list.isSingle;
    let output: Json | undefined;
    for (const plugin of list.plugins) {
      const call: Call = { ...options, command: 'ADD', attachment, prevResult: output, named, timings };
      output = withVersion(await this.#caller.call(list, plugin, call), list.cniVersion);
    }
    options.signal?.throwIfAborted();
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

  /** Is the attachment in the cache? What makes no sense there counts too. */
  isAttached(list: NetworkList, attachment: Attachment): boolean {
    try {
      return this.cache.read(list.name, attachment) !== undefined;
    } catch {
      return true;
    }
  }

  /**
   * DEL of every plugin, last one first, whatever fails: for an ADD that failed. Does not stop for a signal: that may be
   * why it is called. What fails is logged.
   */
  async undo(
    list: NetworkList,
    attachment: Attachment,
    { signal: _, ...options }: CallOptions = {},
  ): Promise<void> {
    for (const plugin of list.plugins.toReversed()) {
      const call: Call = { ...options, command: 'DEL', attachment, named: true, quiet: true, timings: [] };
      try {
        await this.#caller.call(list, plugin, call);
      } catch (error) {
        this.#log?.(`undoing a failed ADD: ${(error as Error).message}`);
      }
    }
    try {
      this.cache.remove(list.name, attachment);
    } catch (error) {
      this.#log?.(`undoing a failed ADD: ${(error as Error).message}`);
    }
  }

  /**
   * Detaches a container: DEL of every plugin, last one first, with the cached result. Throws the first plugin's error
   * and leaves the others undone, as libcni does: to be called again.
   */
  async delNetworkList(
    list: NetworkList,
    attachment: Attachment,
    options: CallOptions = {},
  ): Promise<Outcome> {
    validate(list, attachment);
    const timings: Timing[] = [];
    const prevResult = atLeast(list.cniVersion, '0.4.0') ? this.#lastResult(list, attachment) : undefined;
    for (const plugin of list.plugins.toReversed()) {
      const named = !list.isSingle;
      const call: Call = { ...options, command: 'DEL', attachment, prevResult, named, timings };
      await this.#caller.call(list, plugin, call);
    }
    this.cache.remove(list.name, attachment);
    return { timings };
  }

  /** Checks that a container is attached as ADD left it. Throws the first plugin's error, without the plugin's name. */
  async checkNetworkList(
    list: NetworkList,
    attachment: Attachment,
    options: CallOptions = {},
  ): Promise<Outcome> {
    validate(list, attachment);
    if (!atLeast(list.cniVersion, '0.4.0')) {
      const text = `configuration version "${list.cniVersion}" does not support the CHECK command`;
      throw new RuntimeError('ERR_UNSUPPORTED_VERSION', text);
    }
    const timings: Timing[] = [];
    if (list.disableCheck) return { timings };
    let prevResult: Json | undefined;
    try {
      prevResult = this.cachedResult(list, attachment);
    } catch (error) {
      const text = `failed to get network ${JSON.stringify(list.name)} cached result: ${(error as Error).message}`;
      throw new RuntimeError('ERR_CACHE', text, { cause: error });
    }
    for (const plugin of list.plugins) {
      const call: Call = { ...options, command: 'CHECK', attachment, prevResult, named: false, timings };
      await this.#caller.call(list, plugin, call);
    }
    return { timings };
  }

  /**
   * Deletes every cached attachment of the network that is not valid, then has the plugins remove what belongs to none
   * of the valid ones. What is added while it runs is left alone: docs/gc.md. Without a list no attachment is valid, and
   * plugins are given none. Throws RuntimeError `ERR_GC` with all that went wrong.
   */
  async gcNetworkList(
    list: NetworkList,
    valid: readonly ValidAttachment[] | undefined,
    options: CallOptions = {},
  ): Promise<GcOutcome> {
    const timings: Timing[] = [];
    const deleted: ValidAttachment[] = [];
    if (list.disableGC) return { timings, deleted };
    const listedAt = Date.now();
    const failures: Error[] = [];
    const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        if (options.signal?.aborted) throw error;
        failures.push(new Error(`${what}: ${(error as Error).message}`, { cause: error }));
      }
    };
    for (const { network, attachment, time } of this.cache.list()) {
      // added since: the caller cannot know
      if (network !== list.name || time > listedAt) continue;
      const { containerId, ifname } = attachment;
      if (valid?.some((one) => one.containerID === containerId && one.ifname === ifname)) continue;
      await attempt(`failed to delete stale attachment ${containerId} ${ifname}`, async () => {
        timings.push(...(await this.delNetworkList(list, attachment, options)).timings);
        deleted.push({ containerID: containerId, ifname });
      });
    }
    if (atLeast(list.cniVersion, '1.1.0')) {
      const attachments = {
        'cni.dev/valid-attachments': valid,
        'cni.dev/attachments': valid,
        'netloom/listed-at': listedAt,
      };
      const extra = valid === undefined ? {} : attachments;
      for (const plugin of list.plugins) {
        const call: Call = { ...options, command: 'GC', extra, named: false, timings };
        await attempt(`failed to GC plugin ${plugin.type}`, () => this.#caller.call(list, plugin, call));
      }
    }
    if (failures.length > 0) {
      const text = failures.map(({ message }) => message).join('\n');
      throw new RuntimeError('ERR_GC', text, { cause: new AggregateError(failures) });
    }
    return { timings, deleted };
  }

  /**
   * Could ADD be served now? Throws the first plugin's error, without the plugin's name. Lists before 1.1.0 can't be
   * asked.
   */
  async statusNetworkList(list: NetworkList, options: CallOptions = {}): Promise<Outcome> {
    const timings: Timing[] = [];
    if (!atLeast(list.cniVersion, '1.1.0')) return { timings };
    for (const plugin of list.plugins) {
      const call: Call = { ...options, command: 'STATUS', named: false, timings };
      await this.#caller.call(list, plugin, call);
    }
    return { timings };
  }

  /**
   * Is a network one that its plugins can serve? Each is there and supports the network's version; the config of those
   * that run in this process has the shape that they read. Returns what is wrong, keys that nobody reads, and the
   * capabilities that are on.
   */
  async validateNetworkList(list: NetworkList, options: CallOptions = {}): Promise<Validation> {
    const capabilities = new Set(list.plugins.flatMap(({ capabilities }) => capabilities));
    const found = await problemsOf(list, async (type) => {
      const bundled = await this.#caller.bundledFor(list, type, options);
      return {
        bundled,
        versions: await pluginVersions(type, bundled, this.path, options.signal, this.#exec),
      };
    });
    return { ...found, capabilities: [...capabilities].sort() };
  }

  /**
   * The versions of the specification that a plugin supports; of those that are bundled, without executing anything.
   * Throws CniError, or NetloomError `ERR_PLUGIN_VERSION`.
   */
  async versionInfo(type: string, { inProcess = true, signal }: CallOptions = {}): Promise<PluginVersions> {
    const bundled = inProcess ? await this.#bundled(type) : undefined;
    return await pluginVersions(type, bundled, this.path, signal, this.#exec);
  }

  /** The cached result in the list's version; `undefined` when there is none. Throws RuntimeError `ERR_CACHE`, CniError. */
  cachedResult(list: NetworkList, attachment: Attachment): Json | undefined {
    const result = this.cache.read(list.name, attachment)?.result;
    if (result === undefined || result.cniVersion === list.cniVersion) return result;
    return formatResult(parseResult(result, list.cniVersion), list.cniVersion);
  }

  /**
   * The network as it was when a container was attached, whatever became of its file since. Throws NetworkConfigError for
   * what is no config (any more).
   */
  cachedNetworkList({ config }: CachedAttachment): NetworkList {
    return isOnePlugin(config) ? parseNetwork(config) : parseNetworkList(config);
  }

  /** For DEL: one that can't be read or converted is thrown away. */
  #lastResult(list: NetworkList, attachment: Attachment): Json | undefined {
    try {
      return this.cachedResult(list, attachment);
    } catch (error) {
      this.#log?.(`the cached result is left out: ${(error as Error).message}`);
      this.cache.remove(list.name, attachment);
      return undefined;
    }
  }
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
