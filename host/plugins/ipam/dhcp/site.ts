import { join } from 'node:path';
import { Namespace } from '../../../namespace/namespace.js';
import { Network } from '../../../network/network.js';
import { DhcpError } from './errors.js';
import { DhcpSocket, ethernetAddress } from './socket.js';

/** Where a lease is held: an interface in a namespace that is the one it was. */
export interface Place {
  /** As the runtime gave it. */
  readonly netns: string;
  readonly ifname: string;
  readonly namespace?: { readonly dev: number; readonly ino: number };
  readonly ifindex?: number;
}

/** An interface in its namespace, open for work. */
export class Site {
  readonly namespace: Namespace;
  readonly network: Network;
  readonly ifindex: number;
  readonly socket: DhcpSocket;

  private constructor(namespace: Namespace, network: Network, socket: DhcpSocket) {
    this.namespace = namespace;
    this.network = network;
    this.socket = socket;
    this.ifindex = socket.link.index;
  }

  /**
   * Opens an interface, and sets it up if `up` says so. `prefix` goes before the namespace's path. Throws NamespaceError,
   * NetlinkError, DhcpError `ERR_DHCP_LINK` where namespace or interface are not those they were.
   */
  static async open(
    { netns, ifname, namespace: id, ifindex }: Place,
    prefix: string,
    { up = false } = {},
  ): Promise<Site> {
    const path = prefix === '' ? netns : join(prefix, netns);
    const namespace = Namespace.open({ path });
    let network: Network | undefined;
    try {
      const { dev, ino } = namespace.id;
      if (id !== undefined && (dev !== id.dev || ino !== id.ino)) {
        throw new DhcpError('ERR_DHCP_LINK', `${path} is another network namespace now`);
      }
      network = await Network.open({ namespace });
      const link = await network.links.find(ifindex ?? ifname);
      if (link === undefined)
        throw new DhcpError('ERR_DHCP_LINK', `error looking up "${ifname}": Link not found`);
      const mac = ethernetAddress(ifname, link.address);
      if (!link.up && up) await network.links.change(link.index, { up: true });
      const broadcast = link.kind === 'ipvlan';
      return new Site(namespace, network, DhcpSocket.open(namespace, { index: link.index, mac, broadcast }));
    } catch (error) {
      network?.close();
      namespace.close();
      throw error;
    }
  }

  close(): void {
    this.socket.close();
    this.network.close();
    this.namespace.close();
  }
}

/** Is what a lease was for gone, so that nobody will ever need it again? */
export function isGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return ['ERR_NAMESPACE_NOT_FOUND', 'ERR_NOT_A_NAMESPACE', 'ERR_DHCP_LINK'].includes(code);
}
