import { CniError, errorCodes } from '../../../cni/errors.js';
import {
  type AttachmentRequest,
  definePlugin,
  type GcRequest,
  type Request as PluginRequest,
} from '../../../cni/plugin.js';
import type { IpConfig, Result } from '../../../cni/result.js';
import type { Link } from '../../../network/links.js';
import { requirePrevResult, wrong } from '../../common/check.js';
import { checkInterface } from '../../common/check-interface.js';
import { garbageOf } from '../../common/garbage.js';
import { configureInterface } from '../../common/interface.js';
import { everyStep, type Undo, undoing } from '../../common/undo.js';
import { interfaceOf } from '../../common/veth.js';
import { type HostDeviceConfig, hostDeviceShape, requireSelector, selectorOf } from './config.js';
import { findDevice, isUserspace } from './device.js';
import { type DeviceRecord, Records } from './records.js';
import { release, releaseForgotten, releaseRecorded } from './release.js';

type Request = AttachmentRequest<HostDeviceConfig>;

const NO_ADDRESS = /^[0:]*$/;

/** Moves a device into the container, under its name there, in one message: nobody sees it on the way. */
async function take(request: Request, link: Link, undo: Undo): Promise<void> {
  const { host, sandbox, ifname, containerId, config, name, log } = request;
  const what = `failed to move link failed to move "${ifname}" (host: "${link.ifname}") to container NS`;
  if ((await sandbox.network.links.find(ifname)) !== undefined) throw wrong(`${what}: file exists`);
  const record: DeviceRecord = {
    network: name,
    containerId,
    ifname,
    sandbox: sandbox.path,
    sandboxId: sandbox.namespace.id.ino,
    device: link.ifname,
    address: NO_ADDRESS.test(link.address ?? '') ? '' : (link.address ?? ''),
    alias: link.ifalias ?? '',
    up: link.up,
    physical: link.kind === undefined,
  };
  const records = new Records(config.dataDir);
  records.save(record);
  undo.push(() => release(host, sandbox, record, records, log));
  try {
    await host.network.links.change(link.index, {
      namespace: sandbox.namespace,
      ifname,
      ifalias: link.ifname,
      up: true,
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CniError(errorCodes.internal, `${what}: ${reason}`, '', { cause: error });
  }
}

async function addresses({ sandbox, ipam, ifname }: Request, isMoved: boolean, undo: Undo): Promise<Result> {
  // a DHCP client asks over the interface
  const given = await ipam.add();
  undo.push(() => ipam.delete());
  const ips: IpConfig[] = (given.ips ?? []).map((ip) => ({ ...ip, interface: 0 }));
  if (ips.length === 0) throw wrong('IPAM plugin returned missing IP config');
  if (isMoved) await configureInterface(sandbox, ifname, ips, given.routes ?? []);
  return { ips, routes: given.routes ?? [] };
}

async function add(request: Request): Promise<Result> {
  const { host, sandbox, ipam, ifname, config } = request;
  const { link, pciId } = await findDevice(host, requireSelector(config));
  const path = sandbox.namespace.path ?? sandbox.path;
  return await undoing(request.log, async (undo) => {
    if (link !== undefined) await take(request, link, undo);
    const entry =
      link === undefined
        ? { name: ifname, sandbox: path }
        : interfaceOf(await sandbox.network.links.get(ifname), path);
    const dns = config.dns as Result['dns'];
    return {
      interfaces: [pciId === undefined ? entry : { ...entry, pciID: pciId }],
      ...(ipam.configured ? await addresses(request, link !== undefined, undo) : {}),
      ...(ipam.configured && dns !== undefined ? { dns } : {}),
    };
  });
}

async function remove(request: Request): Promise<void> {
  const { host, sandbox, ipam, config, containerId, ifname, log } = request;
  await everyStep(
    // before the device goes: a DHCP client gives its lease back over it
    async () => {
      if (ipam.configured) await ipam.delete();
    },
    async () => {
      const selector = selectorOf(config);
      const records = new Records(config.dataDir);
      const record = records.find({ containerId, ifname });
      const inside = sandbox.exists ? sandbox : undefined;
      if (record !== undefined && inside !== undefined) await release(host, inside, record, records, log);
      else if (record !== undefined) await releaseRecorded(host, record, records, log);
      else {
        if (!isUserspace(selector)) await releaseForgotten(host, inside, ifname, selector, log);
        // of an ADD that was killed before it had recorded anything
        records.remove({ containerId, ifname });
      }
    },
  );
}

async function check(request: Request): Promise<void> {
  const { config, ipam } = request;
  const selector = requireSelector(config);
  if (ipam.configured) await ipam.check();
  const result = requirePrevResult(request.prevResult);
  if (!isUserspace(selector)) await checkInterface(request, result, { lowerCase: false });
}

async function gc(request: GcRequest<HostDeviceConfig>): Promise<void> {
  const { host, config, name, ipam, log } = request;
  const records = new Records(config.dataDir);
  const key = (containerId: string, ifname: string): string => `${containerId}:${ifname}`;
  const garbage = await garbageOf(
    request,
    () => records.list().filter((record) => record.network === name),
    ({ containerId, ifname }) => key(containerId, ifname),
    ({ containerID, ifname }) => key(containerID, ifname),
  );
  await everyStep(
    async () => {
      if (ipam.configured) await ipam.gc();
    },
    ...garbage.map((record) => async () => await releaseRecorded(host, record, records, log)),
  );
}

async function status({ config, host, ipam }: PluginRequest<HostDeviceConfig>): Promise<void> {
  const selector = selectorOf(config);
  // which device it is may be the runtime's to say, of each attachment
  if (selector !== undefined || config.capabilities?.deviceID !== true) {
    await available(async () => await findDevice(host, requireSelector(config)));
  }
  if (ipam.configured) await ipam.status();
}

/** What has no better code means that there is no device. */
async function available(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof CniError) || error.number !== errorCodes.internal) throw error;
    throw new CniError(errorCodes.pluginNotAvailable, error.msg, error.details, { cause: error });
  }
}

/** host-device: a device of the host is the container's, and the host's again after DEL. */
export const hostDevice = definePlugin<HostDeviceConfig>({
  type: 'host-device',
  config: hostDeviceShape,
  configError: 'failed to load netconf',
  add,
  delete: remove,
  check,
  gc,
  status,
});
