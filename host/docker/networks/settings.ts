import { badRequest } from '../errors.js';

/** A subnet of a network, as Docker tells it. */
export interface Subnet {
  /** `172.18.0.0/16` */
  readonly pool: string;
  /** `172.18.0.1/16` */
  readonly gateway: string | undefined;
  readonly auxiliary: readonly string[];
}

export const gatewayModes = ['nat', 'nat-unprotected', 'routed', 'isolated'] as const;
export type GatewayMode = (typeof gatewayModes)[number];

export interface BridgeSettings {
  readonly kind: 'bridge';
  readonly bridge: string;
  /** Bytes; 0 leaves it to the kernel. */
  readonly mtu: number;
  readonly masquerade: boolean;
  /** Containers of the network may talk to each other. */
  readonly icc: boolean;
  /** Where ports are published that name no address of the host. */
  readonly hostBinding: { readonly ip: string; readonly ip6: string };
  /** The bridge gets no IPv4 address. */
  readonly inhibitIpv4: boolean;
  readonly modes: { readonly ip: GatewayMode; readonly ip6: GatewayMode };
  /** Interfaces of the host behind which everybody may talk to the containers directly. */
  readonly trusted: readonly string[];
  /** Source addresses in place of masquerading. */
  readonly sources: { readonly ip: string; readonly ip6: string };
}

export interface ChildSettings {
  readonly kind: 'macvlan' | 'ipvlan';
  /** Name of the link below; empty: a dummy of the network's own. */
  readonly parent: string;
  readonly mode: string;
  /** ipvlan: bridge, private or vepa. */
  readonly flag: string;
  readonly mtu: number;
}

export interface CniSettings {
  readonly kind: 'cni';
  readonly conflist: string;
}

export type Settings = (BridgeSettings | ChildSettings | CniSettings) & {
  readonly internal: boolean;
  /** Begins the names of the containers' interfaces. */
  readonly prefix: string;
};

/** Options of Docker's own drivers, and `type` and `conflist`, which are ours. */
export const optionNames = {
  type: 'type',
  conflist: 'conflist',
  parent: 'parent',
  macvlanMode: 'macvlan_mode',
  ipvlanMode: 'ipvlan_mode',
  ipvlanFlag: 'ipvlan_flag',
  mtu: 'com.docker.network.driver.mtu',
  prefix: 'com.docker.network.container_iface_prefix',
  bridge: 'com.docker.network.bridge.name',
  defaultBridge: 'com.docker.network.bridge.default_bridge',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  icc: 'com.docker.network.bridge.enable_icc',
  hostBinding: 'com.docker.network.bridge.host_binding_ipv4',
  hostBinding6: 'com.docker.network.bridge.host_binding_ipv6',
  inhibitIpv4: 'com.docker.network.bridge.inhibit_ipv4',
  mode4: 'com.docker.network.bridge.gateway_mode_ipv4',
  mode6: 'com.docker.network.bridge.gateway_mode_ipv6',
  trusted: 'com.docker.network.bridge.trusted_host_interfaces',
  source4: 'com.docker.network.host_ipv4',
  source6: 'com.docker.network.host_ipv6',
} as const;

const kinds = ['bridge', 'macvlan', 'ipvlan', 'cni'] as const;
const macvlanModes = ['bridge', 'private', 'vepa', 'passthru'] as const;
const ipvlanModes = ['l2', 'l3', 'l3s'] as const;
const ipvlanFlags = ['bridge', 'private', 'vepa'] as const;
/** Characters of an interface's name, its NUL not counted. */
const NAME_LENGTH = 15;
const LEAST_MTU = 68;
const MOST_MTU = 65_535;

/** Which options mean something to which kind. Others are refused, so that nobody relies on what is not done. */
const known: Readonly<Record<(typeof kinds)[number], readonly string[]>> = {
  bridge: Object.values(optionNames).filter((name) => name.startsWith('com.docker.')),
  macvlan: [optionNames.parent, optionNames.macvlanMode, optionNames.mtu, optionNames.prefix],
  ipvlan: [
    optionNames.parent,
    optionNames.ipvlanMode,
    optionNames.ipvlanFlag,
    optionNames.mtu,
    optionNames.prefix,
  ],
  cni: [optionNames.conflist, optionNames.prefix],
};

class Options {
  readonly #values: ReadonlyMap<string, string>;
  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = new Map(Object.entries(values).map(([name, value]) => [name, String(value)]));
  }

  get names(): string[] {
    return [...this.#values.keys()];
  }

  text(name: string): string {
    return this.#values.get(name) ?? '';
  }

  word<const W extends string>(name: string, words: readonly W[], otherwise: W): W {
    const value = this.text(name) || otherwise;
    const found = words.find((one) => one === value);
    if (found === undefined)
      throw badRequest(`${name}: ${JSON.stringify(value)} is none of ${words.join(', ')}`);
    return found;
  }

  /** As Go reads them. */
  flag(name: string, otherwise: boolean): boolean {
    const value = this.text(name);
    if (value === '') return otherwise;
    if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
    if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
    throw badRequest(`${name}: ${JSON.stringify(value)} is neither true nor false`);
  }

  mtu(): number {
    const value = this.text(optionNames.mtu);
    if (value === '' || value === '0') return 0;
    const bytes = Number(value);
    if (!/^\d+$/.test(value) || bytes < LEAST_MTU || bytes > MOST_MTU)
      throw badRequest(`${optionNames.mtu}: ${JSON.stringify(value)} is no number of bytes`);
    return bytes;
  }

  interfaceName(name: string): string {
    const value = this.text(name);
    if (value === '') return '';
    if (value.length > NAME_LENGTH || /[/\s:]/.test(value) || value === '.' || value === '..')
      throw badRequest(`${name}: ${JSON.stringify(value)} cannot be the name of an interface`);
    return value;
  }
}

/** What a network shall be, as its options tell. Throws DockerError `ERR_DOCKER_REQUEST`. */
export function settingsOf(
  id: string,
  given: Readonly<Record<string, unknown>>,
  internal: boolean,
): Settings {
  const options = new Options(given);
  const kind = options.word(optionNames.type, kinds, 'bridge');
  for (const name of options.names) {
    if (name !== optionNames.type && !known[kind].includes(name) && isOurs(name))
      throw badRequest(`${name}: networks of type ${kind} have no such option`);
  }
  const common = { internal, prefix: options.interfaceName(optionNames.prefix) || 'eth' };
  if (kind === 'cni') {
    const conflist = options.text(optionNames.conflist);
    if (conflist === '') throw badRequest('a network of type cni needs -o conflist=NAME');
    if (internal)
      throw badRequest('a network of type cni cannot be internal: its configuration says what it is');
    return { ...common, kind, conflist };
  }
  if (kind === 'bridge') return { ...common, ...bridgeSettings(id, options, internal) };
  const parent = options.interfaceName(optionNames.parent);
  return {
    ...common,
    // without a link below there is no way out
    internal: internal || parent === '',
    kind,
    parent,
    mode:
      kind === 'macvlan'
        ? options.word(optionNames.macvlanMode, macvlanModes, 'bridge')
        : options.word(optionNames.ipvlanMode, ipvlanModes, 'l2'),
    flag: kind === 'macvlan' ? '' : options.word(optionNames.ipvlanFlag, ipvlanFlags, 'bridge'),
    mtu: options.mtu(),
  };
}

/** Options that nobody knows are left for others, as labels are; a known one of another kind is a mistake. */
function isOurs(name: string): boolean {
  return (Object.values(optionNames) as string[]).includes(name);
}

function bridgeSettings(id: string, options: Options, internal: boolean): BridgeSettings {
  if (options.flag(optionNames.defaultBridge, false))
    throw badRequest(`${optionNames.defaultBridge}: Docker has only one, its own`);
  const mode = (name: string): GatewayMode => {
    const value = options.word(name, gatewayModes, 'nat');
    if (value === 'isolated' && !internal) throw badRequest(`${name}: isolated needs --internal`);
    return value;
  };
  return {
    kind: 'bridge',
    bridge: options.interfaceName(optionNames.bridge) || `br-${id.slice(0, 12)}`,
    mtu: options.mtu(),
    masquerade: options.flag(optionNames.masquerade, true),
    icc: options.flag(optionNames.icc, true),
    hostBinding: { ip: options.text(optionNames.hostBinding), ip6: options.text(optionNames.hostBinding6) },
    inhibitIpv4: options.flag(optionNames.inhibitIpv4, false),
    modes: { ip: mode(optionNames.mode4), ip6: mode(optionNames.mode6) },
    trusted: options
      .text(optionNames.trusted)
      .split(':')
      .filter((name) => name !== ''),
    sources: { ip: options.text(optionNames.source4), ip6: options.text(optionNames.source6) },
  };
}
