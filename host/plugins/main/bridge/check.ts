import type { AttachmentRequest } from '../../../cni/plugin.js';
import type { Interface } from '../../../cni/result.js';
import type { Link } from '../../../network/links.js';
import { checkAddresses, checkRoutes, requirePrevResult, wrong } from '../../common/check.js';
import { cidrOf } from '../../common/interface.js';
import { isMasqueraded } from '../../common/masquerade.js';
import type { BridgeConfig, BridgeSettings } from './config.js';
import { gatewayAddresses } from './gateway.js';
import { checkPortFlags, checkPortVlans } from './port.js';
import { checkVlanGateway } from './vlan-gateway.js';

type Request = AttachmentRequest<BridgeConfig>;

function checkMac({ mac }: Interface, link: Link, what: string): void {
  if (mac !== undefined && mac !== '' && mac.toLowerCase() !== link.address) {
    throw wrong(`${what} ${link.ifname} Mac doesn't match: ${mac} not found`);
  }
}

async function checkBridge(
  request: Request,
  settings: BridgeSettings,
  entry: Interface | undefined,
): Promise<Link> {
  const { bridge: name, promiscMode } = settings;
  if (entry === undefined) throw wrong(`CNI created bridge ${name} was not found`);
  if (entry.sandbox) throw wrong(`Interface ${name} should not be in sandbox`);
  const link = await request.host.network.links.find(name);
  if (link === undefined) throw wrong(`Interface ${name} not found`);
  if (link.kind !== 'bridge') throw wrong(`Interface ${name} does not have link type of bridge`);
  checkMac(entry, link, 'Bridge interface');
  // others may have it promiscuous too (tcpdump), but when the config wants it, it must be
  if (promiscMode && !link.flags.includes('promisc') && (link.promiscuity ?? 0) === 0) {
    throw wrong(
      `Bridge interface ${name} configured Promisc Mode ${promiscMode} doesn't match current state: false`,
    );
  }
  return link;
}

async function checkContainer(request: Request, entry: Interface | undefined): Promise<Link> {
  const { ifname, sandbox } = request;
  if (entry === undefined) throw wrong(`CNI created interface in container ${ifname} not found`);
  if (entry.sandbox !== sandbox.path) {
    throw wrong(
      `Sandbox in prevResult ${entry.sandbox ?? ''} doesn't match configured netns: ${sandbox.path}`,
    );
  }
  const link = await sandbox.network.links.find(ifname);
  if (link === undefined) throw wrong(`Interface ${ifname} not found`);
  if (link.kind !== 'veth') throw wrong(`Error: Container interface ${ifname} not of type veth`);
  if (entry.mac && entry.mac.toLowerCase() !== link.address) {
    throw wrong(`Interface ${ifname} Mac ${entry.mac} doesn't match container Mac: ${link.address}`);
  }
  return link;
}

/** CHECK: are bridge, veth pair, addresses and routes as ADD left them? Throws CniError. */
export async function checkAttachment(request: Request, settings: BridgeSettings): Promise<void> {
  const { ifname, sandbox, host, ipam } = request;
  if (ipam.configured) await ipam.check();
  const result = requirePrevResult(request.prevResult);
  const interfaces = result.interfaces ?? [];
  const bridge = await checkBridge(
    request,
    settings,
    interfaces.find((one) => one.name === settings.bridge),
  );
  const container = await checkContainer(
    request,
    interfaces.find((one) => one.name === ifname && one.sandbox),
  );
  const hostLinks = await host.network.links.list({ kind: 'veth' });
  const named = interfaces.filter((one) => !one.sandbox && one.name !== settings.bridge);
  const end = hostLinks.find(
    (link) =>
      named.some(({ name }) => name === link.ifname) &&
      link.index === container.link &&
      link.link === container.index,
  );
  if (end === undefined) throw wrong(`CNI veth created for bridge ${settings.bridge} was not found`);
  if (end.master !== bridge.index)
    throw wrong(`Interface ${end.ifname} is no port of bridge ${settings.bridge}`);
  checkMac(named.find(({ name }) => name === end.ifname) as Interface, end, 'Interface');
  checkPortFlags(end, settings);
  await checkPortVlans(host, end, bridge, settings);
  const index = interfaces.findIndex((one) => one.name === ifname && one.sandbox);
  const ips = (result.ips ?? []).filter((ip) => ip.interface === index || ip.interface === undefined);
  await checkAddresses(sandbox.network, ifname, ips);
  await checkRoutes(sandbox.network, result.routes ?? []);
  if (settings.ipMasq && ips.length > 0 && !(await isMasqueraded(host, request, ips.map(cidrOf)))) {
    throw wrong(`no rules to masquerade packets of ${ifname}`);
  }
  if (settings.isGateway && settings.vlan !== 0 && ipam.configured) {
    const gateway = await checkVlanGateway(host, bridge, settings.vlan);
    const present = await host.network.addresses.list({ device: gateway.index });
    for (const address of gatewayAddresses(ips)) {
      if (!present.some((one) => one.address === address))
        throw wrong(`Failed to match addr ${address} on interface ${gateway.ifname}`);
    }
  }
}
