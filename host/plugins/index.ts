import type { Plugin, PluginLookup } from '../cni/plugin.js';
import { hostLocal } from './ipam/host-local/host-local.js';
import { bridge } from './main/bridge/bridge.js';
import { loopback } from './main/loopback.js';
import { firewall } from './meta/firewall/firewall.js';

/** Every bundled plugin, by type. */
export const plugins: Readonly<Record<string, Plugin>> = Object.fromEntries(
  [bridge, firewall, hostLocal, loopback].map((plugin) => [plugin.type, plugin]),
);

/** Finds a bundled plugin. */
export const bundled: PluginLookup = (type) => (Object.hasOwn(plugins, type) ? plugins[type] : undefined);

export { bridge, firewall, hostLocal, loopback };
