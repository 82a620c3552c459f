import { CniError, errorCodes } from '../../../cni/errors.js';
import { type AttachmentRequest, definePlugin } from '../../../cni/plugin.js';
import type { Result } from '../../../cni/result.js';
import type { Link } from '../../../network/links.js';
import { checkRoutes, wrong } from '../../common/check.js';
import { withHostLock } from '../../common/host-lock.js';
import { failed } from '../../common/interface.js';
import { requireKind } from '../../common/kind.js';
import { freeTables, policyOf, tableOfVrf } from '../../common/tables.js';
import { type Undo, undoing } from '../../common/undo.js';
import { belongingsOf, restore } from './belongings.js';
import { checkName, type VrfConfig, vrfShape } from './config.js';

type Request = AttachmentRequest<VrfConfig>;

/** The first that the plugin may choose. */
const FIRST_TABLE = 1;

function requirePrevResult({ prevResult }: Request, number: number): Result {
  if (prevResult === undefined) throw new CniError(number, 'missing prevResult from earlier plugin');
  return prevResult;
}

/** The VRF of a config, if it is there. Throws CniError 999 when it is not as the config has it. */
async function findVrf({ sandbox, config: { vrfname, table } }: Request): Promise<Link | undefined> {
  const link = await sandbox.network.links.find(vrfname);
  if (link === undefined) return undefined;
  if (link.kind !== 'vrf') throw wrong(`Netlink ${vrfname} is not a VRF`);
  if (table !== 0 && table !== tableOfVrf(link)) {
    throw wrong(`VRF ${vrfname} already exist with different routing table ${tableOfVrf(link)}`);
  }
  return link;
}

async function createVrf({ config, sandbox: { network } }: Request, undo: Undo): Promise<Link> {
  const { vrfname, table: wanted } = config;
  const table = wanted === 0 ? freeTables(await policyOf(network), FIRST_TABLE).next().value : wanted;
  let made: Link;
  try {
    made = await network.links.createAndGet({ ifname: vrfname, kind: 'vrf', up: true, data: { table } });
  } catch (error) {
    throw failed(`could not add VRF ${vrfname}`, error);
  }
  undo.push(() => network.links.delete(made.index));
  return made;
}

async function enslave(request: Request, undo: Undo): Promise<void> {
  const { sandbox, ifname } = request;
  const { links } = sandbox.network;
  const known = await findVrf(request);
  const link = await links.find(ifname);
  if (link === undefined) throw wrong(`could not get link by name ${ifname}: Link not found`);
  if (link.master !== undefined) {
    const master = await links.find(link.master);
    throw wrong(`interface ${ifname} has already a master set: ${master?.ifname ?? link.master}`);
  }
  const vrf = known ?? (await createVrf(request, undo));
  if (!vrf.up) await links.change(vrf.index, { up: true });
  const belongings = await belongingsOf(sandbox, link);
  undo.push(async () => {
    await links.change(link.index, { master: null });
    await restore(sandbox, link, belongings);
  });
  try {
    await links.change(link.index, { master: vrf.index });
  } catch (error) {
    throw failed(`could not set vrf ${vrf.ifname} as master of ${ifname}`, error);
  }
  await restore(sandbox, link, belongings, tableOfVrf(vrf));
}

async function add(request: Request): Promise<Result> {
  const { config, sandbox, log } = request;
  checkName(config);
  const result = requirePrevResult(request, errorCodes.invalidNetworkConfig);
  try {
    // other interfaces of the container may go into the same VRF
    await withHostLock(sandbox.namespace, () => undoing(log, (undo) => enslave(request, undo)));
  } catch (error) {
    throw failed('cmdAdd failed', error);
  }
  return result;
}

/** The VRF to leave: the one of the config, or when it names none the one that the interface is in. */
async function vrfToLeave({ sandbox, config }: Request, link: Link | undefined): Promise<Link | undefined> {
  const { links } = sandbox.network;
  const device = config.vrfname === '' ? link?.master : config.vrfname;
  const found = device === undefined ? undefined : await links.find(device);
  return found?.kind === 'vrf' ? found : undefined;
}

async function leave(request: Request): Promise<void> {
  const { sandbox, ifname } = request;
  const { links } = sandbox.network;
  const link = await links.find(ifname);
  const vrf = await vrfToLeave(request, link);
  if (vrf === undefined) return;
  if (link?.master === vrf.index) await links.change(link.index, { master: null });
  if ((await links.list({ master: vrf.index })).length === 0) await links.delete(vrf.index);
}

async function remove(request: Request): Promise<void> {
  const { sandbox } = request;
  if (sandbox.exists) await withHostLock(sandbox.namespace, () => leave(request));
}

async function check(request: Request): Promise<void> {
  const { config, sandbox, ifname } = request;
  const { vrfname } = config;
  checkName(config);
  const { routes = [] } = requirePrevResult(request, errorCodes.internal);
  const vrf = await findVrf(request);
  if (vrf === undefined) throw wrong(`could not get link by name ${vrfname}: Link not found`);
  const link = await sandbox.network.links.find(ifname);
  if (link === undefined || link.master !== vrf.index) {
    throw wrong(`failed to find ${ifname} associated to vrf ${vrfname}`);
  }
  if (!vrf.up) throw wrong(`VRF ${vrfname} is down`);
  await checkRoutes(sandbox.network, routes);
}

/** vrf: an interface's routes in a table of their own, which only what is bound to the VRF uses. */
export const vrf = definePlugin<VrfConfig>({
  type: 'vrf',
  versions: ['0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  config: vrfShape,
  configError: 'failed to load netconf',
  add,
  delete: remove,
  check,
  async status({ config, host }) {
    checkName(config);
    await requireKind(host, 'vrf');
  },
});
