import { closeSync, fstatSync, readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { CniError, errorCodes } from '../cni/errors.js';
import { splitPath } from '../cni/execution.js';
import { type InvokeOptions, type InvokeOutcome, invoke } from '../cni/invoke.js';
import type { PluginLookup, Side } from '../cni/plugin.js';
import { toJson } from '../cni/result.js';
import { openHost } from '../cni/sides.js';
import { currentVersion } from '../cni/version.js';
import { type Call, DEEPEST_CONFIG, depthOf } from './protocol.js';
import { intentOf, type Unfinished, unfinishedCalls } from './recovery.js';

/** Commands that change something: these wait for their turn. */
const writers: readonly string[] = ['ADD', 'DEL', 'GC'];

/** Paths of configs that may be relative: what they are relative to is the caller's directory, which is not the daemon's. */
const relativePath = /"(dataDir|resolvConf|subnetFile)"\s*:\s*"[^"/]/i;

export interface Performed {
  readonly status: 0 | 1;
  readonly stdout: string;
  /** What the plugin told an administrator. */
  readonly stderr: string;
}

export interface PerformerOptions {
  readonly bundled: PluginLookup;
  /** Where ADDs are noted: `/run/netloom`. */
  readonly runDirectory?: string | undefined;
}

/** Runs plugins for callers, with sockets on the host's side that stay open. */
export class Performer {
  readonly #options: PerformerOptions;
  readonly #host: Side & { close(): void } = openHost();
  readonly #namespace = readlinkSync('/proc/thread-self/ns/net');

  constructor(options: PerformerOptions) {
    this.#options = options;
  }

  /** Can the daemon do what the plugin would do in the caller's place? */
  async serves({ plugin, namespace, directory, config, environment }: Call): Promise<boolean> {
    if (namespace !== this.#namespace) return false;
    if (directory !== '/' && relativePath.test(config)) return false;
    // that is of the calling thread's namespace
    if (/^\/proc\/(thread-)?self\//.test(environment.netns)) return false;
    return (await this.#options.bundled(plugin)) !== undefined;
  }

  /** Does a call wait for its turn? */
  static isWriter({ environment }: Call): boolean {
    return writers.includes(environment.command);
  }

  /** What calls have in common that must not run side by side: the container, the namespace. */
  static keysOf({ environment: { containerId } }: Call, descriptor: number | undefined): string[] {
    const keys = containerId === '' ? [] : [`container ${containerId}`];
    if (descriptor !== undefined) {
      const { dev, ino } = fstatSync(descriptor);
      keys.push(`namespace ${dev}:${ino}`);
    }
    return keys;
  }

  /** Never throws: what fails is in the outcome. The descriptor stays the caller's. */
  async perform(call: Call, descriptor: number | undefined, calledAt: number): Promise<Performed> {
    const told: string[] = [];
    if (depthOf(call.config) > DEEPEST_CONFIG) {
      const msg = `error unmarshall network config: it is nested more than ${DEEPEST_CONFIG} deep`;
      const { output } = new CniError(errorCodes.decodingFailure, msg);
      return { status: 1, stdout: toJson({ cniVersion: currentVersion, ...output }), stderr: '' };
    }
    const { status, text } = await this.#invoke(call, {
      log: (message) => told.push(`${message}\n`),
      namespaceDescriptor: descriptor,
      calledAt,
      intent: intentOf(call),
    });
    return { status, stdout: text, stderr: told.join('') };
  }

  /** What earlier processes were killed in, in this network namespace. */
  unfinished(): Unfinished[] {
    return unfinishedCalls(this.#namespace, this.#options.runDirectory);
  }

  /** Takes back an ADD of which nobody was told, or finishes a DEL. */
  async undo(call: Call, descriptor: number | undefined): Promise<InvokeOutcome> {
    const environment = { ...call.environment, command: 'DEL' };
    return await this.#invoke(
      { ...call, environment },
      { log: () => undefined, namespaceDescriptor: descriptor },
    );
  }

  async #invoke(
    { plugin: type, environment, config, directory }: Call,
    options: Pick<InvokeOptions, 'log' | 'namespaceDescriptor' | 'calledAt' | 'intent'>,
  ): Promise<InvokeOutcome> {
    const { bundled, runDirectory } = this.#options;
    const plugin = await bundled(type);
    if (plugin === undefined) throw new Error(`no plugin ${type}`); // `serves` has looked
    const path = splitPath(environment.path).map((entry) => resolve(directory, entry));
    return await invoke(plugin, { ...environment, path: path.join(':') }, config, {
      ...options,
      bundled,
      runDirectory,
      host: this.#host,
    });
  }

  close(): void {
    this.#host.close();
  }
}

/** Closes a descriptor that came with a call. */
export function release(descriptor: number | undefined): void {
  if (descriptor !== undefined) closeSync(descriptor);
}
