import type { AttachmentRequest } from '../../../cni/plugin.js';
import type { Link } from '../../../network/links.js';
import { checkAddresses, checkRoutes, requirePrevResult, wrong } from '../../common/check.js';
import { cidrOf } from '../../common/interface.js';
import { isMasqueraded } from '../../common/masquerade.js';
import type { PtpConfig } from './config.js';
import { unroutedAddresses } from './routes.js';

type Request = AttachmentRequest<PtpConfig>;

/** CHECK: are the pair, addresses, routes of both sides and masquerading as ADD left them? Throws CniError. */
export async function checkAttachment(request: Request): Promise<void> {
  const { ipam, ifname, sandbox, host, config } = request;
  if (ipam.configured) await ipam.check();
  const { interfaces = [], ips = [], routes = [] } = requirePrevResult(request.prevResult, 'ptp: ');
  const index = interfaces.findIndex(({ name, sandbox: path }) => name === ifname && path);
  const entry = interfaces[index];
  if (entry === undefined) throw wrong(`ptp: Container Interface name in prevResult: ${ifname} not found`);
  if (entry.sandbox !== sandbox.path) {
    throw wrong(
      `Sandbox in prevResult ${entry.sandbox ?? ''} doesn't match configured netns: ${sandbox.path}`,
    );
  }
  const link = await sandbox.network.links.find(ifname);
  if (link === undefined) throw wrong(`ptp: Interface ${ifname} not found`);
  if (link.kind !== 'veth') throw wrong(`Error: Container interface ${ifname} not of type veth/p2p`);
  if (entry.mac && entry.mac.toLowerCase() !== link.address) {
    throw wrong(`ptp: Interface ${ifname} Mac ${entry.mac} doesn't match container Mac: ${link.address}`);
  }
  const end = await hostEnd(
    request,
    link,
    new Set(interfaces.filter((one) => !one.sandbox).map((one) => one.name)),
  );
  const own = ips.filter((ip) => ip.interface === index || ip.interface === undefined);
  await checkAddresses(sandbox.network, ifname, own);
  await checkRoutes(sandbox.network, routes);
  const [unrouted] = await unroutedAddresses(host, end, own);
  if (unrouted !== undefined) throw wrong(`ptp: no route to ${unrouted} over ${end.ifname} on the host`);
  if (config.ipMasq && own.length > 0 && !(await isMasqueraded(host, request, own.map(cidrOf)))) {
    throw wrong(`ptp: no rules to masquerade packets of ${ifname}`);
  }
}

async function hostEnd({ host }: Request, { index, link }: Link, names: ReadonlySet<string>): Promise<Link> {
  const found = (await host.network.links.list({ kind: 'veth' })).find(
    (other) => names.has(other.ifname) && other.index === link && other.link === index,
  );
  if (found === undefined) throw wrong(`ptp: host's end of the pair not found: ${[...names].join(', ')}`);
  if (!found.up) throw wrong(`ptp: Interface ${found.ifname} is down`);
  return found;
}
