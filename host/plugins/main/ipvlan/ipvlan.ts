import { CniError, errorCodes } from '../../../cni/errors.js';
import { type AttachmentRequest, definePlugin, type Request as PluginRequest } from '../../../cni/plugin.js';
import type { Result } from '../../../cni/result.js';
import type { Link } from '../../../network/links.js';
import { requirePrevResult, wrong } from '../../common/check.js';
import {
  checkChildLink,
  collectLeases,
  configureChildLink,
  createChildLink,
  removeChildLink,
} from '../../common/child-link.js';
import { requireKind } from '../../common/kind.js';
import { checkMtu, findCheckedMaster, findMaster, knownMaster, masterPlace } from '../../common/master.js';
import { type Undo, undoing } from '../../common/undo.js';
import { interfaceOf } from '../../common/veth.js';
import { type IpvlanConfig, ipvlanShape, modeOf } from './config.js';

type Request = AttachmentRequest<IpvlanConfig>;

async function create(request: Request): Promise<Link> {
  const { config } = request;
  const mode = modeOf(config);
  const { side, name } = masterPlace(request);
  const master = await findCheckedMaster(side, name, config.mtu);
  return await createChildLink(request, side, {
    kind: 'ipvlan',
    link: master.index,
    ...(config.mtu > 0 ? { mtu: config.mtu } : {}),
    data: { mode },
  });
}

/** Addresses and routes: those of the plugin before, or else IPAM's. */
async function addressing({ ipam, prevResult }: Request, undo: Undo): Promise<Result> {
  if (!ipam.configured && (prevResult?.ips ?? []).length > 0) return prevResult as Result;
  // a DHCP client asks over the interface
  const given = await ipam.add();
  undo.push(() => ipam.delete());
  if ((given.ips ?? []).length === 0) {
    throw new CniError(errorCodes.internal, 'IPAM plugin returned missing IP config');
  }
  return given;
}

async function add(request: Request): Promise<Result> {
  const { sandbox, config } = request;
  // a namespace that cannot be opened is found out before anything is made
  const path = sandbox.namespace.path ?? sandbox.path;
  return await undoing(request.log, async (undo) => {
    const link = await create(request);
    undo.push(() => sandbox.network.links.delete(link.index));
    const given = await addressing(request, undo);
    const ips = (given.ips ?? []).map((ip) => ({ ...ip, interface: 0 }));
    await configureChildLink(request, ips, given);
    return {
      interfaces: [interfaceOf(link, path)],
      ips,
      routes: given.routes ?? [],
      ...(config.dns === undefined ? {} : { dns: config.dns as NonNullable<Result['dns']> }),
    };
  });
}

async function check(request: Request): Promise<void> {
  const { config, ipam } = request;
  const mode = modeOf(config);
  if (ipam.configured) await ipam.check();
  const result = requirePrevResult(request.prevResult);
  const { side, master } = await knownMaster(request);
  await checkChildLink(request, side, result, {
    kind: 'ipvlan',
    master,
    mtu: config.mtu,
    lowerCase: false,
    data: ({ data }) => {
      const actual = (data as { mode?: string }).mode;
      if (actual !== mode)
        throw wrong(`Container IPVlan mode ${actual} does not match expected value: ${mode}`);
    },
  });
}

async function status({ config, host, ipam }: PluginRequest<IpvlanConfig>): Promise<void> {
  modeOf(config);
  await requireKind(host, 'ipvlan');
  // without a name, the master may be what a plugin before makes; what is in containers is not known before there is one
  if (config.master !== '' && !config.linkInContainer) {
    checkMtu(config.mtu, await findMaster(host, config.master, errorCodes.pluginNotAvailable));
  }
  if (ipam.configured) await ipam.status();
}

/** ipvlan: containers that share the hardware address of a link of the host. */
export const ipvlan = definePlugin<IpvlanConfig>({
  type: 'ipvlan',
  config: ipvlanShape,
  configError: 'failed to load netconf',
  add,
  delete: removeChildLink,
  check,
  gc: collectLeases,
  status,
});
