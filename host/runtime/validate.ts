import { validateNetworkName } from '../cni/arguments.js';
import { optional, record, string, valueAt } from '../cni/config.js';
import { CniError } from '../cni/errors.js';
import type { Plugin } from '../cni/plugin.js';
import type { Place } from './errors.js';
import { type JsonPath, pathOf } from './json-document.js';
import { type NetworkList, type PluginConfig, placeIn } from './network-list.js';
import { placeOfComplaint } from './plugin-call.js';
import type { PluginVersions } from './plugin-versions.js';

/** Something that keeps a network from being used. */
export interface ConfigProblem {
  readonly message: string;
  /** Type of the plugin; `undefined` when it is the network's. */
  readonly type: string | undefined;
  readonly place: Place | undefined;
}

/** What a network is worth. */
export interface Validation {
  /** What keeps it from being used. */
  readonly problems: readonly ConfigProblem[];
  /** Keys that nobody reads: misspelt perhaps. */
  readonly warnings: readonly ConfigProblem[];
  /** Capabilities that are on. */
  readonly capabilities: readonly string[];
}

/** What is known of a plugin. Throws when there is none. */
export type Examine = (
  type: string,
) => Promise<{ readonly bundled: Plugin | undefined; readonly versions: PluginVersions }>;

/** The IPAM plugin of a config; empty when there is none. */
function ipamOf({ raw }: PluginConfig): string {
  try {
    const ipam = optional(record, {}).read(valueAt(raw, 'ipam'), 'ipam');
    return optional(string, '').read(valueAt(ipam, 'type'), 'ipam.type');
  } catch {
    return ''; // the plugin's own shape complains
  }
}

/** What keeps the plugins of a network from being called, and what they pass over. */
export async function problemsOf(
  list: NetworkList,
  examine: Examine,
): Promise<Omit<Validation, 'capabilities'>> {
  const problems: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];
  const { file, text, cniVersion } = list;
  try {
    validateNetworkName(list.name);
  } catch (error) {
    const place = placeIn({ file, text, path: ['name'] });
    problems.push({ message: (error as Error).message, type: undefined, place });
  }
  const check = async (plugin: PluginConfig, type: string, path: JsonPath): Promise<void> => {
    const { source } = plugin;
    const place = placeIn({ ...source, path: [...source.path, ...path] });
    try {
      const { bundled, versions } = await examine(type);
      if (!versions.supported.includes(cniVersion)) {
        const message = `plugin ${type} does not support config version ${JSON.stringify(cniVersion)}`;
        problems.push({ message, type, place });
      }
      if (bundled === undefined) return;
      problems.push(...misshapen(list, plugin, bundled));
      warnings.push(...unread(plugin, bundled, path[0] === 'ipam'));
    } catch (error) {
      problems.push({ message: (error as Error).message, type, place });
    }
  };
  for (const plugin of list.plugins) {
    await check(plugin, plugin.type, ['type']);
    const ipam = ipamOf(plugin);
    if (ipam !== '') await check(plugin, ipam, ['ipam', 'type']);
  }
  // a key that both a plugin and its IPAM plugin read is one problem
  const seen = new Set<string>();
  const once = problems.filter(({ message, place }) => {
    const key = JSON.stringify([message, place?.file, place?.position]);
    return !seen.has(key) && seen.add(key);
  });
  return { problems: once, warnings };
}

/** Keys that every plugin's config may have: SPEC.md, section 1; CONVENTIONS.md. */
const common = [
  'cniversion',
  'name',
  'type',
  'ipam',
  'dns',
  'capabilities',
  'prevresult',
  'args',
  'runtimeconfig',
];

/** Keys that a bundled plugin, or its IPAM plugin, does not read. */
function unread(plugin: PluginConfig, { config, type }: Plugin, ofIpam: boolean): ConfigProblem[] {
  const strangers = config.strangers?.(plugin.raw, '') ?? [];
  const mine = strangers.filter((path) => {
    const [first = '', second = ''] = path.toLowerCase().split(/[.[]/);
    // what is somebody's own has a name of theirs
    if (path.includes('/')) return false;
    if (ofIpam) return first === 'ipam' && second !== 'type' && second !== 'name';
    return !common.includes(first) || (first === 'dns' && path.includes('.'));
  });
  const { source } = plugin;
  return mine.map((path) => ({
    message: `${path}: ${type} does not know this key`,
    type,
    place: placeIn({ ...source, path: [...source.path, ...pathOf(path)] }),
  }));
}

function misshapen(list: NetworkList, plugin: PluginConfig, { config, type }: Plugin): ConfigProblem[] {
  const faults: CniError[] = [];
  try {
    const { name, cniVersion } = list;
    config.read({ ...plugin.raw, name, cniVersion }, '', faults);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    faults.push(error);
  }
  return faults.map((fault) => ({ message: fault.message, type, place: placeOfComplaint(plugin, fault) }));
}
