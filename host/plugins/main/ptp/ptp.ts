import { type AttachmentRequest, definePlugin, type GcRequest } from '../../../cni/plugin.js';
import type { Result } from '../../../cni/result.js';
import type { Link } from '../../../network/links.js';
import { dnsOf } from '../../common/dns.js';
import { cidrOf, configureInterface, enableForwarding } from '../../common/interface.js';
import { requireKind } from '../../common/kind.js';
import {
  collectMasquerade,
  otherAddresses,
  requireMasquerade,
  setUpMasquerade,
  tearDownMasquerade,
} from '../../common/masquerade.js';
import { randomMac } from '../../common/names.js';
import { everyStep, type Undo, undoing } from '../../common/undo.js';
import { createVethPair, interfaceOf, removeHostEnd } from '../../common/veth.js';
import { deleteContainerEnd } from '../../common/veth-removal.js';
import { checkAttachment } from './check.js';
import { checkConfig, type PtpConfig, ptpShape, type Routed, routedAddresses } from './config.js';
import { configureHostEnd, gatewayRoutes, routeNetworks } from './routes.js';

type Request = AttachmentRequest<PtpConfig>;

const CONTAINER_INDEX = 1;

/** Addresses and routes of both ends, and masquerading. */
async function configureLayer3(
  request: Request,
  end: Link,
  ips: readonly Routed[],
  { routes = [] }: Result,
  undo: Undo,
): Promise<void> {
  const { host, sandbox, ifname, config } = request;
  await configureHostEnd(host, end, ips);
  await configureInterface(sandbox, ifname, ips, routes, gatewayRoutes(ips, ifname));
  await routeNetworks(sandbox, ifname, ips);
  if (config.ipMasq) {
    undo.push(async () => tearDownMasquerade(host, request, await otherAddresses(sandbox, ifname)));
    await setUpMasquerade(host, request, ips.map(cidrOf), config.ipMasqBackend);
  }
}

async function add(request: Request): Promise<Result> {
  const { host, sandbox, ipam, ifname, config } = request;
  checkConfig(config, ipam.configured);
  // a namespace that cannot be opened is found out before anything is made
  const path = sandbox.namespace.path ?? sandbox.path;
  return await undoing(request.log, async (undo) => {
    let given: Result = {};
    let ips: readonly Routed[] = [];
    if (ipam.configured) {
      given = await ipam.add();
      undo.push(() => ipam.delete());
      ips = routedAddresses(given.ips ?? [], CONTAINER_INDEX);
      enableForwarding(host, ips);
    }
    const mac = randomMac();
    const end = await createVethPair(request, { mac, mtu: config.mtu });
    undo.push(() => host.network.links.delete(end.index));
    host.namespace.sysctl.ensure(`net/ipv6/conf/${end.ifname}/accept_ra`, 0);
    if (ipam.configured) await configureLayer3(request, end, ips, given, undo);
    else await sandbox.network.links.change(ifname, { up: true });
    const dns = dnsOf(config.dns, given.dns);
    return {
      interfaces: [interfaceOf(end), { name: ifname, mac, sandbox: path }],
      ...(ipam.configured ? { ips: [...ips], routes: given.routes ?? [] } : {}),
      ...(dns === undefined ? {} : { dns }),
    };
  });
}

async function remove(request: Request): Promise<void> {
  const { host, sandbox, ipam, ifname } = request;
  await everyStep(
    async () => {
      if (sandbox.exists) await deleteContainerEnd(host, sandbox, ifname);
      else await removeHostEnd(host, request.prevResult, ifname);
    },
    async () => {
      if (ipam.configured) await ipam.delete();
    },
    async () => tearDownMasquerade(host, request, await otherAddresses(sandbox, ifname)),
  );
}

async function gc(request: GcRequest<PtpConfig>): Promise<void> {
  const { ipam } = request;
  await everyStep(
    async () => {
      if (ipam.configured) await ipam.gc();
    },
    () => collectMasquerade(request),
  );
}

/** ptp: each container on a veth pair of its own, routed by the host. */
export const ptp = definePlugin<PtpConfig>({
  type: 'ptp',
  config: ptpShape,
  configError: 'failed to load netconf',
  add,
  delete: remove,
  check: checkAttachment,
  gc,
  async status({ ipam, host, config }) {
    checkConfig(config, ipam.configured);
    await requireKind(host, 'veth');
    if (config.ipMasq) await requireMasquerade(host, config.ipMasqBackend);
    if (ipam.configured) await ipam.status();
  },
});
