import { object, optional, type Read, record } from '../../cni/config.js';
import { CniError, errorCodes } from '../../cni/errors.js';
import { type AttachmentRequest, definePlugin } from '../../cni/plugin.js';
import type { Result } from '../../cni/result.js';
import { undoing } from '../common/undo.js';

const loopbackShape = object({ ipam: optional(record) });
type LoopbackConfig = Read<typeof loopbackShape>;
type Request = AttachmentRequest<LoopbackConfig>;

const LOOPBACK = 'lo';

async function add(request: Request): Promise<Result> {
  const { links } = request.sandbox.network;
  return await undoing(request.log, async (undo) => {
    if (!(await links.get(LOOPBACK)).up) {
      undo.push(() => links.change(LOOPBACK, { up: false }));
      await links.change(LOOPBACK, { up: true });
    }
    return await resultOf(request);
  });
}

async function resultOf({ sandbox, prevResult }: Request): Promise<Result> {
  const { addresses } = sandbox.network;
  const ips: Result['ips'] = [];
  for (const family of ['inet', 'inet6'] as const) {
    const present = await addresses.list({ device: LOOPBACK, family });
    const foreign = present.find(({ address }) => !address.startsWith('127.') && address !== '::1/128');
    if (foreign !== undefined) {
      const address = foreign.address.split('/')[0];
      throw new CniError(
        errorCodes.internal,
        `loopback interface found with non-loopback address "${address}"`,
      );
    }
    const [first] = present;
    if (first !== undefined) ips.push({ address: first.address, interface: 0 });
  }
  if (prevResult !== undefined) return prevResult;
  return { interfaces: [{ name: LOOPBACK, mac: '00:00:00:00:00:00', sandbox: sandbox.path }], ips };
}

async function remove({ sandbox }: Request): Promise<void> {
  if (sandbox.exists) await sandbox.network.links.change(LOOPBACK, { up: false });
}

async function check({ sandbox }: Request): Promise<void> {
  if (!(await sandbox.network.links.get(LOOPBACK)).up)
    throw new CniError(errorCodes.internal, 'loopback interface is down');
}

/** loopback: sets the sandbox's `lo` up. */
export const loopback = definePlugin<LoopbackConfig>({
  type: 'loopback',
  config: loopbackShape,
  configError: 'failed to parse network config',
  currentShape: true,
  add,
  delete: remove,
  check,
});
