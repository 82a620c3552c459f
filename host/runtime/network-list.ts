import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { boolean, object, optional, record, string } from '../cni/config.js';
import { CniError } from '../cni/errors.js';
import { atLeast, currentVersion, defaultVersion } from '../cni/version.js';
import { errnoMeaning } from '../codec/errno.js';
import { RuntimeError } from './errors.js';

type Json = Record<string, unknown>;

/** One plugin of a list. */
export interface PluginConfig {
  readonly type: string;
  /** Capabilities that are switched on: the runtime then passes its value of that name. CONVENTIONS.md */
  readonly capabilities: readonly string[];
  /** As it stands in the file. */
  readonly raw: Readonly<Json>;
}

/** A network as a conflist describes it. SPEC.md, section 1 */
export interface NetworkList {
  readonly name: string;
  /** The highest version that both sides know; `0.1.0` where the file says none. */
  readonly cniVersion: string;
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  readonly plugins: readonly PluginConfig[];
  /** The file's text, as the cache keeps it. */
  readonly text: string;
  readonly file: string | undefined;
}

function fault(text: string, file: string | undefined, cause?: unknown): RuntimeError {
  return new RuntimeError('ERR_NETWORK_CONFIG', file === undefined ? text : `${file}: ${text}`, { cause });
}

/** What Go calls the type of a JSON value, as libcni's texts have it. */
function goType(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  return (
    { string: 'string', number: 'float64', boolean: 'bool' }[typeof value as string] ??
    'map[string]interface {}'
  );
}

class Problem extends Error {
  /** Is the text whole, as it is? */
  readonly whole: boolean;
  constructor(text: string, whole = false) {
    super(text);
    this.whole = whole;
  }
}

function parseJson(text: string): Json {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Problem(`expected an object, got ${goType(value)}`);
  }
  return value as Json;
}

/** A flag: true or false, or their names in any case. */
function flag(list: Json, key: string): boolean {
  const value = list[key];
  if (value === undefined) return false;
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') throw new Problem(`invalid type ${goType(value)} for ${key}`);
  if (/^(true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  throw new Problem(`invalid value ${JSON.stringify(value)} for ${key}`);
}

function isNewer(version: string, other: string): boolean {
  return version !== other && atLeast(version, other);
}

/** The highest of `cniVersions` and `cniVersion` that is known here; else `cniVersion`, whatever it is. */
function chooseVersion(list: Json): string {
  const { cniVersion = '', cniVersions } = list;
  if (typeof cniVersion !== 'string') throw new Problem(`invalid cniVersion type ${goType(cniVersion)}`);
  const written = cniVersion === '' ? defaultVersion : cniVersion;
  if (cniVersions === undefined) return written;
  if (!Array.isArray(cniVersions)) throw new Problem(`invalid type for cniVersions: ${goType(cniVersions)}`);
  const offered: string[] = [];
  for (const [i, version] of (cniVersions as unknown[]).entries()) {
    if (typeof version !== 'string') {
      throw new Problem(`invalid type for cniVersions index ${i}: ${goType(version)}`);
    }
    try {
      if (!isNewer(version, currentVersion)) offered.push(version);
    } catch (error) {
      throw new Problem(`invalid cniVersions entry ${version} at index ${i}: ${(error as Error).message}`);
    }
  }
  try {
    if (cniVersion !== '' && !isNewer(cniVersion, currentVersion)) offered.push(cniVersion);
  } catch (error) {
    throw new Problem(`invalid cniVersion ${cniVersion}: ${(error as Error).message}`);
  }
  return (
    offered.reduce((best, version) => (best === '' || isNewer(version, best) ? version : best), '') || written
  );
}

const pluginShape = object({ type: optional(string, ''), capabilities: optional(record) });

function pluginOf(raw: Json): PluginConfig {
  const { type, capabilities = {} } = pluginShape.read(raw, '');
  if (type === '') throw new Problem("missing 'type'");
  const on = Object.entries(capabilities).filter(([name, value]) =>
    boolean.read(value, `capabilities.${name}`),
  );
  return { type, capabilities: on.map(([name]) => name), raw };
}

function plugins(list: Json, inlinedOnly: boolean): PluginConfig[] {
  const { plugins: given } = list;
  if (given === undefined) {
    if (inlinedOnly) throw new Problem("`loadOnlyInlinedPlugins` is true, and no 'plugins' key");
    return [];
  }
  if (!Array.isArray(given)) throw new Problem(`invalid 'plugins' type ${goType(given)}`);
  if (given.length === 0) throw new Problem('no plugins in list');
  return (given as unknown[]).map((raw, i) => {
    try {
      return pluginOf(record.read(raw, `plugins[${i}]`));
    } catch (error) {
      throw new Problem(
        `failed to parse plugin config ${i}: error parsing configuration: ${textOf(error)}`,
        true,
      );
    }
  });
}

function textOf(error: unknown): string {
  return error instanceof CniError ? error.msg : (error as Error).message;
}

interface Parsed {
  readonly list: NetworkList;
  readonly inlinedOnly: boolean;
}

function parse(text: string, file: string | undefined): Parsed {
  try {
    const json = parseJson(text);
    const { name } = json;
    if (name === undefined) throw new Problem('no name');
    if (typeof name !== 'string') throw new Problem(`invalid name type ${goType(name)}`);
    const cniVersion = chooseVersion(json);
    const disableCheck = flag(json, 'disableCheck');
    const disableGC = flag(json, 'disableGC');
    const inlinedOnly = flag(json, 'loadOnlyInlinedPlugins');
    const inlined = plugins(json, inlinedOnly);
    return { list: { name, cniVersion, disableCheck, disableGC, plugins: inlined, text, file }, inlinedOnly };
  } catch (error) {
    const whole = error instanceof Problem && error.whole;
    throw fault(`${whole ? '' : 'error parsing configuration list: '}${textOf(error)}`, file, error);
  }
}

/** Reads a conflist. Throws RuntimeError `ERR_NETWORK_CONFIG`. */
export function parseNetworkList(text: string): NetworkList {
  const { list } = parse(text, undefined);
  if (list.plugins.length === 0) throw fault('no plugin configs found', undefined);
  return list;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { errno = 0 } = error as NodeJS.ErrnoException;
    throw fault(
      `error reading ${basename(file)}: ${errnoMeaning(Math.abs(errno)).toLowerCase()}`,
      file,
      error,
    );
  }
}

/** Files of a directory with one of the extensions, by name. A directory that isn't there has none. */
function filesOf(directory: string, ...extensions: string[]): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    const names = entries.flatMap((entry) => (entry.isDirectory() ? [] : [entry.name]));
    return names
      .filter((name) => extensions.includes(extname(name)))
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    const { errno = 0 } = error as NodeJS.ErrnoException;
    throw fault(errnoMeaning(Math.abs(errno)).toLowerCase(), directory, error);
  }
}

function readPlugin(file: string, text = readText(file)): PluginConfig {
  try {
    return pluginOf(parseJson(text));
  } catch (error) {
    throw fault(`error parsing configuration: ${textOf(error)}`, file, error);
  }
}

/**
 * Reads a conflist from a file. Unless `loadOnlyInlinedPlugins` is set, plugins are added from the `*.conf` files of the
 * directory beside it that has the network's name. Throws RuntimeError `ERR_NETWORK_CONFIG`.
 */
export function readNetworkList(file: string): NetworkList {
  const { list, inlinedOnly } = parse(readText(file), file);
  const beside = inlinedOnly ? [] : filesOf(join(dirname(file), list.name), '.conf');
  const all = [...list.plugins, ...beside.map((path) => readPlugin(path))];
  if (all.length === 0) throw fault('no plugin configs found', file);
  return { ...list, plugins: all };
}

/** A list of the one plugin that a `.conf` or `.json` file describes. Throws RuntimeError `ERR_NETWORK_CONFIG`. */
export function readSingleConfig(file: string): NetworkList {
  const text = readText(file);
  const { raw } = readPlugin(file, text);
  const { name = '', cniVersion = '' } = raw;
  return { ...parse(JSON.stringify({ name, cniVersion, plugins: [raw] }), file).list, file };
}

/** Every network that a directory describes; what is no config at all is an error. */
export function readNetworkLists(directory: string): NetworkList[] {
  return [
    ...filesOf(directory, '.conflist').map(readNetworkList),
    ...filesOf(directory, '.conf', '.json').map(readSingleConfig),
  ];
}

/**
 * The network of that name: first among the `*.conflist` files, then among `*.conf` and `*.json`, by file name. Throws
 * RuntimeError `ERR_NETWORK_NOT_FOUND`, or `ERR_NETWORK_CONFIG` for a file before it that is broken.
 */
export function loadNetworkList(directory: string, name: string): NetworkList {
  const lists = filesOf(directory, '.conflist');
  for (const file of lists) {
    const list = readNetworkList(file);
    if (list.name === name) return list;
  }
  const singles = filesOf(directory, '.conf', '.json');
  for (const file of singles) {
    const list = readSingleConfig(file);
    if (list.name === name) return list;
  }
  const none = lists.length + singles.length === 0;
  const text = none
    ? `no net configurations found in ${directory}`
    : `no net configuration with name ${JSON.stringify(name)} in ${directory}`;
  throw new RuntimeError('ERR_NETWORK_NOT_FOUND', text);
}
