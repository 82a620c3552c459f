import type { Command, Environment } from '../cni/arguments.js';
import { CniError, errorCodes } from '../cni/errors.js';
import { type Exec, executePlugin, findWith } from '../cni/execution.js';
import { invoke } from '../cni/invoke.js';
import type { PluginLookup } from '../cni/plugin.js';
import type { WarmSockets } from '../cni/sides.js';
import type { Attachment } from './attachment.js';
import { type Place, PluginError } from './errors.js';
import { pathOf } from './json-document.js';
import { type NetworkList, type PluginConfig, placeIn } from './network-list.js';
import { type TraceContext, traceVariables } from './trace.js';

type Json = Record<string, unknown>;

/** How long a plugin took. */
export interface Timing {
  readonly type: string;
  readonly command: Command;
  /** Did it run in this process, or was it executed? */
  readonly inProcess: boolean;
  /** ms */
  readonly duration: number;
}

/** A plugin begins, or has ended. */
export interface PluginEvent {
  readonly network: string;
  readonly type: string;
  readonly command: Command;
  /** Set when it has ended, however that was. */
  readonly timing: Timing | undefined;
}

export interface CallOptions {
  /**
   * Ends the plugin that runs and keeps the next ones from beginning; the call throws the signal's reason when it has
   * ended. Executed plugins are terminated; of the bundled ones dhcp gives up, and the others are done soon.
   */
  readonly signal?: AbortSignal | undefined;
  /** Overrides what the runtime and the network's config say. */
  readonly inProcess?: boolean | undefined;
  /** Passed on to executed plugins. Default: what is in this process' environment. */
  readonly trace?: TraceContext | undefined;
  /** Told of each plugin that begins and ends. */
  readonly observe?: ((event: PluginEvent) => void) | undefined;
}

export interface Call extends CallOptions {
  readonly command: Exclude<Command, 'VERSION'>;
  readonly attachment?: Attachment | undefined;
  readonly prevResult?: Json | undefined;
  /** Keys beside those of the plugin. */
  readonly extra?: Json;
  /** Is the plugin named in front of its errors? */
  readonly named: boolean;
  /** Is what it logs of no interest? */
  readonly quiet?: boolean;
  /** Where its timing is noted. */
  readonly timings: Timing[];
}

export interface CallerOptions {
  readonly path: readonly string[];
  readonly bundled: PluginLookup;
  readonly inProcess: boolean | ((list: NetworkList, type: string) => boolean);
  readonly log: ((line: string) => void) | undefined;
  readonly runDirectory: string | undefined;
  readonly warm: WarmSockets | undefined;
  readonly exec: Exec | undefined;
}

/** Runs one plugin of a list: in this process or executed. */
export class PluginCaller {
  readonly #options: CallerOptions;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /** Does a plugin run in this process? Then it is the bundled one. */
  async bundledFor(list: NetworkList, type: string, { inProcess }: CallOptions) {
    const { inProcess: general, bundled } = this.#options;
    const wanted =
      inProcess ?? list.inProcess ?? (typeof general === 'function' ? general(list, type) : general);
    return wanted ? await bundled(type) : undefined;
  }

  /** What the plugin answers. Throws PluginError, or the reason of `signal`. */
  async call(list: NetworkList, plugin: PluginConfig, call: Call): Promise<Json | undefined> {
    const { command, signal, observe, timings } = call;
    const log = call.quiet ? () => undefined : this.#options.log;
    signal?.throwIfAborted();
    const about = { network: list.name, type: plugin.type, command };
    observe?.({ ...about, timing: undefined });
    const started = performance.now();
    const lines = log && new Lines(log);
    let inProcess = false;
    try {
      const bundled = await this.bundledFor(list, plugin.type, call);
      inProcess = bundled !== undefined;
      const stdin = JSON.stringify(configOf(list, plugin, call));
      const environment = this.#environment(command, call.attachment);
      const execution = {
        variables: traceVariables(call.trace),
        stderr: lines && ((text: string) => lines.add(text)),
        exec: this.#options.exec,
      };
      if (bundled === undefined) {
        const file = await findWith(this.#options.exec, plugin.type, this.#options.path);
        return await executePlugin(file, environment, stdin, signal, execution);
      }
      const { error, output } = await invoke(bundled, environment, stdin, {
        bundled: this.#options.bundled,
        signal,
        log,
        runDirectory: this.#options.runDirectory,
        warm: this.#options.warm,
        execution,
      });
      if (error !== undefined) throw new CniError(error.code, error.msg, error.details);
      return output as Json | undefined;
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw pluginError(plugin, call, error);
    } finally {
      lines?.end();
      const timing = { type: plugin.type, command, inProcess, duration: performance.now() - started };
      timings.push(timing);
      observe?.({ ...about, timing });
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
      path: this.#options.path.join(':'),
      netnsOverride: process.env.CNI_NETNS_OVERRIDE ?? '',
    };
  }
}

/** Takes text as it comes and tells whole lines. */
class Lines {
  readonly #tell: (line: string) => void;
  #rest = '';
  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  add(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#tell(line);
  }

  /** Tells a last line that has no end. */
  end(): void {
    if (this.#rest !== '') this.#tell(this.#rest);
    this.#rest = '';
  }
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

/** The error of a plugin, with the plugin's name in front and its code kept. */
function pluginError(plugin: PluginConfig, { command, named }: Call, error: unknown): PluginError {
  const { type, raw } = plugin;
  const name = typeof raw.name === 'string' && raw.name !== '' ? ` name=${JSON.stringify(raw.name)}` : '';
  const verb = command === 'DEL' ? 'delete' : command.toLowerCase();
  const prefix = named ? `plugin type=${JSON.stringify(type)}${name} failed (${verb}): ` : '';
  const said =
    error instanceof CniError
      ? error
      : { number: errorCodes.internal, msg: (error as Error).message, details: '' };
  const place = placeOfComplaint(plugin, said);
  return new PluginError({ type, command, place, prefix }, said, { cause: error });
}

/** A key that a plugin names: in Netloom's words, and in those of Go's JSON decoder. */
const complaints = [/(?:^|\s)([\w./-][\w./[\]-]*): expected /, /into Go struct field \w+\.([\w.]+) of type/];

/** The key that a plugin complains of, where its message names one; else the plugin. */
export function placeOfComplaint(
  { source }: PluginConfig,
  { msg, details }: { readonly msg: string; readonly details: string },
): Place | undefined {
  const named = complaints.map((pattern) => pattern.exec(`${msg}; ${details}`)?.[1]).find(Boolean);
  return placeIn({ ...source, path: [...source.path, ...(named === undefined ? [] : pathOf(named))] });
}
