import { CniError, errorCodes } from '../../../cni/errors.js';
import { type AttachmentRequest, definePlugin, type Request } from '../../../cni/plugin.js';
import type { Result } from '../../../cni/result.js';
import { wrong } from '../../common/check.js';
import { failed } from '../../common/interface.js';
import { canEnter } from '../../common/sandbox.js';
import { everyStep, undoing } from '../../common/undo.js';
import { checkLimit } from './check.js';
import { type BandwidthConfig, bandwidthShape, type Limits, limitsOf } from './config.js';
import { collectDevices, findDevice, redirect, removeDevices, targetsOf } from './ifb.js';
import { directionsOf, findPlace, placeOf } from './place.js';
import { probe } from './probe.js';
import { limitLink, unlimitLink } from './shaping.js';

type Attached = AttachmentRequest<BandwidthConfig>;

function isUnlimited({ ingress, egress }: Limits): boolean {
  return ingress === undefined && egress === undefined;
}

async function add(request: Attached): Promise<Result> {
  const { prevResult } = request;
  const limits = limitsOf(request);
  if (prevResult === undefined) {
    throw new CniError(errorCodes.invalidNetworkConfig, 'must be called as chained plugin');
  }
  if (isUnlimited(limits)) return prevResult;
  const place = await placeOf(request, prevResult);
  const { side, link, sandbox } = place;
  const { sent, received } = directionsOf(place, limits);
  const { subnets } = limits;
  return await undoing(request.log, async (undo) => {
    if (sent.limit !== undefined) {
      await limitLink(side.network, link.index, sent.limit, { subnets, peer: sent.peer }, undo);
    }
    if (received.limit === undefined) return prevResult;
    const device = await redirect(request, place, undo);
    try {
      await limitLink(side.network, device.index, received.limit, { subnets, peer: received.peer }, undo);
    } catch (error) {
      throw failed('create ifb qdisc', error);
    }
    const { ifname: name, address: mac } = device;
    const entry = {
      name,
      ...(mac === undefined ? {} : { mac }),
      ...(sandbox === undefined ? {} : { sandbox }),
    };
    return { ...prevResult, interfaces: [...(prevResult.interfaces ?? []), entry] };
  });
}

async function remove(request: Attached): Promise<void> {
  const { host, sandbox } = request;
  let open = false;
  let place: Awaited<ReturnType<typeof findPlace>>;
  await everyStep(
    async () => {
      open = canEnter(request);
      if (open) place = await findPlace(request);
    },
    async () => {
      if (place !== undefined) await unlimitLink(place.side.network, place.link.index);
    },
    () => removeDevices(host, request, place),
    async () => {
      if (open) await removeDevices(sandbox, request, place);
    },
  );
}

async function check(request: Attached): Promise<void> {
  const limits = limitsOf(request);
  const { prevResult } = request;
  if (prevResult === undefined) throw wrong('must be called as a chained plugin');
  if (isUnlimited(limits)) return;
  const place = await placeOf(request, prevResult);
  const { network } = place.side;
  const { sent, received } = directionsOf(place, limits);
  if (sent.limit !== undefined) await checkLimit(network, place.link.index, sent.limit, limits.subnets);
  if (received.limit === undefined) return;
  const device = await findDevice(place, request);
  if (device === undefined) throw wrong('get ifb device: Link not found');
  if (!device.up) throw wrong(`Interface ${device.ifname} is down`);
  if (!(await targetsOf(network, place.link.index)).includes(device.index)) {
    throw wrong(`packets from ${place.link.ifname} are not redirected to ${device.ifname}`);
  }
  await checkLimit(network, device.index, received.limit, limits.subnets);
}

async function status(request: Request<BandwidthConfig>): Promise<void> {
  await probe(limitsOf(request).subnets);
}

/** bandwidth: limits how fast a container's interface receives and sends. */
export const bandwidth = definePlugin<BandwidthConfig>({
  type: 'bandwidth',
  versions: ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  config: bandwidthShape,
  configError: 'failed to parse network configuration',
  add,
  delete: remove,
  check,
  gc: collectDevices,
  status,
});
