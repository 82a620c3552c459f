import {
  type Command,
  commands,
  type Environment,
  validateEnvironment,
  validateNetworkName,
} from './arguments.js';
import { array, object, string, valueOf } from './config.js';
import { CniError, type ErrorOutput, errorCodes, errorOutput } from './errors.js';
import { splitPath } from './execution.js';
import { DelegatedIpam, ipamType } from './ipam.js';
import type {
  AttachmentRequest,
  GcRequest,
  Plugin,
  PluginLookup,
  Request,
  ValidAttachment,
} from './plugin.js';
import { formatResult, parsePrevResult, toJson } from './result.js';
import { Host, NetnsSandbox } from './sides.js';
import { allVersions, atLeast, currentVersion, defaultVersion } from './version.js';

export interface InvokeOptions {
  /** Plugins that are called in this process when a config delegates to them. */
  readonly bundled?: PluginLookup | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly log?: ((message: string) => void) | undefined;
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
  stdin: string | (() => string),
  options: InvokeOptions = {},
): Promise<InvokeOutcome> {
  try {
    const output = await perform(plugin, environment, stdin, options);
    const newline = environment.command === 'VERSION' ? '\n' : '';
    const text =
      output === undefined ? '' : environment.command === 'VERSION' ? JSON.stringify(output) : toJson(output);
    return { status: 0, output, error: undefined, text: text + newline };
  } catch (cause) {
    const error = errorOutput(cause);
    return { status: 1, output: error, error, text: toJson(error) };
  }
}

async function perform(
  plugin: Plugin,
  environment: Environment,
  stdin: string | (() => string),
  options: InvokeOptions,
): Promise<object | undefined> {
  validateEnvironment(environment);
  const versions = plugin.versions ?? allVersions;
  const { command } = environment;
  if (command === 'VERSION') return { cniVersion: currentVersion, supportedVersions: versions };
  const text = read(stdin);
  const config = parseConfig(text);
  const name: unknown = valueOf(config, 'name');
  validateNetworkName(name);
  if (!isCommand(command))
    throw new CniError(errorCodes.invalidEnvironment, `unknown CNI_COMMAND: ${command}`);
  const cniVersion = versionOf(config);
  checkVersion(command, cniVersion, versions);

  const host = new Host();
  const sandbox = new NetnsSandbox(environment.netns);
  try {
    guard(environment, host, sandbox);
    const call = async (type: string, delegated: Command): Promise<Record<string, unknown> | undefined> => {
      const delegate = options.bundled?.(type) as Plugin;
      return (await perform(delegate, { ...environment, command: delegated }, text, options)) as
        | Record<string, unknown>
        | undefined;
    };
    const request: AttachmentRequest<unknown> & GcRequest<unknown> = {
      config: readConfig(plugin, config),
      rawConfig: config,
      name,
      cniVersion,
      args: environment.args,
      path: splitPath(environment.path),
      signal: options.signal,
      prevResult: parsePrevResult(valueOf(config, 'prevResult'), cniVersion),
      ipam: new DelegatedIpam({
        type: ipamType(config),
        environment,
        stdin: text,
        version: cniVersion,
        bundled: options.bundled ?? (() => undefined),
        call,
        signal: options.signal,
      }),
      host,
      sandbox,
      containerId: environment.containerId,
      ifname: environment.ifname,
      validAttachments: command === 'GC' ? validAttachments(config) : [],
      log: options.log ?? ((message) => process.stderr.write(`${message}\n`)),
    };
    return await operate(plugin, command, request);
  } finally {
    host.close();
    sandbox.close();
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
      return plugin.currentShape && cniVersion !== defaultVersion
        ? { ...formatResult(result, currentVersion), cniVersion }
        : formatResult(result, cniVersion);
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

function read(stdin: string | (() => string)): string {
  if (typeof stdin === 'string') return stdin;
  try {
    return stdin();
  } catch (cause) {
    throw new CniError(errorCodes.ioFailure, `error reading from stdin: ${(cause as Error).message}`, '', {
      cause,
    });
  }
}

function parseConfig(text: string): Record<string, unknown> {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new CniError(
      errorCodes.decodingFailure,
      `error unmarshall network config: ${(cause as Error).message}`,
      '',
      { cause },
    );
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new CniError(errorCodes.decodingFailure, 'error unmarshall network config: expected an object');
  }
  return config as Record<string, unknown>;
}

function versionOf(config: Record<string, unknown>): string {
  const version = valueOf(config, 'cniVersion');
  if (version === undefined || version === null || version === '') return defaultVersion;
  if (typeof version !== 'string') {
    throw new CniError(errorCodes.decodingFailure, 'cniVersion: expected a string');
  }
  return version;
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

/**
 * The container must not be the plugin's own namespace. The reference finds out when all is done; here it is known
 * before anything is.
 */
function guard({ command, netns, netnsOverride }: Environment, host: Host, sandbox: NetnsSandbox): void {
  if ((command !== 'ADD' && command !== 'DEL') || netns === '' || /^(1|true)$/i.test(netnsOverride)) return;
  let same = false;
  try {
    same = sandbox.exists && host.namespace.equals(sandbox.namespace);
  } catch {
    return; // a path that is no namespace is the operation's matter
  }
  if (same) {
    throw new CniError(
      errorCodes.invalidNetns,
      "plugin's netns and netns from CNI_NETNS should not be the same",
    );
  }
}

function readConfig(plugin: Plugin, config: Record<string, unknown>): unknown {
  try {
    return plugin.config.read(config, '');
  } catch (error) {
    if (!(error instanceof CniError) || error.number !== errorCodes.decodingFailure) throw error;
    const prefix = plugin.configError === undefined ? '' : `${plugin.configError}: `;
    throw new CniError(error.number, `${prefix}${error.msg}`, error.details, { cause: error });
  }
}

function validAttachments(config: Record<string, unknown>): ValidAttachment[] {
  const given = valueOf(config, 'cni.dev/valid-attachments');
  const list = given === undefined ? valueOf(config, 'cni.dev/attachments') : given;
  // libcni says null where no attachment is valid; without a list nothing may be taken for garbage
  if (list === null) return [];
  if (list === undefined) {
    throw new CniError(
      errorCodes.invalidNetworkConfig,
      'cni.dev/valid-attachments: expected an array, it is missing',
    );
  }
  return attachmentsShape.read(list, 'cni.dev/valid-attachments');
}
