import type { EndpointRecord, NetworkRecord } from './record.js';

/** What Docker does in a container when it has joined: `JoinResponse` of libnetwork's remote drivers. */
export interface JoinAnswer {
  readonly InterfaceName: { readonly SrcName: string; readonly DstPrefix: string };
  readonly Gateway?: string;
  readonly GatewayIPv6?: string;
  readonly StaticRoutes?: readonly StaticRoute[];
  /** Without it, Docker gives a container that has no gateway another network: docker_gwbridge. */
  readonly DisableGatewayService?: boolean;
}

export interface StaticRoute {
  readonly Destination: string;
  /** 0: over NextHop, 1: directly. */
  readonly RouteType: 0 | 1;
  readonly NextHop?: string;
}

/** A kind of network. All of it is idempotent. */
export interface NetworkKind {
  /** Is what it stands on there already, and not ours? */
  exists(network: NetworkRecord, others: readonly NetworkRecord[]): Promise<boolean>;
  /** Refuses what cannot be. Throws DockerError. */
  check(network: NetworkRecord, others: readonly NetworkRecord[]): Promise<void>;
  /** Makes what is missing. */
  ensure(network: NetworkRecord): Promise<void>;
  /** Docker's name of it is known: its link is known by it too, where it is ours. */
  label(network: NetworkRecord): Promise<void>;
  /** `others` are the networks that stay. */
  remove(network: NetworkRecord, others: readonly NetworkRecord[]): Promise<void>;
  /** Completes what Docker says of a new endpoint: its addresses where Docker has none. */
  addEndpoint(network: NetworkRecord, endpoint: EndpointRecord): Promise<EndpointRecord>;
  /** Makes the container's interface, which Docker moves. */
  join(network: NetworkRecord, endpoint: EndpointRecord): Promise<JoinAnswer>;
  /** Removes the interface: after Leave Docker has put it back, unless it is gone with its namespace. */
  removeEndpoint(network: NetworkRecord, endpoint: EndpointRecord): Promise<void>;
}

/** The gateways of a network's containers: the first of each family. None where the network is internal. */
export function gatewaysOf({
  settings,
  subnets,
}: NetworkRecord): Pick<JoinAnswer, 'Gateway' | 'GatewayIPv6'> {
  if (settings.internal) return {};
  const find = (six: boolean): string | undefined =>
    subnets.find(({ gateway }) => gateway?.includes(':') === six)?.gateway?.split('/')[0];
  const [four, six] = [find(false), find(true)];
  return {
    ...(four === undefined ? {} : { Gateway: four }),
    ...(six === undefined ? {} : { GatewayIPv6: six }),
  };
}
