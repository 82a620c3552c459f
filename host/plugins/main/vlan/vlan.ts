import { CniError, errorCodes } from '../../../cni/errors.js';
import {
  type AttachmentRequest,
  definePlugin,
  type Request as PluginRequest,
  type Side,
} from '../../../cni/plugin.js';
import type { IpConfig, Result } from '../../../cni/result.js';
import type { Link } from '../../../network/links.js';
import { requirePrevResult } from '../../common/check.js';
import { checkChildLink, collectLeases, createChildLink, removeChildLink } from '../../common/child-link.js';
import { configureInterface } from '../../common/interface.js';
import { requireKind } from '../../common/kind.js';
import { checkMtu, findCheckedMaster, findMaster, knownMaster, masterPlace } from '../../common/master.js';
import { type Undo, undoing } from '../../common/undo.js';
import { interfaceOf } from '../../common/veth.js';
import { checkVlanId, masterMissing, type VlanConfig, vlanShape } from './config.js';

type Request = AttachmentRequest<VlanConfig>;

function requiredMaster(request: Request): { readonly side: Side; readonly name: string } {
  if (request.config.master === '' && request.prevResult === undefined) throw masterMissing();
  return masterPlace(request);
}

async function create(request: Request): Promise<Link> {
  const { vlanId, mtu } = request.config;
  checkVlanId(request.config);
  const { side, name } = requiredMaster(request);
  const master = await findCheckedMaster(side, name, mtu);
  return await createChildLink(request, side, {
    kind: 'vlan',
    link: master.index,
    ...(mtu > 0 ? { mtu } : {}),
    data: { id: vlanId },
  });
}

/** What the interface is given, and what the plugins before said that stays as it is. */
interface Addressing {
  readonly ips: readonly IpConfig[];
  readonly routes: NonNullable<Result['routes']>;
  readonly others: readonly IpConfig[];
  readonly otherRoutes: NonNullable<Result['routes']>;
}

/** Addresses and routes: IPAM's, or those of the plugins before that are on no interface of the container yet. */
async function addressing({ ipam, prevResult = {} }: Request, undo: Undo): Promise<Addressing> {
  const { interfaces = [], ips = [], routes = [] } = prevResult;
  if (ipam.configured) {
    // a DHCP client asks over the interface
    const given = await ipam.add();
    undo.push(() => ipam.delete());
    if ((given.ips ?? []).length === 0) {
      throw new CniError(errorCodes.internal, 'IPAM plugin returned missing IP config');
    }
    return { ips: given.ips ?? [], routes: given.routes ?? [], others: ips, otherRoutes: routes };
  }
  const isPlaced = ({ interface: index = -1 }: IpConfig): boolean => Boolean(interfaces[index]?.sandbox);
  const [others, loose] = [ips.filter(isPlaced), ips.filter((ip) => !isPlaced(ip))];
  if (loose.length === 0) return { ips: [], routes: [], others, otherRoutes: routes };
  return { ips: loose, routes, others, otherRoutes: [] };
}

async function add(request: Request): Promise<Result> {
  const { sandbox, config, prevResult = {}, ifname } = request;
  // a namespace that cannot be opened is found out before anything is made
  const path = sandbox.namespace.path ?? sandbox.path;
  return await undoing(request.log, async (undo) => {
    const link = await create(request);
    undo.push(() => sandbox.network.links.delete(link.index));
    const given = await addressing(request, undo);
    const before = prevResult.interfaces ?? [];
    const ips = given.ips.map((ip) => ({ ...ip, interface: before.length }));
    await configureInterface(sandbox, ifname, ips, given.routes);
    const all = [...given.others, ...ips];
    const routes = [...given.otherRoutes, ...given.routes];
    const dns = (config.dns as Result['dns']) ?? prevResult.dns;
    return {
      interfaces: [...before, interfaceOf(link, path)],
      ...(all.length === 0 ? {} : { ips: all, routes }),
      ...(dns === undefined ? {} : { dns }),
    };
  });
}

async function check(request: Request): Promise<void> {
  const { config, ipam, ifname } = request;
  checkVlanId(config);
  if (ipam.configured) await ipam.check();
  const result = requirePrevResult(request.prevResult, 'vlan: ');
  const { side, master } = await knownMaster(request);
  await checkChildLink(request, side, result, {
    kind: 'vlan',
    master,
    mtu: config.mtu,
    lowerCase: false,
    data: ({ data }, complain) => {
      const { id, protocol } = data as { id?: number; protocol?: string };
      if (id !== config.vlanId)
        throw complain(`Container interface ${ifname} has VLAN ID ${id}, expected ${config.vlanId}`);
      if (protocol !== '8021q')
        throw complain(`Container interface ${ifname} has VLAN protocol ${protocol}, expected 8021q`);
    },
  });
}

async function status({ config, host, ipam }: PluginRequest<VlanConfig>): Promise<void> {
  checkVlanId(config);
  await requireKind(host, 'vlan');
  const { master: name, mtu, linkInContainer } = config;
  // without a name, the master is what a plugin before makes; what is in containers is not known before there is one
  if (name !== '' && !linkInContainer) {
    const { pluginNotAvailable } = errorCodes;
    const master = await findMaster(host, name, pluginNotAvailable);
    checkMtu(mtu, master);
    if (!master.up) throw new CniError(pluginNotAvailable, `master "${name}" is down`);
  }
  if (ipam.configured) await ipam.status();
}

/** vlan: a container in a VLAN (IEEE 802.1Q) of a link. */
export const vlan = definePlugin<VlanConfig>({
  type: 'vlan',
  config: vlanShape,
  configError: 'failed to load netconf',
  add,
  delete: removeChildLink,
  check,
  gc: collectLeases,
  status,
});
