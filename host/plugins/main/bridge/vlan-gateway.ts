import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Side } from '../../../cni/plugin.js';
import type { Link } from '../../../network/links.js';
import { wrong } from '../../common/check.js';
import { randomMac, vethName } from '../../common/names.js';
import { isRandomVethName } from '../../common/veth.js';
import { vlanGatewayName } from './config.js';
import { isInVlan, setPortVlan, vlansOfPorts } from './port.js';

/** The host's interface in a VLAN of a bridge, one end of a veth pair whose other end is a port in that VLAN. */
export interface VlanGateway {
  readonly vlan: number;
  readonly port: Link;
}

/** The gateway that a port serves, if it serves one. They are known by their names, also those of the reference. */
async function gatewayOf({ network }: Side, bridge: string, port: Link): Promise<VlanGateway | undefined> {
  const { kind, link: peer, linkNetnsid, ifname } = port;
  if (kind !== 'veth' || peer === undefined || linkNetnsid !== undefined || !isRandomVethName(ifname))
    return undefined;
  const end = await network.links.find(peer);
  const prefix = `${bridge}.`;
  if (end?.link !== port.index || end.linkNetnsid !== undefined || !end.ifname.startsWith(prefix))
    return undefined;
  const vlan = end.ifname.slice(prefix.length);
  return /^[1-9]\d*$/.test(vlan) ? { vlan: Number(vlan), port } : undefined;
}

/** The gateways of VLANs among the ports of a bridge. */
export async function vlanGatewaysOf(
  host: Side,
  bridge: string,
  ports: readonly Link[],
): Promise<VlanGateway[]> {
  const all = await Promise.all(ports.map((port) => gatewayOf(host, bridge, port)));
  return all.filter((one) => one !== undefined);
}

/** Deletes gateways of VLANs in which no other port of the bridge is. */
export async function removeUnusedVlanGateways(
  host: Side,
  gateways: readonly VlanGateway[],
  ports: readonly Link[],
): Promise<void> {
  if (gateways.length === 0) return;
  const vlans = await vlansOfPorts(host);
  const users = ports.filter(({ index }) => !gateways.some(({ port }) => port.index === index));
  const used = new Set(users.flatMap(({ index }) => vlans.get(index)?.map(({ vid }) => vid) ?? []));
  for (const { vlan, port } of gateways) if (!used.has(vlan)) await host.network.links.delete(port.index);
}

async function create(host: Side, bridge: Link, name: string, port: string): Promise<void> {
  const size = bridge.mtu === undefined ? {} : { mtu: bridge.mtu };
  await host.network.links.create({
    ifname: port,
    kind: 'veth',
    up: true,
    master: bridge.index,
    ...size,
    peer: { ifname: name, address: randomMac(), ...size },
  });
}

/**
 * The gateway's interface: the one of that name, or a new one. One that an ADD which was cut short has left is put in
 * order. No other ADD or DEL may run meanwhile. Throws CniError 999.
 */
export async function ensureVlanGateway(host: Side, bridge: Link, vlan: number): Promise<Link> {
  const { links } = host.network;
  const name = vlanGatewayName(bridge.ifname, vlan);
  const port = vethName();
  let made = false;
  try {
    let end = await links.find(name);
    if (end === undefined) {
      await create(host, bridge, name, port);
      made = true;
      end = await links.get(name);
    }
    const own = end.link === undefined ? undefined : await links.find(end.link);
    const gateway = own?.master === bridge.index ? await gatewayOf(host, bridge.ifname, own) : undefined;
    if (gateway !== undefined && !(await isInVlan(host, gateway.port.index, vlan)))
      await setPortVlan(host, gateway.port.index, vlan);
    if (end.up) return end;
    host.namespace.sysctl.ensure(`net/ipv6/conf/${name}/accept_ra`, 0);
    await links.change(end.index, { up: true });
    return await links.get(end.index);
  } catch (error) {
    if (made) await links.delete(port);
    const reason = error instanceof Error ? error.message : String(error);
    throw new CniError(errorCodes.internal, `failed to create vlan gateway ${name}: ${reason}`, '', {
      cause: error,
    });
  }
}

/** Is the gateway's interface there, up, in its VLAN? Throws CniError 999. */
export async function checkVlanGateway(host: Side, bridge: Link, vlan: number): Promise<Link> {
  const { links } = host.network;
  const name = vlanGatewayName(bridge.ifname, vlan);
  const end = await links.find(name);
  if (end === undefined) throw wrong(`Interface ${name} not found`);
  if (!end.up) throw wrong(`Interface ${name} is down`);
  const port = end.kind === 'veth' && end.link !== undefined ? await links.find(end.link) : undefined;
  // an interface of another kind is the host's own, and so is what is behind it
  if (port === undefined) return end;
  if (port.master !== bridge.index)
    throw wrong(`Interface ${name} leads to no port of bridge ${bridge.ifname}`);
  if (!(await isInVlan(host, port.index, vlan))) throw wrong(`Interface ${name} is not in VLAN ${vlan}`);
  return end;
}
