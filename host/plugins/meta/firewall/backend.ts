import type { GcRequest, Side } from '../../../cni/plugin.js';

/** Whose rules these are. */
export interface Owner {
  readonly name: string;
  readonly containerId: string;
  readonly ifname: string;
}

/** Containers of a bridge may be shut off from those of other bridges (`same-bridge`), or from all (`isolated`). */
export type IngressPolicy = 'open' | 'same-bridge' | 'isolated';

export interface Ingress {
  readonly policy: Exclude<IngressPolicy, 'open'>;
  readonly bridge: string;
}

/** What the config asks for. */
export interface Wanted {
  readonly owner: Owner;
  /** Addresses without prefix length, canonical. */
  readonly addresses: readonly string[];
  readonly ingress: Ingress | undefined;
  /** Chain with an administrator's own rules, which come first (iptables). */
  readonly adminChain: string;
  /** Zone of firewalld. */
  readonly zone: string;
}

/** A way to let packets of containers through the host's firewall. */
export interface Backend {
  add(host: Side, wanted: Wanted): Promise<void>;
  /** Idempotent. */
  remove(host: Side, wanted: Wanted): Promise<void>;
  /** Throws CniError 999 when something is missing. */
  check(host: Side, wanted: Wanted): Promise<void>;
  /** STATUS. Throws CniError 50 unless it would work now. */
  require(host: Side): Promise<void>;
  /** Removes what attachments left that are not valid any more, as far as the backend can tell whose things are. */
  collect?(gc: GcRequest<unknown>): Promise<void>;
}

export function isIpv6(address: string): boolean {
  return address.includes(':');
}
