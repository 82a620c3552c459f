import { setTimeout as sleep } from 'node:timers/promises';
import type { Side } from '../../../cni/plugin.js';
import { NamespaceError } from '../../../namespace/errors.js';
import { Namespace } from '../../../namespace/namespace.js';
import { Network } from '../../../network/network.js';
import { wrong } from '../../common/check.js';
import type { Selector } from './config.js';
import { findDevice } from './device.js';
import type { DeviceRecord, Records } from './records.js';
import { bringBack, findInside, type Inside, type Original, restoreOnHost } from './return.js';

type Log = (message: string) => void;

/** ms that the kernel may take to end a namespace and bring its physical devices back. */
const RETURN_TIMEOUT = 2000;
const RETURN_PAUSE = 50;

/**
 * Undoes what a record tells of, from wherever the device is, and forgets it. `inside` is missing when the container's
 * namespace is gone: virtual devices went with it. Throws CniError 999; the record is then kept.
 */
export async function release(
  host: Side,
  inside: Inside | undefined,
  record: DeviceRecord,
  records: Records,
  log: Log,
): Promise<void> {
  const { ifname } = record;
  const link = inside === undefined ? undefined : await findInside(inside, ifname, record);
  if (inside !== undefined && link !== undefined) await bringBack(host, inside, link, record, log);
  else {
    const patience = inside === undefined && record.physical ? RETURN_TIMEOUT : 0;
    const isThere = async (): Promise<boolean> =>
      (await restoreOnHost(host, ifname, record)) ||
      (await host.network.links.find(record.device)) !== undefined;
    for (const end = performance.now() + patience; !(await isThere()); await sleep(RETURN_PAUSE)) {
      if (performance.now() < end) continue;
      log(`host-device: ${record.device} is neither in the container nor on the host`);
      break;
    }
  }
  records.remove(record);
}

/** `release` of what is in a namespace that only its record still tells of. */
export async function releaseRecorded(
  host: Side,
  record: DeviceRecord,
  records: Records,
  log: Log,
): Promise<void> {
  using namespace = openSandbox(record);
  if (namespace === undefined) await release(host, undefined, record, records, log);
  else {
    await using network = Network.openSync({ namespace });
    await release(host, { namespace, network }, record, records, log);
  }
}

/** The namespace of a record; another one may have its path now. */
function openSandbox({ sandbox, sandboxId }: DeviceRecord): Namespace | undefined {
  try {
    const namespace = Namespace.open({ path: sandbox });
    if (namespace.id.ino === sandboxId) return namespace;
    namespace.close();
    return undefined;
  } catch (error) {
    if (error instanceof NamespaceError) return undefined;
    throw error;
  }
}

/** A device whose alias alone tells what it was called on the host, as the reference leaves it. */
function fromAlias(device: string): Original {
  return { device, address: '', alias: '', up: false };
}

/**
 * Undoes an ADD that left no record: of the reference, or from before the records were lost. Throws CniError 999 when the
 * container has a physical device without alias.
 */
export async function releaseForgotten(
  host: Side,
  inside: Inside | undefined,
  ifname: string,
  selector: Selector | undefined,
  log: Log,
): Promise<void> {
  const known = selector?.by === 'name' ? fromAlias(selector.value) : undefined;
  if (inside === undefined) {
    if (known !== undefined) await restoreOnHost(host, ifname, known);
    return;
  }
  const original = known ?? (await originalOf(host, inside, ifname, selector));
  const link = original === undefined ? undefined : await findInside(inside, ifname, original);
  if (original !== undefined && link !== undefined) {
    await bringBack(host, inside, link, original, log);
    return;
  }
  const other = await inside.network.links.find(ifname);
  // what has a kind was made, by another plugin
  if (other !== undefined && other.kind === undefined && (other.ifalias ?? '') === '')
    throw wrong(`failed to find original ifname for "${ifname}" (alias is not set)`);
}

/** By what its alias says, unless the config's device is on the host: then the link is none of ours. */
async function originalOf(
  host: Side,
  { network }: Inside,
  ifname: string,
  selector: Selector | undefined,
): Promise<Original | undefined> {
  const alias = (await network.links.find(ifname))?.ifalias ?? '';
  if (alias === '') return undefined;
  if (selector !== undefined) {
    const found = await findDevice(host, selector).catch(() => undefined);
    if (found !== undefined) return undefined;
  }
  return fromAlias(alias);
}
