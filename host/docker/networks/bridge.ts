import { createHash } from 'node:crypto';
import { contains, parseCidr } from '../../cni/address.js';
import type { Side } from '../../cni/plugin.js';
import { NetlinkError } from '../../netlink/errors.js';
import { enableForwarding } from '../../plugins/common/interface.js';
import { macOf, randomMac } from '../../plugins/common/names.js';
import { conflict, DockerError } from '../errors.js';
import type { Firewall } from '../firewall/firewall.js';
import { isForwardBarred, isForwardClosed, passForward } from '../firewall/foreign.js';
import { type BridgeRecord, isBridge } from '../firewall/rules.js';
import { gatewaysOf, type JoinAnswer, type NetworkKind } from './kind.js';
import { addLabel } from './label.js';
import { type EndpointRecord, linkNames, type NetworkRecord } from './record.js';

/** Bridges of the host with a gateway, as Docker's own. */
export class BridgeKind implements NetworkKind {
  readonly #host: Side;
  readonly #firewall: Firewall;
  readonly #bridges: () => readonly string[];

  /** `bridges` are those of all networks. */
  constructor(host: Side, firewall: Firewall, bridges: () => readonly string[]) {
    this.#host = host;
    this.#firewall = firewall;
    this.#bridges = bridges;
  }

  #settings(network: NetworkRecord): BridgeRecord {
    if (!isBridge(network)) throw new DockerError('ERR_DOCKER_STATE', `network ${network.id} is no bridge`);
    return network;
  }

  async exists(network: NetworkRecord): Promise<boolean> {
    return (await this.#host.network.links.find(this.#settings(network).settings.bridge)) !== undefined;
  }

  async check(network: NetworkRecord, others: readonly NetworkRecord[]): Promise<void> {
    const { bridge, internal } = this.#settings(network).settings;
    for (const other of others.filter(isBridge)) {
      if (other.settings.bridge === bridge)
        throw conflict(`bridge ${bridge} is that of the network ${other.name ?? other.id}`);
      const pair = network.subnets.find(({ pool }) => other.subnets.some((own) => overlap(pool, own.pool)));
      if (pair !== undefined)
        throw conflict(`networks have overlapping addresses: ${pair.pool} and ${other.name ?? other.id}`);
    }
    const link = await this.#host.network.links.find(bridge);
    if (link !== undefined && link.kind !== 'bridge')
      throw conflict(`"${bridge}" is there already, and no bridge`);
    const six = network.subnets.some(({ pool }) => pool.includes(':'));
    if (!internal && (await isForwardBarred(this.#host, six ? ['ip', 'ip6'] : ['ip'])))
      throw conflict(
        "iptables' FORWARD drops packets of the network, and there is no iptables to let them through: install it, or make the network internal",
      );
  }

  async ensure(network: NetworkRecord): Promise<void> {
    const record = this.#settings(network);
    const { bridge, mtu, inhibitIpv4 } = record.settings;
    const { network: net, namespace } = this.#host;
    let link = await net.links.find(bridge);
    if (link === undefined) {
      // an address of its own stays, whatever ports come and go, and after a restart of the machine
      const address = macOf(createHash('sha256').update(record.id).digest());
      await net.links.create({ ifname: bridge, kind: 'bridge', address, ...(mtu > 0 ? { mtu } : {}) });
      link = await net.links.get(bridge);
    }
    // containers must not tell the host its routes
    namespace.sysctl.ensure(`net/ipv6/conf/${bridge}/accept_ra`, 0);
    const six = record.subnets.some(({ pool }) => pool.includes(':'));
    if (six) namespace.sysctl.ensure(`net/ipv6/conf/${bridge}/disable_ipv6`, 0);
    const gateways = record.subnets
      .map(({ gateway }) => gateway)
      .filter((gateway) => gateway !== undefined)
      .filter((gateway) => gateway.includes(':') || !inhibitIpv4);
    if (six) gateways.push('fe80::1/64');
    const { index } = link;
    const { failures } = await net.batch((batch) => {
      for (const address of gateways) {
        const flags = address.includes(':') ? { flags: ['nodad'] as const } : {};
        batch.addresses.add({ device: index, address, ...flags });
      }
      batch.links.change(index, { up: true, ...(mtu > 0 ? { mtu } : {}) });
    });
    const failure = failures.find(({ code }) => code !== 'EEXIST');
    if (failure !== undefined) throw failure.error;
    if (!record.settings.internal)
      enableForwarding(
        this.#host,
        record.subnets.map(({ pool }) => ({ address: pool })),
      );
    await this.#firewall.setNetwork(record);
    await passForward(this.#host, this.#bridges());
    await this.label(network);
  }

  async label(network: NetworkRecord): Promise<void> {
    const { name, adopted, settings } = this.#settings(network);
    if (name !== undefined && !adopted) await addLabel(this.#host, settings.bridge, name);
  }

  async remove(network: NetworkRecord): Promise<void> {
    const record = this.#settings(network);
    const { bridge } = record.settings;
    if (!record.adopted) {
      const link = await this.#host.network.links.find(bridge);
      if (link?.kind === 'bridge') await this.#host.network.links.delete(link.index);
    }
    await this.#firewall.removeNetwork(record);
    await passForward(
      this.#host,
      this.#bridges().filter((name) => name !== bridge),
    );
  }

  async addEndpoint(_network: NetworkRecord, endpoint: EndpointRecord): Promise<EndpointRecord> {
    return endpoint.mac === '' ? { ...endpoint, mac: randomMac() } : endpoint;
  }

  async join(network: NetworkRecord, endpoint: EndpointRecord): Promise<JoinAnswer> {
    const { bridge, mtu, icc, internal, prefix } = this.#settings(network).settings;
    const names = linkNames(endpoint);
    const { links } = this.#host.network;
    const size = mtu > 0 ? { mtu } : {};
    const create = () =>
      links.create({
        ifname: names.host,
        kind: 'veth',
        up: true,
        master: bridge,
        ...size,
        peer: { ifname: names.container, address: endpoint.mac, ...size },
      });
    try {
      await create();
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') throw error;
      // asked for once more: nobody has heard of the pair that is there
      await this.#deleteLinks(endpoint);
      await create();
    }
    // ports that are isolated reach the bridge, and not each other
    if (!icc) await links.changePort(names.host, { isolated: 1 });
    if (!internal && (await isForwardClosed(this.#host))) await passForward(this.#host, this.#bridges());
    return {
      InterfaceName: { SrcName: names.container, DstPrefix: prefix },
      ...gatewaysOf(network),
      ...(internal ? { DisableGatewayService: true } : {}),
    };
  }

  async removeEndpoint(_network: NetworkRecord, endpoint: EndpointRecord): Promise<void> {
    await this.#deleteLinks(endpoint);
  }

  async #deleteLinks(endpoint: EndpointRecord): Promise<void> {
    const { links } = this.#host.network;
    const names = linkNames(endpoint);
    if (!(await links.delete(names.host))) await links.delete(names.container);
  }
}

function overlap(a: string, b: string): boolean {
  const [one, other] = [parseCidr(a), parseCidr(b)];
  if (one === undefined || other === undefined) return false;
  return contains(one, other.address) || contains(other, one.address);
}
