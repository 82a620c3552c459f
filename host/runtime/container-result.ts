import type { Dns, Interface, Result, Route } from '../cni/result.js';
import { RuntimeError } from './errors.js';
import type { NetworkList } from './network-list.js';
import type { Timing } from './plugin-call.js';

/** What a network did for a container. */
export interface NetworkOutcome {
  /** The network's name. */
  readonly name: string;
  /** The container's interface. */
  readonly ifname: string;
  /** What its last plugin said, in the shape of 1.1.0. */
  readonly result: Result;
  /** The same as it was printed, in the network's version. */
  readonly output: Readonly<Record<string, unknown>>;
  readonly timings: readonly Timing[];
}

/** An interface, of the container or beside it on the host. */
export interface ContainerInterface extends Omit<Interface, 'name'> {
  /** Networks whose results name it. */
  readonly networks: readonly string[];
  /** With prefix lengths. */
  readonly addresses: readonly { readonly address: string; readonly gateway?: string | undefined }[];
}

/** What all networks of a container did. */
export interface ContainerOutcome {
  /** By name; the container's own are those with `sandbox`. */
  readonly interfaces: Readonly<Record<string, ContainerInterface>>;
  readonly routes: readonly Route[];
  /** What the networks say, without repetitions and in their order; of domains the first. */
  readonly dns: Dns;
  /** In the order of the configs; the loopback is the first. */
  readonly networks: readonly NetworkOutcome[];
}

/** An attachment's network, and the interface that it makes. */
export interface AttachedNetwork {
  readonly list: NetworkList;
  readonly ifname: string;
}

interface Gathered extends Omit<Interface, 'name'> {
  networks: string[];
  addresses: { address: string; gateway?: string | undefined }[];
}

/** Throws RuntimeError `ERR_INVALID_RESULT` for an address of an interface that isn't there. */
function gather(all: Map<string, Gathered>, { name, ifname, result }: NetworkOutcome): void {
  const { interfaces = [], ips = [] } = result;
  const at = (key: string, facts: Omit<Interface, 'name'> = {}): Gathered => {
    const before = all.get(key);
    const one = { ...before, ...facts, networks: before?.networks ?? [], addresses: before?.addresses ?? [] };
    if (!one.networks.includes(name)) one.networks.push(name);
    all.set(key, one);
    return one;
  };
  for (const { name: key, ...facts } of interfaces) at(key, facts);
  for (const { address, gateway, interface: index } of ips) {
    if (index !== undefined && interfaces[index] === undefined) {
      const text = `network ${name}: ${address} is of interface ${index}, and there are ${interfaces.length}`;
      throw new RuntimeError('ERR_INVALID_RESULT', text);
    }
    const key = index === undefined ? ifname : (interfaces[index]?.name ?? ifname);
    at(key).addresses.push(gateway === undefined ? { address } : { address, gateway });
  }
  at(ifname);
}

const unique = (values: readonly (readonly string[] | undefined)[]): string[] => [
  ...new Set(values.flatMap((some) => some ?? [])),
];

/** DNS settings of several networks as one. */
export function mergeDns(all: readonly (Dns | undefined)[]): Dns {
  const nameservers = unique(all.map((dns) => dns?.nameservers));
  const domain = all.map((dns) => dns?.domain).find((one) => one !== undefined && one !== '');
  const search = unique(all.map((dns) => dns?.search));
  const options = unique(all.map((dns) => dns?.options));
  return {
    ...(nameservers.length === 0 ? {} : { nameservers }),
    ...(domain === undefined ? {} : { domain }),
    ...(search.length === 0 ? {} : { search }),
    ...(options.length === 0 ? {} : { options }),
  };
}

/** Results of several networks as one. Throws RuntimeError `ERR_INVALID_RESULT`. */
export function merge(networks: readonly NetworkOutcome[]): ContainerOutcome {
  const interfaces = new Map<string, Gathered>();
  for (const network of networks) gather(interfaces, network);
  return {
    interfaces: Object.fromEntries(interfaces),
    routes: networks.flatMap(({ result }) => result.routes ?? []),
    dns: mergeDns(networks.map(({ result }) => result.dns)),
    networks,
  };
}
