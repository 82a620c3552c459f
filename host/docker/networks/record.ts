import type { Binding } from '../ports/binding.js';
import type { Settings, Subnet } from './settings.js';

/** A network of Docker's that is ours. */
export interface NetworkRecord {
  readonly id: string;
  /** Docker's name of it, where it is known. */
  readonly name?: string;
  readonly settings: Settings;
  readonly subnets: readonly Subnet[];
  /** The link was there before the network, and stays behind it. */
  readonly adopted: boolean;
  /** When it was made, ms since 1970. */
  readonly time: number;
}

/** A container's end of a network. */
export interface EndpointRecord {
  readonly id: string;
  readonly network: string;
  /** `172.18.0.2/16`; empty where there is none. */
  readonly address: string;
  readonly address6: string;
  readonly mac: string;
  /** Path of the sandbox's namespace, once it has joined. */
  readonly sandbox?: string;
  /** Ports that are to be published when it is told to. */
  readonly bindings: readonly Binding[];
  /** Docker's list of exposed ports, as it is. */
  readonly exposed: readonly unknown[];
  /** Ports that are published. */
  readonly published: readonly Binding[];
  /** Of `cni` networks: what the plugins have said. */
  readonly cni?: CniPart;
  readonly time: number;
}

/** What is needed to take an attachment of CNI's back. */
export interface CniPart {
  /** Name that the plugins know the interface by. */
  readonly ifname: string;
  readonly gateway: string;
  readonly gateway6: string;
  readonly routes: readonly { readonly dst: string; readonly gw?: string }[];
}

/** Names of an endpoint's links in the host's namespace: the host's end, and the container's until Docker moves it. */
export function linkNames({ id }: Pick<EndpointRecord, 'id'>): { host: string; container: string } {
  const part = id.slice(0, 11);
  return { host: `nlh${part}`, container: `nlc${part}` };
}
