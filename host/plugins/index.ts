import type { Plugin, PluginLookup } from '../cni/plugin.js';

/** How each bundled plugin is loaded: when it is first asked for, so that a program loads the one that it is. */
const loaders: Readonly<Record<string, () => Promise<Plugin>>> = {
  bandwidth: async () => (await import('./meta/bandwidth/bandwidth.js')).bandwidth,
  bridge: async () => (await import('./main/bridge/bridge.js')).bridge,
  dhcp: async () => (await import('./ipam/dhcp/dhcp.js')).dhcp,
  dummy: async () => (await import('./main/dummy.js')).dummy,
  firewall: async () => (await import('./meta/firewall/firewall.js')).firewall,
  flannel: async () => (await import('./meta/flannel/flannel.js')).flannel,
  'host-device': async () => (await import('./main/host-device/host-device.js')).hostDevice,
  'host-local': async () => (await import('./ipam/host-local/host-local.js')).hostLocal,
  ipvlan: async () => (await import('./main/ipvlan/ipvlan.js')).ipvlan,
  loopback: async () => (await import('./main/loopback.js')).loopback,
  macvlan: async () => (await import('./main/macvlan/macvlan.js')).macvlan,
  portmap: async () => (await import('./meta/portmap/portmap.js')).portmap,
  ptp: async () => (await import('./main/ptp/ptp.js')).ptp,
  sbr: async () => (await import('./meta/sbr/sbr.js')).sbr,
  static: async () => (await import('./ipam/static.js')).staticAddresses,
  tap: async () => (await import('./main/tap/tap.js')).tap,
  tuning: async () => (await import('./meta/tuning/tuning.js')).tuning,
  vlan: async () => (await import('./main/vlan/vlan.js')).vlan,
  vrf: async () => (await import('./meta/vrf/vrf.js')).vrf,
};

/** Types of the bundled plugins. */
export const pluginTypes: readonly string[] = Object.keys(loaders);

/** Plugins that were asked for: import() of a module that is there takes as long as many a system call. */
const loaded = new Map<string, Promise<Plugin>>();

/** Finds a bundled plugin. */
export const bundled: PluginLookup = (type) => {
  let plugin = loaded.get(type);
  if (plugin === undefined && Object.hasOwn(loaders, type)) {
    plugin = loaders[type]?.() as Promise<Plugin>;
    loaded.set(type, plugin);
    // another try may succeed
    plugin.catch(() => loaded.delete(type));
  }
  return plugin;
};
