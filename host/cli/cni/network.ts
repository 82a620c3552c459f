import { existsSync } from 'node:fs';
import type { ValidAttachment } from '../../cni/plugin.js';
import { pluginTypes } from '../../plugins/index.js';
import { excerpt } from '../../runtime/errors.js';
import {
  type ConfigProblem,
  type NetworkList,
  networkFiles,
  type PluginVersions,
  RuntimeError,
  readNetworkFile,
} from '../../runtime/index.js';
import { paletteFor } from '../color.js';
import { describe, describeJson, shownPlace } from '../guarded.js';
import { type CniOptions, networkOf, runtimeOf } from './attach.js';
import { columns, showTimings } from './report.js';

export interface GcOptions extends CniOptions {
  /** `CONTAINER` or `CONTAINER:INTERFACE` */
  readonly valid?: readonly string[];
  /** Attachments are valid whose namespace is there. */
  readonly stale?: boolean;
  readonly all?: boolean;
}

/** Those of the cache that the options call valid; `undefined`: none, and the plugins are told nothing, as cnitool does. */
function validOf(
  list: NetworkList,
  cached: readonly { readonly network: string; readonly attachment: CachedParts }[],
  { valid, stale }: GcOptions,
): ValidAttachment[] | undefined {
  if (valid === undefined && !stale) return undefined;
  const own = cached.filter(({ network }) => network === list.name).map(({ attachment }) => attachment);
  const named = (valid ?? []).flatMap((text) => {
    const [containerID = '', ifname] = text.split(':');
    if (ifname !== undefined) return [{ containerID, ifname }];
    const known = own.filter(({ containerId }) => containerId === containerID);
    return known.map((one) => ({ containerID, ifname: one.ifname }));
  });
  const living = stale ? own.filter(({ netns }) => netns !== '' && existsSync(netns)) : [];
  return [...named, ...living.map(({ containerId, ifname }) => ({ containerID: containerId, ifname }))];
}

interface CachedParts {
  readonly containerId: string;
  readonly ifname: string;
  readonly netns: string;
}

/** `netloom cni gc` */
export async function gc(
  network: string,
  namespace: string | undefined,
  options: GcOptions,
): Promise<string> {
  const chosen = [options.valid !== undefined, options.stale === true, options.all === true];
  // cnitool takes a namespace, and then removes all; without one that is to be said
  if (namespace === undefined && !chosen.includes(true)) {
    const text = 'what is valid? --valid CONTAINER …, --stale (what has a namespace), or --all (nothing)';
    throw new RuntimeError('ERR_INVALID_ARGUMENT', text);
  }
  const list = networkOf(network, options);
  using tools = runtimeOf(options);
  const valid = validOf(list, tools.runtime.cache.list(), options);
  const { timings, deleted } = await tools.runtime.gcNetworkList(list, valid, tools.call);
  if (options.json) return JSON.stringify({ network: list.name, deleted, timings });
  if (options.timings) showTimings(timings);
  return '';
}

interface Named {
  /** Of the network, or its file. */
  readonly name: string;
  read(): NetworkList;
}

/** The networks that are named, or all of the directory. */
function networksOf(names: readonly string[], options: CniOptions): Named[] {
  if (names.length > 0) return names.map((name) => ({ name, read: () => networkOf(name, options) }));
  const files = networkFiles(options.confDir);
  if (files.length > 0) return files.map((file) => ({ name: file, read: () => readNetworkFile(file) }));
  throw new RuntimeError('ERR_NETWORK_NOT_FOUND', `no net configurations found in ${options.confDir}`);
}

interface NetworkStatus {
  readonly network: string;
  readonly isReady: boolean;
  /** Lists before 1.1.0 cannot be asked. */
  readonly isAsked: boolean;
  readonly error?: unknown;
}

/** A config that cannot be read has no name; its error begins with the file's. */
const isFile = (name: string): boolean => name.includes('/');

/** `netloom cni status`: of one network as cnitool does, or a table of all. */
export async function status(network: string | undefined, options: CniOptions): Promise<string> {
  using tools = runtimeOf(options);
  if (network !== undefined) {
    const list = networkOf(network, options);
    const { timings } = await tools.runtime.statusNetworkList(list, tools.call);
    if (options.json) return JSON.stringify({ network: list.name, ready: true, timings });
    if (options.timings) showTimings(timings);
    return '';
  }
  const all: NetworkStatus[] = [];
  for (const one of networksOf([], options)) {
    let { name } = one;
    try {
      const list = one.read();
      name = list.name;
      const { timings } = await tools.runtime.statusNetworkList(list, tools.call);
      all.push({ network: name, isReady: true, isAsked: timings.length > 0 });
    } catch (error) {
      if (tools.call.signal?.aborted) throw error;
      all.push({ network: name, isReady: false, isAsked: true, error });
    }
  }
  if (all.some(({ isReady }) => !isReady)) process.exitCode = 1;
  if (options.json) {
    return JSON.stringify(
      all.map(({ network: name, isReady, error }) =>
        isReady
          ? { network: name, ready: true }
          : { network: name, ready: false, error: describeJson(error) },
      ),
    );
  }
  const { good, error: bad } = paletteFor(process.stdout);
  return all
    .map(({ network: name, isReady, isAsked, error }) =>
      isReady
        ? `${name}: ${good(isAsked ? 'ready' : 'ready, as far as can be asked before 1.1.0')}`
        : `${bad('not ready')}: ${describe(error)}`.replace(/^/, isFile(name) ? '' : `${name}: `),
    )
    .join('\n');
}

interface Examined {
  readonly list: NetworkList;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
  readonly capabilities: readonly string[];
}

/** `netloom cni validate` */
export async function validate(names: readonly string[], options: CniOptions): Promise<string> {
  using tools = runtimeOf(options);
  const examined: (Examined | { readonly error: unknown })[] = [];
  for (const one of networksOf(names, options)) {
    try {
      const list = one.read();
      examined.push({ list, ...(await tools.runtime.validateNetworkList(list, tools.call)) });
    } catch (error) {
      if (tools.call.signal?.aborted) throw error;
      examined.push({ error });
    }
  }
  if (examined.some((one) => 'error' in one || one.problems.length > 0)) process.exitCode = 1;
  return options.json ? JSON.stringify(examined.map(examinedJson)) : examined.map(examinedText).join('\n');
}

function examinedJson(one: Examined | { readonly error: unknown }): object {
  if ('error' in one) return { valid: false, problems: [describeJson(one.error)] };
  const { list, problems, warnings, capabilities } = one;
  const { name: network, file, cniVersion, plugins } = list;
  return {
    valid: problems.length === 0,
    network,
    file,
    cniVersion,
    plugins: plugins.map(({ type }) => type),
    capabilities,
    problems: problems.map(problemJson),
    ...(warnings.length === 0 ? {} : { warnings: warnings.map(problemJson) }),
  };
}

function problemJson({ message, type, place }: ConfigProblem): object {
  return {
    message,
    plugin: type,
    ...(place === undefined ? {} : { place: { file: place.file, ...place.position } }),
  };
}

function examinedText(one: Examined | { readonly error: unknown }): string {
  const { error: bad, good } = paletteFor(process.stdout);
  if ('error' in one) return `${bad('invalid')}  ${describe(one.error)}`;
  const { list, problems, warnings, capabilities } = one;
  const lines = (word: string, all: readonly ConfigProblem[]): string[] =>
    all.map(({ message, place }) => {
      const where = place === undefined ? list.file : shownPlace(place);
      const mark = place === undefined ? '' : `\n${excerpt(place).replace(/^/gm, '  ')}`;
      return `${word}  ${where}: ${message}${mark}`;
    });
  const rest = lines('warning', warnings);
  if (problems.length > 0) return [...lines(bad('invalid'), problems), ...rest].join('\n');
  const types = list.plugins.map(({ type }) => type).join(', ');
  const on = capabilities.length === 0 ? '' : `; capabilities ${capabilities.join(', ')}`;
  return [`${good('valid')}    ${list.file}: ${list.name} ${list.cniVersion}: ${types}${on}`, ...rest].join(
    '\n',
  );
}

/** `netloom cni version`: of plugins that are named, else of the bundled ones and those that networks use. */
export async function version(types: readonly string[], options: CniOptions): Promise<string> {
  using tools = runtimeOf(options);
  const wanted = types.length > 0 ? types : [...new Set([...pluginTypes, ...typesInUse(options)])].sort();
  const all: (PluginVersions | { readonly type: string; readonly error: unknown })[] = [];
  for (const type of wanted) {
    try {
      all.push(await tools.runtime.versionInfo(type, tools.call));
    } catch (error) {
      if (tools.call.signal?.aborted) throw error;
      all.push({ type, error });
    }
  }
  if (all.some((one) => 'error' in one)) process.exitCode = 1;
  if (options.json) {
    return JSON.stringify(
      all.map((one) => ('error' in one ? { type: one.type, error: describeJson(one.error) } : one)),
    );
  }
  return columns(
    all.map((one) =>
      'error' in one
        ? [one.type, 'error', describe(one.error)]
        : [one.type, one.file ?? 'in process', one.supported.join(' ')],
    ),
  );
}

function typesInUse(options: CniOptions): string[] {
  return networkFiles(options.confDir).flatMap((file) => {
    try {
      return readNetworkFile(file).plugins.map(({ type }) => type);
    } catch {
      return []; // `validate` says what is wrong with it
    }
  });
}
