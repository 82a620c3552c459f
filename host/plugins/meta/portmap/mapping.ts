import type { GcRequest, Side } from '../../../cni/plugin.js';
import type { Cidr } from '../../common/address.js';

/** Whose ports these are. */
export interface Owner {
  readonly name: string;
  readonly containerId: string;
  readonly ifname: string;
}

export const protocols = ['tcp', 'udp', 'sctp'] as const;
export type Protocol = (typeof protocols)[number];

/** IPPROTO_* */
export const protocolNumbers: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

export type Family = 'ip' | 'ip6';
export const families: readonly Family[] = ['ip', 'ip6'];

/** Ports of the host, one after the other, that lead to as many ports of the container. */
export interface Mapping {
  readonly protocol: Protocol;
  readonly hostPort: number;
  readonly containerPort: number;
  /** How many ports. */
  readonly range: number;
  /** Only packets to this address of the host, canonical; undefined: to all. */
  readonly hostIP: string | undefined;
  /** Family of the address that was given, `0.0.0.0` and `::` included; undefined: both. */
  readonly family: Family | undefined;
}

export function lastHostPort({ hostPort, range }: Mapping): number {
  return hostPort + range - 1;
}

export function isOf({ family }: Mapping, wanted: Family): boolean {
  return family === undefined || family === wanted;
}

/** Ports to be published, and how. */
export interface Published {
  readonly owner: Owner;
  readonly mappings: readonly Mapping[];
  /** Addresses of the container, with the length of its network. */
  readonly targets: Readonly<Partial<Record<Family, Cidr>>>;
  /** Packets that the answers of which would not come back are masqueraded: from the host's loopback, from the network. */
  readonly snat: boolean;
  /** All packets are masqueraded. */
  readonly masqAll: boolean;
  /** Further matches, in the language of the backend. */
  readonly conditions: Readonly<Record<Family, readonly string[]>>;
  readonly markBit: number;
  readonly externalSetMarkChain: string | undefined;
}

/** Whose rules are to go. */
export interface Leaving {
  readonly owner: Owner;
  /** Addresses that are the interface's as far as is known. */
  readonly own: ReadonlySet<string>;
  /** Addresses of the container's other interfaces: rules to them stay, whoever made them. */
  others(): Promise<ReadonlySet<string>>;
}

/** A way to publish ports. */
export interface Backend {
  /** Publishes, in place of what an earlier ADD of the attachment did. */
  add(host: Side, published: Published, before: Leaving): Promise<void>;
  /** Idempotent. */
  remove(host: Side, leaving: Leaving): Promise<void>;
  /** Throws CniError 999 when something is missing. */
  check(host: Side, published: Published): Promise<void>;
  /** Removes what attachments of the network left that are not valid any more. */
  collect(gc: Pick<GcRequest<unknown>, 'host' | 'name' | 'validAttachments'>): Promise<void>;
  /** Can there be nothing of it on this host? Throws CniError 999 when that cannot be told at present. */
  isMissing(host: Side): Promise<boolean>;
  /** Why it cannot be used at present; undefined when it can. */
  trouble(host: Side): Promise<string | undefined>;
}
