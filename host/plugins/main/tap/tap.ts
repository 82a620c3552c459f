import { CniError, errorCodes } from '../../../cni/errors.js';
import {
  type AttachmentRequest,
  definePlugin,
  type Request as PluginRequest,
  type Sandbox,
} from '../../../cni/plugin.js';
import type { IpConfig, Result } from '../../../cni/result.js';
import { Namespace } from '../../../namespace/namespace.js';
import { SystemCallError } from '../../../netlink/errors.js';
import type { Link } from '../../../network/links.js';
import { createTap } from '../../../network/tap.js';
import { requirePrevResult, wrong } from '../../common/check.js';
import { checkInterface } from '../../common/check-interface.js';
import { collectLeases, configureChildLink, removeChildLink } from '../../common/child-link.js';
import { failed } from '../../common/interface.js';
import { undoing } from '../../common/undo.js';
import { interfaceOf } from '../../common/veth.js';
import { settingsOf, type TapConfig, type TapSettings, tapShape } from './config.js';

type Request = AttachmentRequest<TapConfig>;

/** Where links of this kind are made. */
const DEVICE = '/dev/net/tun';

function create(namespace: Namespace, ifname: string, settings: TapSettings): void {
  const { owner, group, multiQueue, selinuxContext } = settings;
  try {
    createTap(namespace, {
      ifname,
      owner,
      group,
      multiQueue,
      // as the reference makes them; who opens one decides anew
      vnetHeader: owner !== undefined && group !== undefined && selinuxContext === '',
      securityContext: selinuxContext,
    });
  } catch (error) {
    const isCall = error instanceof SystemCallError;
    if (isCall && error.path !== DEVICE && selinuxContext !== '')
      throw failed('failed set socket label', error);
    if (isCall && error.code === 'EBUSY')
      throw failed(`failed to create tap: container interface "${ifname}" already exists`, error);
    throw failed('failed to create tap', error);
  }
}

async function findBridge({ network }: Sandbox, name: string): Promise<Link> {
  const link = await network.links.find(name);
  if (link === undefined) throw wrong(`failed to get bridge ${name}: Link not found`);
  if (link.kind !== 'bridge') throw wrong(`failed to get bridge ${name}: it is no bridge`);
  return link;
}

/** What the tap is to be besides. */
async function adjust({ sandbox, ifname }: Request, { mac, mtu }: TapSettings): Promise<void> {
  if (mac === undefined && mtu === 0) return;
  try {
    await sandbox.network.links.change(ifname, {
      ...(mac === undefined ? {} : { address: mac }),
      ...(mtu > 0 ? { mtu } : {}),
    });
  } catch (error) {
    throw failed(`failed to configure tap ${ifname}`, error);
  }
}

async function join({ sandbox, ifname }: Request, { bridge }: TapSettings): Promise<void> {
  if (bridge === '') return;
  const { index } = await findBridge(sandbox, bridge);
  try {
    await sandbox.network.links.change(ifname, { master: index });
  } catch (error) {
    throw failed(`failed to set tap ${ifname} as a port of bridge ${bridge}`, error);
  }
}

async function add(request: Request): Promise<Result> {
  const settings = settingsOf(request);
  const { sandbox, ipam, ifname } = request;
  const { links } = sandbox.network;
  if (settings.bridge !== '') await findBridge(sandbox, settings.bridge);
  return await undoing(request.log, async (undo) => {
    create(sandbox.namespace, ifname, settings);
    undo.push(() => links.delete(ifname));
    await adjust(request, settings);
    await join(request, settings);
    await links.change(ifname, { up: true });
    const link = await links.get(ifname);
    let given: Result = {};
    let ips: IpConfig[] = [];
    if (ipam.configured) {
      given = await ipam.add();
      undo.push(() => ipam.delete());
      ips = (given.ips ?? []).map((ip) => ({ ...ip, interface: 0 }));
      if (ips.length === 0) throw wrong('IPAM plugin returned missing IP config');
      await configureChildLink(request, ips, given);
    }
    return {
      interfaces: [interfaceOf(link, sandbox.namespace.path ?? sandbox.path)],
      ...(ipam.configured ? { ips, routes: given.routes ?? [] } : {}),
      ...(settings.dns === undefined ? {} : { dns: settings.dns as NonNullable<Result['dns']> }),
    };
  });
}

async function check(request: Request): Promise<void> {
  const settings = settingsOf(request);
  const { sandbox, ipam, ifname } = request;
  if (ipam.configured) await ipam.check();
  const result = requirePrevResult(request.prevResult);
  const { owner, group, multiQueue, bridge, mtu } = settings;
  await checkInterface(request, result, {
    kind: 'tun',
    mtu,
    lowerCase: false,
    data: async ({ data, master }) => {
      const actual = (data ?? {}) as { owner?: number; group?: number; type?: string; multiQueue?: number };
      if (actual.type !== 'tap') throw wrong(`Error: Container interface ${ifname} not of type tap`);
      for (const [name, wanted, found] of [
        ['owner', owner, actual.owner],
        ['group', group, actual.group],
        ['multiQueue', Number(multiQueue), actual.multiQueue],
      ] as const) {
        if (wanted !== found)
          throw wrong(
            `Container interface ${ifname} has ${name} ${found ?? 'none'}, expected ${wanted ?? 'none'}`,
          );
      }
      if (bridge !== '' && (await findBridge(sandbox, bridge)).index !== master)
        throw wrong(`Container interface ${ifname} is no port of bridge ${bridge}`);
    },
  });
}

/** Makes one in a namespace of its own, which goes away with it: nothing else would tell. */
async function status(request: PluginRequest<TapConfig>): Promise<void> {
  const settings = settingsOf(request);
  try {
    using namespace = Namespace.createAnonymous();
    create(namespace, 'tap0', settings);
  } catch (cause) {
    const msg = cause instanceof Error ? cause.message : String(cause);
    throw new CniError(errorCodes.pluginNotAvailable, msg, '', { cause });
  }
  if (request.ipam.configured) await request.ipam.status();
}

/** tap: an interface of the container whose frames a process reads and writes, a virtual machine's as a rule. */
export const tap = definePlugin<TapConfig>({
  type: 'tap',
  config: tapShape,
  configError: 'failed to load netconf',
  add,
  delete: removeChildLink,
  check,
  gc: collectLeases,
  status,
});
