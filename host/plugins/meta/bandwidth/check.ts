import type { Network } from '../../../network/network.js';
import { wrong } from '../../common/check.js';
import type { Limit, Subnets } from './config.js';
import { bufferOf, queueOf, ROOT, SHAPED } from './shaping.js';

const LARGEST_U32 = 0xffff_ffff;

/** What the kernel tells of a limit, of either kind. */
interface Told {
  readonly parms?: {
    readonly rate: { readonly rate: number };
    readonly limit?: number;
    readonly buffer: number;
  };
  readonly rate64?: number | bigint;
}

function compare({ parms, rate64 }: Told, limit: Limit): void {
  if (parms === undefined) throw wrong('Failed to find qdisc');
  if (Number(rate64 ?? parms.rate.rate) !== limit.rate) throw wrong("Rate doesn't match");
  if (parms.limit !== undefined && parms.limit !== queueOf(limit)) throw wrong("Limit doesn't match");
  if (parms.buffer !== Math.min(bufferOf(limit), LARGEST_U32)) throw wrong("Buffer doesn't match");
}

/** Is what a link sends limited as it should be? Throws CniError 999. */
export async function checkLimit(
  { qdiscs, classes, filters }: Network,
  device: number,
  limit: Limit,
  subnets: Subnets | undefined,
): Promise<void> {
  const root = (await qdiscs.list({ device })).find(
    ({ parent, handle }) => parent === 'root' && handle === ROOT,
  );
  if (root?.kind === 'tbf' && subnets === undefined) {
    compare(root.options as Told, limit);
    return;
  }
  if (root?.kind !== 'htb') throw wrong('Failed to find qdisc');
  const shaped = (await classes.list({ device })).find(({ handle }) => handle === SHAPED);
  if (shaped === undefined) throw wrong(`Failed to find class ${SHAPED}`);
  compare(shaped.options as Told, limit);
  const { networks } = subnets ?? { networks: [] };
  const found = (await filters.list({ device, parent: ROOT })).filter(
    ({ options }) => (options as { sel?: unknown } | undefined)?.sel !== undefined,
  );
  if (found.length < networks.length) {
    throw wrong(`expected ${networks.length} filters of subnets, found ${found.length}`);
  }
}
