import { basename, join } from 'node:path';
import type { Attachment } from './attachment.js';
import type { CachedAttachment } from './cache.js';
import { attachmentAgain, attachmentOf, type Container } from './container.js';
import {
  type AttachedNetwork,
  type ContainerOutcome,
  merge,
  type NetworkOutcome,
} from './container-result.js';
import { DirectoryWatch } from './directory-watch.js';
import { PluginError, RuntimeError } from './errors.js';
import { networkFiles, readNetworkFile } from './network-directory.js';
import { type NetworkList, parseNetworkList } from './network-list.js';
import type { CallOptions } from './plugin-call.js';
import { type Outcome, Runtime } from './runtime.js';
import { SharedLock } from './shared-lock.js';

export interface ContainerNetworksOptions {
  /** Runs the plugins. Default: `new Runtime()`. */
  readonly runtime?: Runtime | undefined;
  /** Directory with the networks' configs. Default: `/etc/cni/net.d`. */
  readonly directory?: string | undefined;
  /** Networks to use in place of those in the directory. */
  readonly networks?: readonly NetworkList[] | undefined;
  /** Interfaces are called by it and a number from 0. Default: `eth`. */
  readonly prefix?: string | undefined;
  /** How many of the directory's files are used, in the order of their names. Default: 1; `Infinity` is all. */
  readonly maxNetworks?: number | undefined;
  /** How many there must be; the loopback doesn't count. Default: 1. */
  readonly minNetworks?: number | undefined;
  /** Sets up `lo` first, by the plugin loopback. Default: false. */
  readonly loopback?: boolean | undefined;
}

export interface SetupOptions extends CallOptions {
  /** All networks at once, or one after the other. Default: `parallel`. */
  readonly order?: 'parallel' | 'serial' | undefined;
}

export interface WatchOptions {
  readonly signal?: AbortSignal | undefined;
  /** The networks have been loaded again. */
  readonly reloaded?: ((networks: readonly AttachedNetwork[]) => void) | undefined;
  /** They could not be loaded; the former ones stay in use, and `status` fails. */
  readonly failed?: ((error: Error) => void) | undefined;
}

const loopbackList = parseNetworkList(
  JSON.stringify({ cniVersion: '0.3.1', name: 'cni-loopback', plugins: [{ type: 'loopback' }] }),
);

/** What a runtime uses to give containers their networks, several each: as go-cni does, and GC. */
export class ContainerNetworks {
  readonly runtime: Runtime;
  readonly directory: string;
  readonly prefix: string;
  readonly maxNetworks: number;
  readonly minNetworks: number;
  readonly loopback: boolean;
  readonly #given: readonly NetworkList[] | undefined;
  #lists: readonly NetworkList[] = [];
  #loadError: Error | undefined;
  readonly #lock = new SharedLock();

  constructor(options: ContainerNetworksOptions = {}) {
    const { runtime = new Runtime(), directory = '/etc/cni/net.d', networks } = options;
    const { prefix = 'eth', maxNetworks = 1, minNetworks = 1, loopback = false } = options;
    this.runtime = runtime;
    this.directory = directory;
    this.prefix = prefix;
    this.maxNetworks = maxNetworks;
    this.minNetworks = minNetworks;
    this.loopback = loopback;
    this.#given = networks;
    this.#lists = networks ?? [];
  }

  /** The networks in use, and the interface that each makes. */
  get networks(): readonly AttachedNetwork[] {
    const named = this.#lists.map((list, i) => ({ list, ifname: `${this.prefix}${i}` }));
    return this.loopback ? [{ list: loopbackList, ifname: 'lo' }, ...named] : named;
  }

  /**
   * Reads the directory, also for the second time. Throws NetworkConfigError, RuntimeError `ERR_NOT_READY`; the networks
   * of before are then still in use.
   */
  load(): readonly AttachedNetwork[] {
    try {
      if (this.#given === undefined) this.#lists = this.#read();
      this.#loadError = undefined;
      return this.networks;
    } catch (error) {
      this.#loadError = error as Error;
      throw error;
    }
  }

  #read(): NetworkList[] {
    const files = networkFiles(this.directory).slice(0, Math.max(0, this.maxNetworks));
    if (files.length === 0 && this.minNetworks > 0) {
      const text = `no network config found in ${this.directory}: cni plugin not initialized`;
      throw new RuntimeError('ERR_NOT_READY', text);
    }
    return files.map(readNetworkFile);
  }

  /** Loads the networks again whenever their files change. */
  watch({ signal, reloaded, failed }: WatchOptions = {}): Disposable & { close(): void } {
    const directories = (): string[] => [
      this.directory,
      // plugins that stand in files of their own
      ...this.#lists.map(({ name }) => join(this.directory, basename(name))),
    ];
    const reload = (): void => {
      try {
        const networks = this.load();
        reloaded?.(networks);
      } catch (error) {
        failed?.(error as Error);
      }
    };
    const watch = new DirectoryWatch(directories, reload, (error) => failed?.(error));
    if (signal?.aborted) watch.close();
    else signal?.addEventListener('abort', () => watch.close(), { once: true });
    return watch;
  }

  #ready(): readonly AttachedNetwork[] {
    if (this.#lists.length < this.minNetworks) {
      const { length } = this.#lists;
      const text = `cni plugin not initialized: ${length} of at least ${this.minNetworks} networks`;
      throw new RuntimeError('ERR_NOT_READY', text, { cause: this.#loadError });
    }
    return this.networks;
  }

  /**
   * Attaches a container to all networks. When one fails, what the others did is undone, and the first one's error is
   * thrown: PluginError, RuntimeError.
   */
  async setup(container: Container, options: SetupOptions = {}): Promise<ContainerOutcome> {
    const { order = 'parallel', ...call } = options;
    const planned = this.#ready().map((network) => ({
      ...network,
      attachment: attachmentOf(container, network.ifname),
    }));
    return await this.#lock.shared(async () => {
      const done: (NetworkOutcome | undefined)[] = [];
      const known = planned.map(({ list, attachment }) => this.runtime.isAttached(list, attachment));
      const attach = async ({ list, ifname, attachment }: Planned, i: number): Promise<void> => {
        const added = await this.runtime.addNetworkList(list, attachment, { ...call, undoOnFailure: true });
        done[i] = { name: list.name, ifname, ...added };
      };
      try {
        if (order === 'serial') for (const [i, one] of planned.entries()) await attach(one, i);
        else await all(planned.map(attach));
        return merge(done.filter((one) => one !== undefined));
      } catch (error) {
        const undone = planned.filter((_, i) => done[i] !== undefined && known[i] === false);
        for (const one of undone.toReversed()) await this.#takeBack(one, call);
        throw error;
      }
    });
  }

  async #takeBack({ list, attachment }: Planned, { signal: _, ...call }: CallOptions): Promise<void> {
    try {
      await this.runtime.delNetworkList(list, attachment, call);
    } catch {
      // as far as it goes
      await this.runtime.undo(list, attachment, call);
    }
  }

  /**
   * Detaches a container from all networks, last one first, and from those that the cache knows it to be attached to
   * whatever became of their configs. Where `container` says nothing of capabilities and CNI_ARGS, those of `setup` hold.
   * Goes on when one fails; throws its error, or RuntimeError `ERR_REMOVE` with all.
   */
  async remove(container: Container, options: CallOptions = {}): Promise<Outcome> {
    return await this.#lock.shared(async () => {
      const timings: Outcome['timings'][number][] = [];
      const failures: Error[] = [];
      const attempt = async (work: () => Promise<Outcome>): Promise<void> => {
        try {
          timings.push(...(await work()).timings);
        } catch (error) {
          if (options.signal?.aborted) throw error;
          if (!isGone(container, error as Error)) failures.push(error as Error);
        }
      };
      const cached = this.runtime.cache.list(container.id);
      for (const { list, attachment } of this.#again(container, cached).toReversed()) {
        await attempt(() => this.runtime.delNetworkList(list, attachment, options));
      }
      for (const one of cached.filter((one) => !this.#isPlanned(one))) {
        const attachment = { ...one.attachment, netns: container.netns };
        await attempt(() => this.runtime.delNetworkList(this.#listOf(one), attachment, options));
      }
      throwAll('ERR_REMOVE', failures);
      return { timings };
    });
  }

  #isPlanned({ network, attachment: { ifname } }: CachedAttachment): boolean {
    return this.networks.some((one) => one.list.name === network && one.ifname === ifname);
  }

  /** The network of an attachment: as it is configured now, else as it was. */
  #listOf(cached: CachedAttachment): NetworkList {
    const current = this.#lists.find(({ name }) => name === cached.network);
    return current ?? this.runtime.cachedNetworkList(cached);
  }

  #again(container: Container, cached: readonly CachedAttachment[]): Planned[] {
    return this.networks.map(({ list, ifname }) => {
      const before = cached.find(
        ({ network, attachment }) => network === list.name && attachment.ifname === ifname,
      );
      return { list, ifname, attachment: attachmentAgain(container, ifname, before?.attachment) };
    });
  }

  /** Checks that a container is attached as `setup` left it. Throws the first error. */
  async check(container: Container, options: CallOptions = {}): Promise<Outcome> {
    this.#ready();
    return await this.#lock.shared(async () => {
      const timings: Outcome['timings'][number][] = [];
      for (const { list, attachment } of this.#again(container, this.runtime.cache.list(container.id))) {
        if (list === loopbackList) continue; // of before CHECK
        timings.push(...(await this.runtime.checkNetworkList(list, attachment, options)).timings);
      }
      return { timings };
    });
  }

  /**
   * Could a container be set up now? Throws what is wrong: with the configs, with their number, or what a plugin says
   * (PluginError, code 50 or 51).
   */
  async status(options: CallOptions = {}): Promise<Outcome> {
    if (this.#loadError !== undefined) throw this.#loadError;
    const timings: Outcome['timings'][number][] = [];
    for (const { list } of this.#ready()) {
      timings.push(...(await this.runtime.statusNetworkList(list, options)).timings);
    }
    return { timings };
  }

  /**
   * Removes what belongs to none of the containers that are left: cached attachments, and what plugins find. No `setup`
   * or `remove` of this object runs beside it. The list must be whole: what is attached to these networks by others,
   * with the same cache, goes too. Throws RuntimeError `ERR_GC`.
   */
  async gc(containerIds: Iterable<string>, options: CallOptions = {}): Promise<Outcome> {
    const ids = new Set(containerIds);
    const networks = this.#ready();
    return await this.#lock.alone(async () => {
      const timings: Outcome['timings'][number][] = [];
      const failures: Error[] = [];
      const cached = this.runtime.cache.list();
      for (const { list, ifname } of networks) {
        const valid = new Map<string, { containerID: string; ifname: string }>();
        const claim = (containerID: string, name: string): void => {
          valid.set(`${containerID}:${name}`, { containerID, ifname: name });
        };
        for (const id of ids) claim(id, ifname);
        for (const { network, attachment } of cached) {
          const { containerId } = attachment;
          if (network === list.name && ids.has(containerId)) claim(containerId, attachment.ifname);
        }
        try {
          const collected = await this.runtime.gcNetworkList(list, [...valid.values()], options);
          timings.push(...collected.timings);
        } catch (error) {
          if (options.signal?.aborted) throw error;
          failures.push(error as Error);
        }
      }
      throwAll('ERR_GC', failures);
      return { timings };
    });
  }
}

interface Planned extends AttachedNetwork {
  readonly attachment: Attachment;
}

/** Waits for all, whatever happens to any; throws what the first in the list throws. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  for (const one of await Promise.allSettled(work)) if (one.status === 'rejected') throw one.reason;
}

function throwAll(code: string, failures: readonly Error[]): void {
  if (failures.length === 1) throw failures[0];
  if (failures.length === 0) return;
  const text = failures.map(({ message }) => message).join('\n');
  throw new RuntimeError(code, text, { cause: new AggregateError(failures) });
}

/** Does a plugin complain that there is nothing to delete? Not all know that this is no failure. */
function isGone({ netns }: Container, error: Error): boolean {
  if (!(error instanceof PluginError)) return false;
  const { message, cause } = error;
  // a plugin that isn't installed deletes nothing
  if (/^failed to find plugin/.test((cause as Error | undefined)?.message ?? '')) return false;
  return message.includes('not found') || (netns === '' && message.includes('no such file or directory'));
}
