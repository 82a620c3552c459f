import { validateNetworkName } from '../cni/arguments.js';
import { optional, record, string, valueAt } from '../cni/config.js';
import { CniError } from '../cni/errors.js';
import type { Plugin } from '../cni/plugin.js';
import type { Place } from './errors.js';
import type { JsonPath } from './json-document.js';
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

/** What keeps the plugins of a network from being called. */
export async function problemsOf(list: NetworkList, examine: Examine): Promise<ConfigProblem[]> {
  const problems: ConfigProblem[] = [];
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
      if (bundled !== undefined) problems.push(...misshapen(list, plugin, bundled));
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
  return problems.filter(({ message, place }) => {
    const key = JSON.stringify([message, place?.file, place?.position]);
    return !seen.has(key) && seen.add(key);
  });
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
