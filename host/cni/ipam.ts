import type { Command, Environment } from './arguments.js';
import { record, valueOf } from './config.js';
import { CniError, errorCodes } from './errors.js';
import { executePlugin, findPlugin, splitPath } from './execution.js';
import type { Ipam, PluginLookup } from './plugin.js';
import { parseResult, type Result } from './result.js';

/** Calls a bundled plugin as a runtime would; returns its output. Given by `invoke`, which this file serves. */
export type Call = (type: string, command: Command) => Promise<Record<string, unknown> | undefined>;

/** The config's `ipam.type`, empty when there is none. */
export function ipamType(config: Readonly<Record<string, unknown>>): string {
  const ipam = valueOf(config as Record<string, unknown>, 'ipam');
  if (ipam === undefined || ipam === null) return '';
  const type = valueOf(record.read(ipam, 'ipam'), 'type');
  return typeof type === 'string' ? type : '';
}

export class DelegatedIpam implements Ipam {
  readonly #type: string;
  readonly #environment: Environment;
  readonly #stdin: string;
  readonly #version: string;
  readonly #bundled: PluginLookup;
  readonly #call: Call;
  readonly #signal: AbortSignal | undefined;

  constructor(options: {
    type: string;
    environment: Environment;
    stdin: string;
    version: string;
    bundled: PluginLookup;
    call: Call;
    signal: AbortSignal | undefined;
  }) {
    this.#type = options.type;
    this.#environment = options.environment;
    this.#stdin = options.stdin;
    this.#version = options.version;
    this.#bundled = options.bundled;
    this.#call = options.call;
    this.#signal = options.signal;
  }

  get configured(): boolean {
    return this.#type !== '';
  }

  async #delegate(command: Command): Promise<Record<string, unknown> | undefined> {
    if (this.#type === '') throw new CniError(errorCodes.internal, 'no plugin name provided');
    if (this.#bundled(this.#type) !== undefined) return await this.#call(this.#type, command);
    const file = findPlugin(this.#type, splitPath(this.#environment.path));
    return await executePlugin(file, { ...this.#environment, command }, this.#stdin, this.#signal);
  }

  async add(): Promise<Result> {
    return parseResult((await this.#delegate('ADD')) ?? {}, this.#version);
  }
  async delete(): Promise<void> {
    await this.#delegate('DEL');
  }
  async check(): Promise<void> {
    await this.#delegate('CHECK');
  }
  async gc(): Promise<void> {
    await this.#delegate('GC');
  }
  async status(): Promise<void> {
    await this.#delegate('STATUS');
  }
}
