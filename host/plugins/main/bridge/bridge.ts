import { setTimeout as sleep } from 'node:timers/promises';
import { CniError, errorCodes } from '../../../cni/errors.js';
import {
  type AttachmentRequest,
  definePlugin,
  type GcRequest,
  type Request as PluginRequest,
} from '../../../cni/plugin.js';
import type { Interface, Result } from '../../../cni/result.js';
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
import {
  collectSpoofChecks,
  requireSpoofCheck,
  setUpSpoofCheck,
  tearDownSpoofCheck,
} from '../../common/spoof-check.js';
import { everyStep, type Undo, undoing } from '../../common/undo.js';
import { createVethPair, hostEndAttributes, interfaceOf, removeHostEnd } from '../../common/veth.js';
import { deleteContainerEnd } from '../../common/veth-removal.js';
import {
  bridgeAttributes,
  ensureBridge,
  filtersVlans,
  keepsAddress,
  removeUnused,
  requireBridge,
  withBridge,
} from './bridge-link.js';
import { checkAttachment } from './check.js';
import { type BridgeConfig, type BridgeSettings, bridgeShape, checkConflicts, settingsOf } from './config.js';
import { addGatewayAddresses, defaultRoutes, withGateways } from './gateway.js';
import { hasVlans, setPortFlags, setPortVlans } from './port.js';
import { ensureVlanGateway } from './vlan-gateway.js';

type Request = AttachmentRequest<BridgeConfig>;

const CONTAINER_INDEX = 2;

const UP_TIMEOUT = 2500;

/** The bridge forwards nothing to a port until the kernel has seen that both ends are up. */
async function waitUntilUp({ host }: Request, port: Link): Promise<Link> {
  const end = performance.now() + UP_TIMEOUT;
  for (let pause = 1; ; pause = Math.min(pause * 2, 100)) {
    const link = await host.network.links.get(port.index, { only: hostEndAttributes });
    if (link.operstate === 'up') return link;
    if (performance.now() > end) {
      throw new CniError(errorCodes.internal, `bridge port in error state: ${link.operstate ?? 'unknown'}`);
    }
    await sleep(pause);
  }
}

/** What the container's end needs before it is up. */
function tuneContainerEnd({ sandbox, ifname }: Request, { enabledad }: BridgeSettings): void {
  sandbox.namespace.sysctl.impose({
    ...(enabledad ? { [`net/ipv6/conf/${ifname}/enhanced_dad`]: 1 } : {}),
    [`net/ipv6/conf/${ifname}/accept_dad`]: enabledad ? 1 : 0,
    [`net/ipv4/conf/${ifname}/arp_notify`]: 1,
  });
}

/** Containers must not tell the host its routes. */
function tuneHost({ host }: Request, { bridge, port }: { bridge: Link; port: Link }): void {
  host.namespace.sysctl.impose({
    [`net/ipv6/conf/${bridge.ifname}/accept_ra`]: 0,
    [`net/ipv6/conf/${port.ifname}/accept_ra`]: 0,
  });
}

/** Addresses, routes and gateway of an attachment whose IPAM gave it addresses. */
async function configureLayer3(
  request: Request,
  settings: BridgeSettings,
  { bridge, port }: { bridge: Link; port: Link },
  given: Result,
  undo: Undo,
): Promise<Result & { gateway?: Link }> {
  const { host, sandbox, ifname } = request;
  const ips = withGateways(given.ips ?? [], settings, CONTAINER_INDEX);
  const routes = [...(given.routes ?? []), ...defaultRoutes(ips, given.routes ?? [], settings)];
  tuneContainerEnd(request, settings);
  await configureInterface(sandbox, ifname, ips, routes, [], port.link);
  let gateway: Link | undefined;
  if (settings.isGateway) {
    if (settings.vlan !== 0)
      gateway = await withBridge(host, () => ensureVlanGateway(host, bridge, settings.vlan));
    await addGatewayAddresses(host, gateway ?? bridge, ips, settings);
    enableForwarding(host, ips);
  }
  if (settings.ipMasq) {
    undo.push(async () => tearDownMasquerade(host, request, await otherAddresses(sandbox, ifname)));
    await setUpMasquerade(host, request, ips.map(cidrOf), settings.ipMasqBackend);
  }
  return { ...given, ips, routes, ...(gateway === undefined ? {} : { gateway }) };
}

async function add(request: Request): Promise<Result> {
  const settings = settingsOf(request);
  const { host, sandbox, ipam, ifname } = request;
  checkConflicts(settings, ipam.configured);
  // a namespace that cannot be opened is found out before anything is made
  const path = sandbox.namespace.path ?? sandbox.path;
  return await undoing(request.log, async (undo) => {
    const mac = settings.mac ?? randomMac();
    const made = await withBridge(host, async () => {
      undo.push(() => removeUnused(host, settings.bridge));
      const bridge = await ensureBridge(host, settings);
      const port = await createVethPair(request, { mac, mtu: settings.mtu, master: bridge.index });
      undo.push(() => host.network.links.delete(port.index));
      return { bridge, port };
    });
    const { bridge, port } = made;
    if (hasVlans(settings) && !filtersVlans(bridge))
      request.log(`bridge "${bridge.ifname}" filters no VLANs: its ports are not kept apart`);
    tuneHost(request, made);
    await setPortFlags(host, port.ifname, settings);
    await setPortVlans(host, port.ifname, port.index, settings);
    if (settings.macspoofchk) {
      undo.push(() => tearDownSpoofCheck(host, request));
      await setUpSpoofCheck(host, request, port.ifname, mac);
    }
    let given: Result = {};
    let result: Result & { gateway?: Link } = given;
    if (ipam.configured) {
      // a DHCP client asks over the interface
      given = await ipam.add();
      undo.push(() => ipam.delete());
      if ((given.ips ?? []).length === 0)
        throw new CniError(errorCodes.internal, 'IPAM plugin returned missing IP config');
      result = await configureLayer3(request, settings, made, given, undo);
    } else if (!settings.disableContainerInterface) await sandbox.network.links.change(ifname, { up: true });
    const seen = settings.disableContainerInterface ? port : await waitUntilUp(request, port);
    const { gateway, ...rest } = result;
    const interfaces: Interface[] = [
      interfaceOf(
        keepsAddress(bridge)
          ? bridge
          : await host.network.links.get(bridge.index, { only: bridgeAttributes }),
      ),
      interfaceOf(seen),
      { name: ifname, mac, sandbox: path },
      ...(gateway === undefined ? [] : [interfaceOf(gateway)]),
    ];
    const dns = dnsOf(settings.dns, given.dns);
    const { dns: _given, ...plain } = rest;
    return { ...plain, interfaces, ...(dns === undefined ? {} : { dns }) };
  });
}

async function remove(request: Request): Promise<void> {
  const { host, sandbox, ipam, ifname, config } = request;
  await everyStep(
    async () => {
      if (sandbox.exists) await deleteContainerEnd(host, sandbox, ifname);
      else await removeHostEnd(host, request.prevResult, ifname);
    },
    async () => {
      if (ipam.configured) await ipam.delete();
    },
    async () => tearDownMasquerade(host, request, await otherAddresses(sandbox, ifname)),
    () => tearDownSpoofCheck(host, request),
    () => removeUnused(host, config.bridge),
  );
}

async function check(request: Request): Promise<void> {
  await checkAttachment(request, settingsOf(request));
}

async function gc(request: GcRequest<BridgeConfig>): Promise<void> {
  const { ipam, host, config } = request;
  await everyStep(
    async () => {
      if (ipam.configured) await ipam.gc();
    },
    () => collectMasquerade(request),
    () => collectSpoofChecks(request),
    () => removeUnused(host, config.bridge),
  );
}

async function status(request: PluginRequest<BridgeConfig>): Promise<void> {
  const settings = settingsOf(request);
  const { host, ipam } = request;
  checkConflicts(settings, ipam.configured);
  for (const kind of ['bridge', 'veth']) await requireKind(host, kind);
  await requireBridge(host, settings);
  if (settings.macspoofchk) await requireSpoofCheck(host);
  if (ipam.configured && settings.ipMasq) await requireMasquerade(host, settings.ipMasqBackend);
  if (ipam.configured) await ipam.status();
}

/** bridge: containers on a bridge of the host. */
export const bridge = definePlugin<BridgeConfig>({
  type: 'bridge',
  config: bridgeShape,
  configError: 'failed to load netconf',
  add,
  delete: remove,
  check,
  gc,
  status,
});
