import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { validateNetworkName } from '../cni/arguments.js';
import { errnoMeaning } from '../codec/errno.js';
import { NetworkConfigError, RuntimeError } from './errors.js';
import {
  listOf,
  type NetworkList,
  parseList,
  parseNetwork,
  parsePlugin,
  withPlugins,
} from './network-list.js';

function reasonOf(error: unknown): string {
  const { errno = 0, message } = error as NodeJS.ErrnoException;
  return errno === 0 ? message : errnoMeaning(Math.abs(errno)).toLowerCase();
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = `error reading ${basename(file)}: ${reasonOf(error)}`;
    throw new NetworkConfigError(reason, file, undefined, { cause: error });
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
    throw new NetworkConfigError(reasonOf(error), directory, undefined, { cause: error });
  }
}

/** Others would lead out of the directory, and are refused when the network is used. */
function isName(name: string): boolean {
  try {
    validateNetworkName(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads a conflist from a file. Unless `loadOnlyInlinedPlugins` is set, plugins are added from the `*.conf` files of the
 * directory beside it that has the network's name. Throws NetworkConfigError.
 */
export function readNetworkList(file: string): NetworkList {
  const { list, inlinedOnly } = parseList(readText(file), file);
  const beside = inlinedOnly || !isName(list.name) ? [] : filesOf(join(dirname(file), list.name), '.conf');
  const plugins = [...list.plugins, ...beside.map((path) => parsePlugin(readText(path), path))];
  return withPlugins({ ...list, plugins });
}

/** A list of the one plugin that a `.conf` or `.json` file describes. Throws NetworkConfigError. */
export function readSingleConfig(file: string): NetworkList {
  return listOf(parseNetwork(readText(file), file));
}

/** Reads a file by its extension: `.conflist` is a list, `.conf` and `.json` are one plugin. */
export function readNetworkFile(file: string): NetworkList {
  return extname(file) === '.conflist' ? readNetworkList(file) : readSingleConfig(file);
}

/** The files with networks in a directory, by name, as go-cni takes them: `.conf`, `.conflist` and `.json` alike. */
export function networkFiles(directory: string): string[] {
  return filesOf(directory, '.conf', '.conflist', '.json');
}

/** Every network that a directory describes, lists first; what is no config at all is an error. */
export function readNetworkLists(directory: string): NetworkList[] {
  return [
    ...filesOf(directory, '.conflist').map(readNetworkList),
    ...filesOf(directory, '.conf', '.json').map(readSingleConfig),
  ];
}

/**
 * The network of that name: first among the `*.conflist` files, then among `*.conf` and `*.json`, by file name. Throws
 * RuntimeError `ERR_NETWORK_NOT_FOUND`, or NetworkConfigError for a file before it that is broken.
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
