import { fstatSync, statSync } from 'node:fs';
import {
  type Command,
  commands,
  type Environment,
  validateEnvironment,
  validateNetworkName,
} from './arguments.js';
import { array, integer, mismatch, object, optional, string, valueAt } from './config.js';
import { CniError, type ErrorOutput, errorCodes, errorOutput } from './errors.js';
import { type Execution, executePlugin, findWith, splitPath } from './execution.js';
import { type Delegate, delegatedIpam, ipamType, resultOf } from './ipam.js';
import type {
  AttachmentRequest,
  GcRequest,
  Plugin,
  PluginLookup,
  Request,
  Sandbox,
  Side,
  ValidAttachment,
} from './plugin.js';
import { defaultRunDirectory, RecentAdds } from './recent-adds.js';
import { formatResult, parsePrevResult, type Result, toJson } from './result.js';
import type { WarmSockets } from './sides.js';
import { allVersions, atLeast, currentVersion, defaultVersion } from './version.js';

type Json = Record<string, unknown>;

export interface InvokeOptions {
  /** Plugins that are called in this process when a config delegates to them. */
  readonly bundled?: PluginLookup | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly log?: ((message: string) => void) | undefined;
  /** ms since 1970; default: now. A GC leaves alone what is younger. */
  readonly calledAt?: number | undefined;
  /** Sockets that are kept from call to call. By default each call opens its own. */
  readonly warm?: WarmSockets | undefined;
  /** How plugins are executed that are delegated to. */
  readonly execution?: Execution | undefined;
  /** Where ADDs are noted, for GC. Default: `/run/netloom`. */
  readonly runDirectory?: string | undefined;
  /** What is to be found, should this process be killed, in the note of the ADD or DEL that ran: see `RecentAdds`. */
  readonly intent?: string | undefined;
  /** The host's side of many calls, which stays open; opened and closed with the call by default. */
  readonly host?: Side | undefined;
  /** An open descriptor of what CNI_NETNS names, for callers that see other mounts. Stays the caller's. */
  readonly namespaceDescriptor?: number | undefined;
}

/** What a plugin program would print, and its exit status. */
export interface InvokeOutcome {
  /** 0, or 1 after a failure. */
  readonly status: 0 | 1;
  /** Result of ADD, versions of VERSION, or an error; nothing for the rest. */
  readonly output: object | undefined;
  readonly error: ErrorOutput | undefined;
  /** `output` as text, without a final newline unless the reference prints one. */
  readonly text: string;
}

const minimumVersions: Partial<Record<Command, string>> = { CHECK: '0.4.0', GC: '1.1.0', STATUS: '1.1.0' };

const attachmentsShape = array(object({ containerID: string, ifname: string }));

/**
 * Runs an operation of a plugin as its executable would, without touching environment, stdin or stdout. Never throws:
 * failures are in the outcome. `stdin` is the config, or a function that reads it.
 */
export async function invoke(
  plugin: Plugin,
  environment: Environment,
  stdin: string | (() => string | Promise<string>),
  options: InvokeOptions = {},
): Promise<InvokeOutcome> {
  const told: Told = { cniVersion: currentVersion, delegated: false };
  const timed = { ...options, calledAt: options.calledAt ?? Date.now() };
  try {
    const output = await perform(plugin, environment, stdin, timed, told);
    const newline = environment.command === 'VERSION' ? '\n' : '';
    const text =
      output === undefined ? '' : environment.command === 'VERSION' ? JSON.stringify(output) : toJson(output);
    return { status: 0, output, error: undefined, text: text + newline };
  } catch (cause) {
    const error = errorOutput(cause);
    const output = { cniVersion: told.cniVersion, ...error };
    return { status: 1, output, error, text: toJson(output) };
  }
}

interface Told {
  /** Of a call that another plugin makes in this process: the config as that has read it. */
  readonly config?: Json | undefined;
  /** An error names the config's version. SPEC.md, section 5, "Error" */
  cniVersion: string;
  /** Is the call another plugin's, in this process? */
  readonly delegated: boolean;
}

type Timed = InvokeOptions & { readonly calledAt: number };

type SidesModule = typeof import('./sides.js');

/** The network API takes longer to load than a plugin without it takes to run. */
let sidesModule: SidesModule | undefined;

async function perform(
  plugin: Plugin,
  environment: Environment,
  stdin: string | (() => string | Promise<string>),
  options: Timed,
  told: Told,
): Promise<object | undefined> {
  validateEnvironment(environment);
  const versions = plugin.versions ?? allVersions;
  const { command } = environment;
  if (command === 'VERSION') return { cniVersion: currentVersion, supportedVersions: versions };
  const text = await read(stdin);
  const config = told.config ?? parseConfig(text);
  const name = valueAt(config, 'name') ?? '';
  if (typeof name !== 'string') throw undecodable(mismatch('name', 'a string', name).msg);
  validateNetworkName(name);
  if (!isCommand(command))
    throw new CniError(errorCodes.invalidEnvironment, `unknown CNI_COMMAND: ${command}`);
  const cniVersion = versionOf(config);
  told.cniVersion = cniVersion;
  checkVersion(command, cniVersion, versions);
  if (command === 'GC' && !namesAttachments(config)) {
    options.log?.(`${plugin.type}: GC without cni.dev/valid-attachments: nothing is known to be garbage`);
    return undefined;
  }

  const { namespaceDescriptor: descriptor } = options;
  // of a delegated call the plugin that delegates has found out
  const own = !told.delegated && isOwnNamespace(environment, options);
  if (own && command === 'ADD') throw ownNamespace();
  const netns = own ? '' : environment.netns;
  let sides: ReturnType<SidesModule['openSides']> | undefined;
  if (plugin.usesNetwork !== false) {
    sidesModule ??= await import('./sides.js');
    sides = sidesModule.openSides(netns, { warm: options.warm, host: options.host, descriptor });
  }
  const none = new NoSide(plugin.type, netns);
  const { host, sandbox } = sides ?? { host: none, sandbox: none };
  const delegate: Delegate = async (type, change = {}) => {
    const delegated = { ...environment, netns, ...change.environment };
    const input = change.config === undefined ? text : JSON.stringify(change.config);
    const bundled = await options.bundled?.(type);
    if (bundled !== undefined) {
      const known = change.config === undefined ? config : undefined;
      const inner: Told = { config: known, cniVersion, delegated: true };
      return (await perform(bundled, delegated, input, options, inner)) as Json | undefined;
    }
    const file = await findWith(options.execution?.exec, type, splitPath(environment.path));
    return await executePlugin(file, delegated, input, options.signal, options.execution);
  };
  const log = options.log ?? ((message: string) => process.stderr.write(`${message}\n`));
  const adds = new RecentAdds(options.runDirectory ?? defaultRunDirectory, name);
  const isGc = command === 'GC';
  const given = isGc ? validAttachments(config) : [];
  const calledAt = isGc ? Math.min(options.calledAt, listedAtOf(config)) : options.calledAt;
  let succeeded = false;
  try {
    const request: AttachmentRequest<unknown> & GcRequest<unknown> = {
      config: readConfig(plugin, config, command, log),
      rawConfig: config,
      configText: text,
      name,
      cniVersion,
      args: environment.args,
      path: splitPath(environment.path),
      signal: options.signal,
      get prevResult() {
        return prevResultOf(config, cniVersion, command, log);
      },
      ipam: delegatedIpam(ipamType(config), cniVersion, delegate),
      execute: async (type, { environment: change, config: other } = {}) =>
        resultOf(await delegate(type, { environment: change ?? {}, config: other }), cniVersion),
      host,
      sandbox,
      containerId: environment.containerId,
      ifname: environment.ifname,
      get validAttachments() {
        return isGc ? [...given, ...adds.since(calledAt)] : [];
      },
      calledAt,
      log,
    };
    const output = told.delegated
      ? await operate(plugin, command, request)
      : await noting(adds, command, environment, options.intent, () => operate(plugin, command, request));
    succeeded = true;
    if (own) throw ownNamespace();
    return output;
  } finally {
    sides?.close(succeeded);
  }
}

/** Runs an operation; notes of an ADD, and of a DEL with an intent, that it runs, and when it has ended. */
async function noting<T>(
  adds: RecentAdds,
  command: Command,
  { containerId: containerID, ifname }: Environment,
  intent: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (command !== 'ADD' && (command !== 'DEL' || intent === undefined)) {
    const output = await work();
    if (command === 'DEL') adds.forget({ containerID, ifname });
    return output;
  }
  const note = adds.begin({ containerID, ifname }, intent);
  try {
    const output = await work();
    if (command === 'ADD') note.end();
    else note.withdraw();
    return output;
  } catch (error) {
    if (command === 'ADD') note.withdraw();
    else note.end();
    throw error;
  }
}

/** The sides of a plugin that is defined with `usesNetwork: false`. */
class NoSide implements Sandbox {
  readonly path: string;
  readonly #type: string;
  constructor(type: string, path: string) {
    this.#type = type;
    this.path = path;
  }

  #missing(): never {
    throw new CniError(errorCodes.internal, `plugin ${this.#type} is defined with usesNetwork: false`);
  }
  get namespace(): never {
    return this.#missing();
  }
  get network(): never {
    return this.#missing();
  }
  get netfilter(): never {
    return this.#missing();
  }
  get exists(): never {
    return this.#missing();
  }
}

async function operate(
  plugin: Plugin,
  command: Exclude<Command, 'VERSION'>,
  request: AttachmentRequest<unknown> & GcRequest<unknown>,
): Promise<object | undefined> {
  switch (command) {
    case 'ADD': {
      const result = await plugin.add(request);
      const { cniVersion } = request;
      const named = valueAt(request.rawConfig, 'cniVersion') ?? '';
      try {
        return plugin.currentShape && named !== ''
          ? { ...formatResult(result, currentVersion), cniVersion }
          : formatResult(result, cniVersion);
      } catch (error) {
        // an attachment that cannot be told of in the config's version is none
        await plugin.delete(request);
        throw error;
      }
    }
    case 'DEL':
      await plugin.delete(request);
      return undefined;
    case 'CHECK':
      await plugin.check(request);
      return undefined;
    case 'GC':
      await plugin.gc?.(request);
      return undefined;
    case 'STATUS':
      await plugin.status?.(request satisfies Request<unknown>);
      return undefined;
  }
}

function isCommand(command: string): command is Exclude<Command, 'VERSION'> {
  return (commands as readonly string[]).includes(command);
}

async function read(stdin: string | (() => string | Promise<string>)): Promise<string> {
  if (typeof stdin === 'string') return stdin;
  try {
    return await stdin();
  } catch (cause) {
    throw new CniError(errorCodes.ioFailure, `error reading from stdin: ${(cause as Error).message}`, '', {
      cause,
    });
  }
}

function parseConfig(text: string): Json {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw undecodable((cause as Error).message, cause);
  }
  if (config === null) return {};
  if (typeof config !== 'object' || Array.isArray(config)) throw undecodable('expected an object');
  return config as Json;
}

function versionOf(config: Json): string {
  const version = valueAt(config, 'cniVersion') ?? '';
  if (typeof version !== 'string') {
    const { msg } = mismatch('cniVersion', 'a string', version);
    throw new CniError(errorCodes.decodingFailure, `decoding version from network config: ${msg}`);
  }
  return version === '' ? defaultVersion : version;
}

function checkVersion(command: Command, version: string, supported: readonly string[]): void {
  const minimum = minimumVersions[command];
  if (minimum !== undefined) {
    if (!atLeast(version, minimum)) {
      throw new CniError(errorCodes.incompatibleVersion, `config version does not allow ${command}`);
    }
    if (!supported.some((own) => atLeast(own, version))) {
      throw new CniError(errorCodes.incompatibleVersion, `plugin version does not allow ${command}`);
    }
  }
  if (!supported.includes(version)) {
    const list = supported.map((own) => `"${own}"`).join(' ');
    throw new CniError(
      errorCodes.incompatibleVersion,
      'incompatible CNI versions',
      `config is "${version}", plugin supports [${list}]`,
    );
  }
}

function undecodable(what: string, cause?: unknown): CniError {
  return new CniError(errorCodes.decodingFailure, `error unmarshall network config: ${what}`, '', { cause });
}

/**
 * Is CNI_NETNS the namespace that the plugin itself is in? The reference finds out when all is done. Here ADD is refused
 * before anything is; DEL still removes what is left on the host, but touches nothing in there.
 */
function isOwnNamespace(
  { command, netns, netnsOverride }: Environment,
  { namespaceDescriptor: descriptor, host }: InvokeOptions,
): boolean {
  if ((command !== 'ADD' && command !== 'DEL') || netns === '' || /^(1|true)$/i.test(netnsOverride))
    return false;
  try {
    const own = host?.namespace.id ?? statSync('/proc/thread-self/ns/net');
    const given = descriptor === undefined ? statSync(netns) : fstatSync(descriptor);
    return own.ino === given.ino && own.dev === given.dev;
  } catch {
    return false; // a path that can't be opened is the operation's matter
  }
}

function ownNamespace(): CniError {
  return new CniError(
    errorCodes.invalidNetns,
    "plugin's netns and netns from CNI_NETNS should not be the same",
  );
}

/** For DEL and GC, optional values that are wrong count as missing: what ADD refused must not keep DEL from its work. */
function readConfig(plugin: Plugin, config: Json, command: Command, log: (message: string) => void): unknown {
  const faults: CniError[] = [];
  try {
    return plugin.config.read(config, '', command === 'DEL' || command === 'GC' ? faults : undefined);
  } catch (error) {
    if (!(error instanceof CniError) || error.number !== errorCodes.decodingFailure) throw error;
    const prefix = plugin.configError === undefined ? '' : `${plugin.configError}: `;
    throw new CniError(error.number, `${prefix}${error.msg}`, error.details, { cause: error });
  } finally {
    for (const { msg } of faults) log(`${plugin.type}: ${msg}; taken as missing`);
  }
}

/** For DEL, one that can't be understood is none. */
function prevResultOf(
  config: Json,
  cniVersion: string,
  command: Command,
  log: (message: string) => void,
): Result | undefined {
  try {
    return parsePrevResult(valueAt(config, 'prevResult'), cniVersion);
  } catch (error) {
    if (command !== 'DEL') throw error;
    log(`prevResult is left out: ${(error as Error).message}`);
    return undefined;
  }
}

/** A key of our own: when the runtime made its list, ms since 1970. It may take its time before it calls. */
const listedAtKey = 'netloom/listed-at';

function listedAtOf(config: Json): number {
  return optional(integer, Number.POSITIVE_INFINITY).read(valueAt(config, listedAtKey), listedAtKey);
}

function namesAttachments(config: Json): boolean {
  return (
    valueAt(config, 'cni.dev/valid-attachments') !== undefined ||
    valueAt(config, 'cni.dev/attachments') !== undefined
  );
}

function validAttachments(config: Json): ValidAttachment[] {
  const given = valueAt(config, 'cni.dev/valid-attachments');
  const list = given === undefined ? valueAt(config, 'cni.dev/attachments') : given;
  // libcni says null where no attachment is valid
  return list === null ? [] : attachmentsShape.read(list, 'cni.dev/valid-attachments');
}
