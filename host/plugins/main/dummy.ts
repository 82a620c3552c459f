import { object, optional, type Read, record } from '../../cni/config.js';
import { CniError, errorCodes } from '../../cni/errors.js';
import { type AttachmentRequest, definePlugin, type Request as PluginRequest } from '../../cni/plugin.js';
import type { Result } from '../../cni/result.js';
import { requirePrevResult } from '../common/check.js';
import { checkInterface } from '../common/check-interface.js';
import { collectLeases, createChildLink, removeChildLink } from '../common/child-link.js';
import { configureInterface } from '../common/interface.js';
import { requireKind } from '../common/kind.js';
import { undoing } from '../common/undo.js';
import { interfaceOf } from '../common/veth.js';

const dummyShape = object({ ipam: optional(record) });

type DummyConfig = Read<typeof dummyShape>;
type Request = AttachmentRequest<DummyConfig>;

/** An interface that leads nowhere is good for its addresses only. Throws CniError 7. */
function requireIpam({ ipam }: PluginRequest<DummyConfig>): void {
  if (ipam.configured) return;
  throw new CniError(errorCodes.invalidNetworkConfig, 'dummy interface requires an IPAM configuration');
}

async function add(request: Request): Promise<Result> {
  requireIpam(request);
  const { sandbox, ipam, ifname } = request;
  // a namespace that cannot be opened is found out before anything is made
  const path = sandbox.namespace.path ?? sandbox.path;
  return await undoing(request.log, async (undo) => {
    const link = await createChildLink(request, sandbox, { kind: 'dummy' });
    undo.push(() => sandbox.network.links.delete(link.index));
    const given = await ipam.add();
    undo.push(() => ipam.delete());
    const ips = (given.ips ?? []).map((ip) => ({ ...ip, interface: 0 }));
    if (ips.length === 0) throw new CniError(errorCodes.internal, 'IPAM plugin returned missing IP config');
    await configureInterface(sandbox, ifname, ips, given.routes ?? []);
    return { ...given, interfaces: [interfaceOf(link, path)], ips };
  });
}

async function check(request: Request): Promise<void> {
  requireIpam(request);
  await request.ipam.check();
  const result = requirePrevResult(request.prevResult, 'dummy: ');
  await checkInterface(request, result, { kind: 'dummy', lowerCase: false });
}

/** dummy: an interface that leads nowhere, for addresses that are the container's whatever its other links do. */
export const dummy = definePlugin<DummyConfig>({
  type: 'dummy',
  config: dummyShape,
  configError: 'failed to load netconf',
  add,
  delete: removeChildLink,
  check,
  gc: collectLeases,
  async status(request) {
    requireIpam(request);
    await requireKind(request.host, 'dummy');
    await request.ipam.status();
  },
});
