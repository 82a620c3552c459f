import type { Plugin, PluginLookup } from '../cni/plugin.js';

/** How each bundled plugin is loaded: when it is first asked for, so that a program loads the one that it is. */
const loaders: Readonly<Record<string, () => Promise<Plugin>>> = {
  bridge: async () => (await import('./main/bridge/bridge.js')).bridge,
  dhcp: async () => (await import('./ipam/dhcp/dhcp.js')).dhcp,
  firewall: async () => (await import('./meta/firewall/firewall.js')).firewall,
  'host-local': async () => (await import('./ipam/host-local/host-local.js')).hostLocal,
  ipvlan: async () => (await import('./main/ipvlan/ipvlan.js')).ipvlan,
  loopback: async () => (await import('./main/loopback.js')).loopback,
  macvlan: async () => (await import('./main/macvlan/macvlan.js')).macvlan,
  portmap: async () => (await import('./meta/portmap/portmap.js')).portmap,
  ptp: async () => (await import('./main/ptp/ptp.js')).ptp,
  sbr: async () => (await import('./meta/sbr/sbr.js')).sbr,
  static: async () => (await import('./ipam/static.js')).staticAddresses,
};

/** Types of the bundled plugins. */
export const pluginTypes: readonly string[] = Object.keys(loaders);

/** Finds a bundled plugin. */
export const bundled: PluginLookup = (type) => (Object.hasOwn(loaders, type) ? loaders[type]?.() : undefined);
