import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../../cni/directory.js';
import type { Side } from '../../cni/plugin.js';
import type { Result } from '../../cni/result.js';
import { Namespace } from '../../namespace/namespace.js';
import { Network } from '../../network/network.js';
import { bundled } from '../../plugins/index.js';
import {
  type Attachment,
  loadNetworkList,
  type NetworkList,
  parseNetworkList,
  Runtime,
} from '../../runtime/index.js';
import { conflict, DockerError } from '../errors.js';
import { hold } from '../ports/listeners.js';
import type { JoinAnswer, NetworkKind } from './kind.js';
import { type CniPart, type EndpointRecord, linkNames, type NetworkRecord } from './record.js';

const IFNAME = 'eth0';
const protocolNames: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };

export interface CniPlaces {
  /** Where configurations are. */
  readonly confDir: string;
  /** Where plugins are that are not bundled. */
  readonly path: readonly string[];
  /** Where results are kept. */
  readonly cache: string;
  /** Where namespaces are bound. */
  readonly namespaces: string;
}

/**
 * Networks that a configuration of CNI describes. Docker makes the container's namespace only when everybody has joined,
 * and configures interfaces itself. So the plugins run in a namespace that stands for the container; their interface is
 * then handed to Docker, with the addresses and routes that they gave, and comes back for DEL.
 */
export class CniKind implements NetworkKind {
  readonly #host: Side;
  readonly #places: CniPlaces;
  readonly #runtime: Runtime;

  constructor(host: Side, places: CniPlaces, log: (line: string) => void) {
    this.#host = host;
    this.#places = places;
    this.#runtime = new Runtime({ bundled, path: places.path, cacheDirectory: places.cache, log });
  }

  #list({ settings, id }: NetworkRecord): NetworkList {
    if (settings.kind !== 'cni')
      throw new DockerError('ERR_DOCKER_STATE', `network ${id} has no configuration of CNI`);
    return loadNetworkList(this.#places.confDir, settings.conflist);
  }

  /** The configuration that an endpoint was added with, which may have changed since, or be gone. */
  #listOf(network: NetworkRecord, endpoint: EndpointRecord): NetworkList {
    const cached = this.#runtime.cache
      .list()
      .find(({ attachment }) => attachment.containerId === endpoint.id);
    return cached === undefined ? this.#list(network) : parseNetworkList(cached.config);
  }

  #namespacePath({ id }: EndpointRecord): string {
    return join(this.#places.namespaces, id.slice(0, 12));
  }

  async exists(): Promise<boolean> {
    return false;
  }

  async check(network: NetworkRecord): Promise<void> {
    this.#list(network);
    if (network.subnets.some(({ pool }) => !pool.endsWith('/0')))
      throw conflict("addresses come from CNI's configuration: use --ipam-driver null");
  }

  async ensure(): Promise<void> {
    // the plugins make what they need with every container
  }

  async label(): Promise<void> {
    // links are the plugins'
  }

  async remove(): Promise<void> {
    // and remove it with the last one
  }

  async addEndpoint(network: NetworkRecord, endpoint: EndpointRecord): Promise<EndpointRecord> {
    const { address, address6, mac } = endpoint;
    if (address !== '' || address6 !== '')
      throw conflict("addresses come from CNI's configuration: use --ipam-driver null");
    const list = this.#list(network);
    const path = this.#namespacePath(endpoint);
    makeDirectory(this.#places.namespaces, 0o755);
    Namespace.delete(path);
    rmSync(path, { force: true });
    using namespace = Namespace.create(path);
    const attachment = { ...this.#attachment(endpoint), capabilities: await capabilities(endpoint) };
    try {
      const { result } = await this.#runtime.addNetworkList(list, attachment, { undoOnFailure: true });
      return {
        ...endpoint,
        address: addressOf(result, false),
        address6: addressOf(result, true),
        mac: mac === '' ? (interfaceMac(result) ?? '') : mac,
        cni: partOf(result),
      };
    } catch (error) {
      namespace.close();
      Namespace.delete(path);
      throw error;
    }
  }

  #attachment(endpoint: EndpointRecord): Attachment {
    return { containerId: endpoint.id, netns: this.#namespacePath(endpoint), ifname: IFNAME };
  }

  async join({ settings: { prefix } }: NetworkRecord, endpoint: EndpointRecord): Promise<JoinAnswer> {
    const { container } = linkNames(endpoint);
    const { links } = this.#host.network;
    if ((await links.find(container)) === undefined) {
      using namespace = Namespace.open({ path: this.#namespacePath(endpoint) });
      await using inside = await Network.open({ namespace });
      await inside.links.change(IFNAME, { up: false });
      await inside.links.change(IFNAME, { ifname: container, namespace: this.#host.namespace });
    }
    const { gateway = '', gateway6 = '', routes = [] } = endpoint.cni ?? {};
    return {
      InterfaceName: { SrcName: container, DstPrefix: prefix },
      ...(gateway === '' ? {} : { Gateway: gateway }),
      ...(gateway6 === '' ? {} : { GatewayIPv6: gateway6 }),
      StaticRoutes: routes.map(({ dst, gw }) =>
        gw === undefined
          ? { Destination: dst, RouteType: 1 as const }
          : { Destination: dst, RouteType: 0 as const, NextHop: gw },
      ),
      DisableGatewayService: true,
    };
  }

  async removeEndpoint(network: NetworkRecord, endpoint: EndpointRecord): Promise<void> {
    const path = this.#namespacePath(endpoint);
    const { container } = linkNames(endpoint);
    const { links } = this.#host.network;
    const link = await links.find(container);
    const namespace = openOrCreate(path, this.#places.namespaces);
    try {
      if (link !== undefined) await links.change(link.index, { up: false, ifname: IFNAME, namespace });
      await this.#runtime.delNetworkList(this.#listOf(network, endpoint), this.#attachment(endpoint));
    } finally {
      namespace.close();
    }
    Namespace.delete(path);
  }
}

function openOrCreate(path: string, directory: string): Namespace {
  try {
    return Namespace.open({ path });
  } catch {
    makeDirectory(directory, 0o755);
    // a file that nothing is bound to, after a restart of the machine
    rmSync(path, { force: true });
    return Namespace.create(path);
  }
}

/** What Docker wants of the endpoint that plugins may know how to do. */
async function capabilities({ bindings, mac }: EndpointRecord): Promise<Record<string, unknown>> {
  const portMappings: object[] = [];
  for (const { Proto, Port, HostIP, HostPort } of bindings) {
    const hostIp = HostIP === '' ? '0.0.0.0' : HostIP;
    let hostPort = HostPort;
    if (hostPort === 0) {
      const target = { address: hostIp, port: Port };
      const free = await hold({ protocol: Proto === 17 ? 17 : 6, hostIp, hostPort, target });
      hostPort = free?.port ?? 0;
      free?.close();
    }
    const protocol = protocolNames[Proto] ?? 'tcp';
    portMappings.push({
      hostPort,
      containerPort: Port,
      protocol,
      ...(HostIP === '' ? {} : { hostIP: HostIP }),
    });
  }
  return { ...(portMappings.length === 0 ? {} : { portMappings }), ...(mac === '' ? {} : { mac }) };
}

function addressOf({ ips = [] }: Result, six: boolean): string {
  return ips.find(({ address }) => address.includes(':') === six)?.address ?? '';
}

function interfaceMac({ interfaces = [] }: Result): string | undefined {
  return interfaces.find(({ name, sandbox }) => sandbox !== undefined && name === IFNAME)?.mac;
}

const isDefault = (dst: string): boolean => dst.endsWith('/0');

function partOf(result: Result): CniPart {
  const { ips = [], routes = [] } = result;
  const gateway = (six: boolean): string => {
    const route = routes.find(({ dst }) => isDefault(dst) && dst.includes(':') === six);
    if (route === undefined) return '';
    return route.gw ?? ips.find(({ address }) => address.includes(':') === six)?.gateway ?? '';
  };
  const [four, six] = [gateway(false), gateway(true)];
  return {
    ifname: IFNAME,
    gateway: four,
    gateway6: six,
    routes: routes
      .filter(({ dst }) => !(isDefault(dst) && (dst.includes(':') ? six : four) !== ''))
      .map(({ dst, gw }) => {
        const hop = gw ?? ips.find(({ address }) => address.includes(':') === dst.includes(':'))?.gateway;
        return hop === undefined ? { dst } : { dst, gw: hop };
      }),
  };
}
