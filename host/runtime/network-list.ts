import { boolean, object, optional, record, string } from '../cni/config.js';
import { CniError } from '../cni/errors.js';
import { atLeast, currentVersion, defaultVersion } from '../cni/version.js';
import { NetworkConfigError, type Place } from './errors.js';
import { type JsonPath, JsonSyntaxError, locate, parseJson, pathOf } from './json-document.js';

type Json = Record<string, unknown>;

/** Where a plugin's config stands. */
export interface PluginSource {
  readonly file: string | undefined;
  /** The whole text that it stands in. */
  readonly text: string;
  /** Where in there. */
  readonly path: JsonPath;
}

/** One plugin of a list. */
export interface PluginConfig {
  readonly type: string;
  /** Capabilities that are switched on: the runtime then passes its value of that name. CONVENTIONS.md */
  readonly capabilities: readonly string[];
  /** As it stands in the file. */
  readonly raw: Readonly<Json>;
  readonly source: PluginSource;
}

/** A network as a conflist describes it. SPEC.md, section 1 */
export interface NetworkList {
  readonly name: string;
  /** The highest version that both sides know; `0.1.0` where the file says none. */
  readonly cniVersion: string;
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  readonly plugins: readonly PluginConfig[];
  /** What its key `netloom/in-process` says: may bundled plugins run in the runtime's process? */
  readonly inProcess: boolean | undefined;
  /**
   * The config of a single plugin, which is no list: its errors don't name the plugin, and the cache keeps its own text.
   * libcni's AddNetwork, DelNetwork and CheckNetwork
   */
  readonly isSingle: boolean;
  /** The config's text, as the cache keeps it. */
  readonly text: string;
  readonly file: string | undefined;
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

/** Something wrong with a config. */
class Problem extends Error {
  /** Where, in the config. */
  readonly path: JsonPath;
  /** Is the text whole, as it is? */
  readonly whole: boolean;
  constructor(text: string, path: JsonPath, whole = false) {
    super(text);
    this.path = path;
    this.whole = whole;
  }
}

/** The place of a value in a text; `undefined` when the text is no JSON. */
export function placeIn({ file, text, path }: PluginSource): Place | undefined {
  const position = locate(text, path);
  return position && { file, text, position };
}

/** An error about a text: of JSON, of a shape, or a problem. */
export function configError(
  error: unknown,
  { file, text, path }: PluginSource,
  prefix = '',
): NetworkConfigError {
  const message = error instanceof CniError ? error.msg : (error as Error).message;
  const whole = error instanceof Problem && error.whole;
  const reason = whole ? message : `${prefix}${message}`;
  if (error instanceof JsonSyntaxError) {
    return new NetworkConfigError(reason, file, { file, text, position: error.position }, { cause: error });
  }
  const within = error instanceof Problem ? error.path : pathOfMismatch(error);
  const place = placeIn({ file, text, path: [...path, ...within] });
  return new NetworkConfigError(reason, file, place, { cause: error });
}

/** Of a value that has another shape than it should: `capabilities.x: expected …`. */
function pathOfMismatch(error: unknown): JsonPath {
  const path = error instanceof CniError ? /^(\S+): expected /.exec(error.msg)?.[1] : undefined;
  return path === undefined || path === 'config' ? [] : pathOf(path);
}

function parseObject(text: string): Json {
  const value = parseJson(text) ?? {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Problem(`expected an object, got ${goType(value)}`, []);
  }
  return value as Json;
}

/** A flag: true or false, or their names in any case. */
function flag(list: Json, key: string): boolean | undefined {
  const value = list[key];
  if (value === undefined) return undefined;
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') throw new Problem(`invalid type ${goType(value)} for ${key}`, [key]);
  if (/^(true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  throw new Problem(`invalid value ${JSON.stringify(value)} for ${key}`, [key]);
}

function isNewer(version: string, other: string): boolean {
  return version !== other && atLeast(version, other);
}

/** Is it a version, and one that is known here? */
function isKnown(version: string, path: JsonPath, what: string): boolean {
  try {
    return !isNewer(version, currentVersion);
  } catch (error) {
    throw new Problem(`${what}: ${(error as Error).message}`, path);
  }
}

/** The highest of `cniVersions` and `cniVersion` that is known here; else `cniVersion`, whatever it is. */
function chooseVersion(list: Json): string {
  const { cniVersion = '', cniVersions } = list;
  if (typeof cniVersion !== 'string') {
    throw new Problem(`invalid cniVersion type ${goType(cniVersion)}`, ['cniVersion']);
  }
  const written = cniVersion === '' ? defaultVersion : cniVersion;
  if (cniVersions === undefined) return written;
  if (!Array.isArray(cniVersions)) {
    throw new Problem(`invalid type for cniVersions: ${goType(cniVersions)}`, ['cniVersions']);
  }
  const offered = (cniVersions as unknown[]).filter((version, i): version is string => {
    const path = ['cniVersions', i];
    if (typeof version !== 'string') {
      throw new Problem(`invalid type for cniVersions index ${i}: ${goType(version)}`, path);
    }
    return isKnown(version, path, `invalid cniVersions entry ${version} at index ${i}`);
  });
  const own = ['cniVersion'];
  if (cniVersion !== '' && isKnown(cniVersion, own, `invalid cniVersion ${cniVersion}`)) {
    offered.push(cniVersion);
  }
  return (
    offered.reduce((best, version) => (best === '' || isNewer(version, best) ? version : best), '') || written
  );
}

const pluginShape = object({ type: optional(string, ''), capabilities: optional(record) });

function pluginOf(raw: Json, source: PluginSource): PluginConfig {
  const { type, capabilities = {} } = pluginShape.read(raw, '');
  if (type === '') throw new Problem("missing 'type'", []);
  const on = Object.entries(capabilities).filter(([name, value]) =>
    boolean.read(value, `capabilities.${name}`),
  );
  return { type, capabilities: on.map(([name]) => name), raw, source };
}

function pluginsOf(list: Json, inlinedOnly: boolean, source: PluginSource): PluginConfig[] {
  const { plugins: given } = list;
  if (given === undefined) {
    if (inlinedOnly) throw new Problem("`loadOnlyInlinedPlugins` is true, and no 'plugins' key", []);
    return [];
  }
  if (!Array.isArray(given)) throw new Problem(`invalid 'plugins' type ${goType(given)}`, ['plugins']);
  if (given.length === 0) throw new Problem('no plugins in list', ['plugins']);
  return (given as unknown[]).map((raw, i) => {
    const path = ['plugins', i];
    try {
      return pluginOf(record.read(raw, `plugins[${i}]`), { ...source, path });
    } catch (error) {
      const text = error instanceof CniError ? error.msg : (error as Error).message;
      const inside = /^plugins\[/.test(text) ? [] : pathOfMismatch(error);
      const what = `failed to parse plugin config ${i}: error parsing configuration`;
      throw new Problem(`${what}: ${text}`, [...path, ...inside], true);
    }
  });
}

/** A list before the plugins that stand in files of their own are added. */
export interface ParsedList {
  readonly list: NetworkList;
  readonly inlinedOnly: boolean;
}

/** Throws NetworkConfigError. */
export function parseList(text: string, file: string | undefined): ParsedList {
  const source = { file, text, path: [] };
  try {
    const json = parseObject(text);
    const { name } = json;
    if (name === undefined) throw new Problem('no name', []);
    if (typeof name !== 'string') throw new Problem(`invalid name type ${goType(name)}`, ['name']);
    const cniVersion = chooseVersion(json);
    const disableCheck = flag(json, 'disableCheck') ?? false;
    const disableGC = flag(json, 'disableGC') ?? false;
    const inlinedOnly = flag(json, 'loadOnlyInlinedPlugins') ?? false;
    const inProcess = flag(json, 'netloom/in-process');
    const plugins = pluginsOf(json, inlinedOnly, source);
    const flags = { disableCheck, disableGC, inProcess, isSingle: false };
    return { list: { name, cniVersion, ...flags, plugins, text, file }, inlinedOnly };
  } catch (error) {
    throw configError(error, source, 'error parsing configuration list: ');
  }
}

/** A list has plugins. Throws NetworkConfigError. */
export function withPlugins(list: NetworkList): NetworkList {
  if (list.plugins.length > 0) return list;
  const { file, text } = list;
  throw new NetworkConfigError('no plugin configs found', file, placeIn({ file, text, path: [] }));
}

/** Reads a conflist. Throws NetworkConfigError. */
export function parseNetworkList(text: string): NetworkList {
  return withPlugins(parseList(text, undefined).list);
}

/** Reads the config of one plugin. Throws NetworkConfigError. */
export function parsePlugin(text: string, file: string | undefined): PluginConfig {
  const source = { file, text, path: [] };
  try {
    return pluginOf(parseObject(text), source);
  } catch (error) {
    throw configError(error, source, 'error parsing configuration: ');
  }
}

/** Is a config that of a single plugin? What is no JSON is none. */
export function isOnePlugin(text: string): boolean {
  try {
    const json = parseObject(text);
    return json.plugins === undefined && json.type !== undefined;
  } catch {
    return false;
  }
}

const singleShape = object({ name: optional(string, ''), cniVersion: optional(string, '') });

/**
 * Reads the config of a single plugin, as libcni's ConfFromBytes does: no list is made of it. Throws NetworkConfigError.
 */
export function parseNetwork(text: string, file?: string): NetworkList {
  const plugin = parsePlugin(text, file);
  try {
    const { name, cniVersion } = singleShape.read(plugin.raw, '');
    return {
      name,
      cniVersion: cniVersion === '' ? defaultVersion : cniVersion,
      disableCheck: false,
      disableGC: false,
      inProcess: flag(plugin.raw, 'netloom/in-process'),
      isSingle: true,
      plugins: [plugin],
      text,
      file,
    };
  } catch (error) {
    throw configError(error, plugin.source, 'error parsing configuration: ');
  }
}

/**
 * A list of the one plugin that a config describes. The cache keeps the list's text, as libcni's ConfListFromConf writes
 * it. Throws NetworkConfigError.
 */
export function listOf(single: NetworkList): NetworkList {
  const { cniVersion = '', name = '' } = single.plugins[0]?.raw ?? {};
  const text = JSON.stringify({ cniVersion, name, plugins: [single.plugins[0]?.raw] });
  const { list } = parseList(text, single.file);
  // errors point into the file as it is
  return { ...list, plugins: single.plugins, inProcess: single.inProcess };
}
