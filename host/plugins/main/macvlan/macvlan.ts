import { CniError, errorCodes } from '../../../cni/errors.js';
import {
  type AttachmentRequest,
  definePlugin,
  type Request as PluginRequest,
  type Side,
} from '../../../cni/plugin.js';
import type { IpConfig, Result } from '../../../cni/result.js';
import type { Link } from '../../../network/links.js';
import { wrong } from '../../common/check.js';
import {
  checkChildLink,
  collectLeases,
  configureChildLink,
  createChildLink,
  removeChildLink,
} from '../../common/child-link.js';
import { requireKind } from '../../common/kind.js';
import { checkMtu, findCheckedMaster, findMaster } from '../../common/master.js';
import { undoing } from '../../common/undo.js';
import { interfaceOf } from '../../common/veth.js';
import { type MacvlanConfig, type MacvlanSettings, macvlanShape, settingsOf } from './config.js';

type Request = AttachmentRequest<MacvlanConfig>;

function masterSide({ host, sandbox }: Request, { linkInContainer }: MacvlanSettings): Side {
  return linkInContainer ? sandbox : host;
}

async function create(request: Request, settings: MacvlanSettings): Promise<Link> {
  const side = masterSide(request, settings);
  const { mtu, mac, mode, bcqueuelen } = settings;
  const master = await findCheckedMaster(side, settings.master, settings.mtu);
  return await createChildLink(request, side, {
    kind: 'macvlan',
    link: master.index,
    ...(mtu > 0 ? { mtu } : {}),
    ...(mac === undefined ? {} : { address: mac }),
    data: { mode, ...(bcqueuelen > 0 ? { bcQueueLen: bcqueuelen } : {}) },
  });
}

async function add(request: Request): Promise<Result> {
  const settings = settingsOf(request);
  const { sandbox, ipam, ifname } = request;
  // a namespace that cannot be opened is found out before anything is made
  const path = sandbox.namespace.path ?? sandbox.path;
  return await undoing(request.log, async (undo) => {
    const link = await create(request, settings);
    undo.push(() => sandbox.network.links.delete(link.index));
    let given: Result = {};
    let ips: IpConfig[] = [];
    if (ipam.configured) {
      // a DHCP client asks over the interface
      given = await ipam.add();
      undo.push(() => ipam.delete());
      ips = (given.ips ?? []).map((ip) => ({ ...ip, interface: 0 }));
      if (ips.length === 0) throw new CniError(errorCodes.internal, 'IPAM plugin returned missing IP config');
      await configureChildLink(request, ips, given);
    } else await sandbox.network.links.change(ifname, { up: true });
    return {
      interfaces: [interfaceOf(link, path)],
      ...(ipam.configured ? { ips, routes: given.routes ?? [] } : {}),
      ...(settings.dns === undefined ? {} : { dns: settings.dns as NonNullable<Result['dns']> }),
    };
  });
}

async function check(request: Request): Promise<void> {
  const settings = settingsOf(request);
  const { ipam, ifname } = request;
  const side = masterSide(request, settings);
  const master =
    settings.master === '' ? undefined : await findCheckedMaster(side, settings.master, settings.mtu);
  if (ipam.configured) await ipam.check();
  if (request.prevResult === undefined) throw wrong('required prevResult missing');
  await checkChildLink(request, side, request.prevResult, {
    kind: 'macvlan',
    master: master?.index,
    mtu: settings.mtu,
    lowerCase: true,
    data: ({ data }) => {
      const { mode, bcQueueLen } = data as { mode?: string; bcQueueLen?: number };
      if (mode !== settings.mode) {
        throw wrong(`container macvlan mode ${mode} does not match expected value: ${settings.mode}`);
      }
      if (settings.bcqueuelen > 0 && bcQueueLen !== settings.bcqueuelen) {
        throw wrong(
          `container interface ${ifname} has bcqueuelen ${bcQueueLen}, expected ${settings.bcqueuelen}`,
        );
      }
    },
  });
}

async function status(request: PluginRequest<MacvlanConfig>): Promise<void> {
  const settings = settingsOf(request);
  await requireKind(request.host, 'macvlan');
  // what is in containers is not known before there is one
  if (!settings.linkInContainer) {
    const { pluginNotAvailable } = errorCodes;
    checkMtu(settings.mtu, await findMaster(request.host, settings.master, pluginNotAvailable));
  }
  if (request.ipam.configured) await request.ipam.status();
}

/** macvlan: containers with hardware addresses of their own on a link of the host. */
export const macvlan = definePlugin<MacvlanConfig>({
  type: 'macvlan',
  config: macvlanShape,
  configError: 'failed to load netconf',
  add,
  delete: removeChildLink,
  check,
  gc: collectLeases,
  status,
});
