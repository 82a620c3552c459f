import type { Side } from '../../cni/plugin.js';
import { NetlinkError } from '../../netlink/errors.js';
import type { Link } from '../../network/links.js';
import { randomMac } from '../../plugins/common/names.js';
import { conflict, DockerError } from '../errors.js';
import { gatewaysOf, type JoinAnswer, type NetworkKind, type StaticRoute } from './kind.js';
import { addLabel, removeLabel } from './label.js';
import { type EndpointRecord, linkNames, type NetworkRecord } from './record.js';
import type { ChildSettings } from './settings.js';

type ChildRecord = NetworkRecord & { readonly settings: ChildSettings };

const isChild = (network: NetworkRecord): network is ChildRecord =>
  network.settings.kind === 'macvlan' || network.settings.kind === 'ipvlan';

function childOf(network: NetworkRecord): ChildRecord {
  if (!isChild(network)) throw new DockerError('ERR_DOCKER_STATE', `network ${network.id} has no parent`);
  return network;
}

/** The link below: the one of the option, or a dummy of the network's own, under the name that Docker gives it. */
function parentOf({ id, settings: { parent, kind } }: ChildRecord): string {
  return parent === '' ? `${kind === 'macvlan' ? 'dm' : 'di'}-${id.slice(0, 12)}` : parent;
}

/** `eth0.10`: VLAN 10 of eth0. */
function vlanOf(parent: string): { readonly below: string; readonly id: number } | undefined {
  const [, below, id] = /^(.+)\.(\d{1,4})$/.exec(parent) ?? [];
  if (below === undefined || Number(id) < 1 || Number(id) > 4094) return undefined;
  return { below, id: Number(id) };
}

/** macvlan and ipvlan: containers on a link of the host, or on a VLAN of it that is made where it is missing. */
export class ChildKind implements NetworkKind {
  readonly #host: Side;
  constructor(host: Side) {
    this.#host = host;
  }

  async exists(network: NetworkRecord, others: readonly NetworkRecord[]): Promise<boolean> {
    const parent = parentOf(childOf(network));
    const shared = others.filter(isChild).some((other) => parentOf(other) === parent && !other.adopted);
    // a VLAN that another network of ours has made goes with the last of them
    return !shared && (await this.#host.network.links.find(parent)) !== undefined;
  }

  async check(network: NetworkRecord, others: readonly NetworkRecord[]): Promise<void> {
    const { settings } = childOf(network);
    const parent = parentOf(childOf(network));
    for (const other of others.filter(isChild).filter((one) => parentOf(one) === parent)) {
      const name = other.name ?? other.id;
      if (settings.kind !== other.settings.kind)
        throw conflict(`${parent} is the parent of the ${other.settings.kind} network ${name}`);
      if (settings.kind === 'ipvlan') throw conflict(`${parent} is the parent of the ipvlan network ${name}`);
      if (settings.mode === 'passthru' || other.settings.mode === 'passthru')
        throw conflict(`${parent} is the parent of ${name}, and passthru is for one network alone`);
    }
    if (settings.parent === '' || (await this.#host.network.links.find(parent)) !== undefined) return;
    const vlan = vlanOf(parent);
    if (vlan === undefined || (await this.#host.network.links.find(vlan.below)) === undefined)
      throw conflict(`there is no link ${JSON.stringify(vlan?.below ?? parent)} to be the parent`);
  }

  async ensure(network: NetworkRecord): Promise<void> {
    await this.#ensureParent(childOf(network));
    await this.label(network);
  }

  async label(network: NetworkRecord): Promise<void> {
    const record = childOf(network);
    if (network.name !== undefined && !record.adopted)
      await addLabel(this.#host, parentOf(record), network.name);
  }

  async #ensureParent(network: ChildRecord): Promise<Link> {
    const { links } = this.#host.network;
    const parent = parentOf(network);
    const link = await links.find(parent);
    if (link !== undefined) return link;
    const vlan = vlanOf(parent);
    try {
      if (network.settings.parent === '') await links.create({ ifname: parent, kind: 'dummy', up: true });
      else if (vlan === undefined)
        throw conflict(`there is no link ${JSON.stringify(parent)} to be the parent`);
      else {
        await links.create({
          ifname: parent,
          kind: 'vlan',
          up: true,
          link: vlan.below,
          data: { id: vlan.id },
        });
      }
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') throw error;
    }
    return await links.get(parent);
  }

  async remove(network: NetworkRecord, others: readonly NetworkRecord[]): Promise<void> {
    const record = childOf(network);
    const parent = parentOf(record);
    if (record.adopted) return;
    if (others.filter(isChild).some((other) => parentOf(other) === parent)) {
      if (record.name !== undefined) await removeLabel(this.#host, parent, record.name);
      return;
    }
    const link = await this.#host.network.links.find(parent);
    if (link?.kind === 'vlan' || link?.kind === 'dummy') await this.#host.network.links.delete(link.index);
  }

  async addEndpoint(network: NetworkRecord, endpoint: EndpointRecord): Promise<EndpointRecord> {
    const { kind } = childOf(network).settings;
    if (kind === 'macvlan') return endpoint.mac === '' ? { ...endpoint, mac: randomMac() } : endpoint;
    if (endpoint.mac !== '')
      throw conflict('containers of an ipvlan network have the hardware address of their parent');
    return endpoint;
  }

  async join(network: NetworkRecord, endpoint: EndpointRecord): Promise<JoinAnswer> {
    const record = childOf(network);
    const { kind, mode, flag, mtu, prefix, internal } = record.settings;
    const parent = await this.#ensureParent(record);
    const { container } = linkNames(endpoint);
    const { links } = this.#host.network;
    const create = () =>
      links.create({
        ifname: container,
        kind,
        link: parent.index,
        ...(mtu > 0 ? { mtu } : {}),
        ...(endpoint.mac === '' ? {} : { address: endpoint.mac }),
        data:
          kind === 'macvlan'
            ? { mode: mode as 'bridge' }
            : { mode: mode as 'l2', ...(flag === 'bridge' ? {} : { flags: [flag as 'private'] }) },
      });
    try {
      await create();
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') throw error;
      await links.delete(container);
      await create();
    }
    const routed = kind === 'ipvlan' && mode !== 'l2';
    return {
      InterfaceName: { SrcName: container, DstPrefix: prefix },
      ...(routed && !internal ? { StaticRoutes: connectedRoutes(endpoint) } : {}),
      ...(routed ? {} : gatewaysOf(network)),
      DisableGatewayService: true,
    };
  }

  async removeEndpoint(_network: NetworkRecord, endpoint: EndpointRecord): Promise<void> {
    await this.#host.network.links.delete(linkNames(endpoint).container);
  }
}

/** Where the kernel routes below the container's interface, everything is next to it. */
function connectedRoutes({ address, address6 }: EndpointRecord): StaticRoute[] {
  return [
    ...(address === '' ? [] : [{ Destination: '0.0.0.0/0', RouteType: 1 as const }]),
    ...(address6 === '' ? [] : [{ Destination: '::/0', RouteType: 1 as const }]),
  ];
}
