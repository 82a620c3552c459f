import type { Problem } from '../errors.js';
import type { Owner } from '../owner.js';

/** A network interface in the picture. */
export interface GraphInterface {
  /** `<inode of its namespace>:<index>` */
  readonly id: string;
  readonly index: number;
  readonly name: string;
  /** `veth`, `bridge`, …; `physical` for a device, `loopback`. */
  readonly kind: string;
  /** What is particular to it: `id 42 to 10.1.0.2`. */
  readonly detail?: string;
  /** Networks of engines that it is there for: `docker:backend`. */
  readonly networks?: readonly string[];
  readonly up: boolean;
  /** IF_OPER_*: `up`, `down`, `unknown`, … */
  readonly state: string;
  readonly mac?: string;
  readonly mtu: number;
  /** As CIDR; without those that every interface has (fe80::/64). */
  readonly addresses: readonly string[];
  /** Where the other end could not be found: what its namespace is called here. */
  readonly elsewhere?: string;
}

/** A namespace in the picture. */
export interface GraphNamespace {
  readonly id: string;
  readonly name: string;
  readonly names: readonly string[];
  readonly owner: Owner;
  readonly processes: number;
  /** By index. */
  readonly interfaces: readonly GraphInterface[];
  /** Why it could not be read. */
  readonly problem?: string;
}

/**
 * Two interfaces that belong together. `veth`: ends of a pair, the lower id first; `port`: from a port to its bridge,
 * bond or vrf; `lower`: from a macvlan, vlan, … to what it is made on.
 */
export interface GraphEdge {
  readonly kind: 'veth' | 'port' | 'lower';
  readonly from: string;
  readonly to: string;
}

/** A port of a namespace that leads to another's. */
export interface PublishedPort {
  /** The namespace whose rules say so. */
  readonly at: string;
  readonly protocol: string;
  /** Undefined: any of its addresses. */
  readonly hostAddress?: string;
  readonly hostPort: number;
  readonly lastHostPort: number;
  readonly address: string;
  /** Undefined: the same. */
  readonly port?: number;
  /** The interface that has the address, when it is known. */
  readonly to?: string;
}

/** What is connected to what. */
export interface Graph {
  readonly namespaces: readonly GraphNamespace[];
  readonly edges: readonly GraphEdge[];
  readonly published: readonly PublishedPort[];
  readonly problems: readonly Problem[];
}

/** What it is, in a few words: `bridge of docker:backend`. */
export function kindText({ kind, detail, networks = [] }: GraphInterface): string {
  const of = networks.length === 0 ? '' : ` of ${networks.join(', ')}`;
  return `${kind}${detail === undefined ? '' : ` ${detail}`}${of}`;
}

/** `127.0.0.1:8080/tcp`, or a span of ports. */
export function hostPortText({ hostAddress, hostPort, lastHostPort, protocol }: PublishedPort): string {
  const address =
    hostAddress === undefined ? '*' : hostAddress.includes(':') ? `[${hostAddress}]` : hostAddress;
  const span = lastHostPort === hostPort ? hostPort : `${hostPort}-${lastHostPort}`;
  return `${address}:${span}/${protocol}`;
}

/** The container's side: `80`, or the address and the port. */
export function containerPortText({ port, hostPort, lastHostPort }: PublishedPort): string {
  const first = port ?? hostPort;
  const last = first + (lastHostPort - hostPort);
  return last === first ? String(first) : `${first}-${last}`;
}
