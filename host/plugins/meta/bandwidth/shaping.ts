import { readFileSync } from 'node:fs';
import type { Network } from '../../../network/network.js';
import type { ClassInput, FilterInput, QdiscInput } from '../../../network/traffic.js';
import { packU32Keys, type U32Key } from '../../../schema/traffic/keys.js';
import type { Cidr } from '../../common/address.js';
import { explained } from '../../common/interface.js';
import type { Undo } from '../../common/undo.js';
import type { Limit, Subnets } from './config.js';

const LARGEST_U32 = 0xffff_ffff;
const MICROSECONDS = 1_000_000;
const MILLISECONDS = 1000;
const ETHERNET = 1;

/** The handle of the qdisc that limits. */
export const ROOT = '1:';
/** The class of traffic that is limited, as in v1.5.0 of the reference. */
export const SHAPED = '1:30';
export const UNSHAPED = '1:1';
/** Bytes/s: as good as no limit. */
export const UNSHAPED_RATE = 100_000_000_000;
/** Ticks: 1 ms, so that the timer does not limit. */
const UNSHAPED_BUFFER = 15_625;
const RATE_TO_QUANTUM = 10;
/** Bytes that a class sends before others get their turn: what the kernel derives from a rate is between these. */
const LEAST_QUANTUM = 1000;
const LARGEST_QUANTUM = 200_000;
/** Packets. */
const UNSHAPED_QUEUE = 1000;

let ticks: number | undefined;

/** Ticks of the kernel's packet scheduler in a microsecond: /proc/net/psched, as tc(8) reads it. */
export function ticksPerMicrosecond(): number {
  if (ticks === undefined) {
    const [t2us, us2t, resolution] = readFileSync('/proc/net/psched', 'utf8')
      .split(' ')
      .map((field) => Number.parseInt(field, 16)) as [number, number, number];
    ticks = (t2us / us2t) * (resolution / MICROSECONDS);
  }
  return ticks;
}

/** Time that a burst takes, in ticks; may be more than the kernel's u32 holds. */
export function bufferOf({ rate, burst }: Limit): number {
  return Math.trunc(Math.trunc((burst * MICROSECONDS) / rate) * ticksPerMicrosecond());
}

/** Bytes that may wait. */
export function queueOf({ rate, burst, latency }: Limit): number {
  return Math.min(Math.trunc((rate * latency) / MILLISECONDS) + burst, LARGEST_U32);
}

function rateSpec(rate: number): { rate: number; linklayer: number } {
  return { rate: Math.min(rate, LARGEST_U32), linklayer: ETHERNET };
}

/** A token bucket filter that limits all of a link's traffic. */
export function tokenBucket(device: number, limit: Limit): QdiscInput {
  const { rate, burst } = limit;
  const buffer = bufferOf(limit);
  return {
    device,
    kind: 'tbf',
    handle: ROOT,
    options: {
      parms: { rate: rateSpec(rate), limit: queueOf(limit), buffer: Math.min(buffer, LARGEST_U32) },
      ...(rate > LARGEST_U32 ? { rate64: rate } : {}),
      // a time that does not fit is told in bytes
      ...(buffer > LARGEST_U32 ? { burst } : {}),
    },
  } as QdiscInput;
}

/** A root that sorts traffic into limited and not; what no filter knows goes where `subnets` does not. */
export function hierarchy(device: number, { shaped }: Subnets): QdiscInput {
  const other = shaped ? UNSHAPED : SHAPED;
  return {
    device,
    kind: 'htb',
    handle: ROOT,
    options: {
      init: {
        version: 3,
        rate2quantum: RATE_TO_QUANTUM,
        defcls: Number.parseInt(other.slice(ROOT.length), 16),
      },
    },
  } as QdiscInput;
}

function htbClass(
  device: number,
  handle: typeof SHAPED | typeof UNSHAPED,
  parms: object,
  rates: object,
): ClassInput {
  return { device, kind: 'htb', parent: ROOT, handle, options: { parms, ...rates } } as ClassInput;
}

/** The limited class. */
export function shapedClass(device: number, limit: Limit): ClassInput {
  const { rate } = limit;
  // as in the reference; a class without a parent never gets more than its rate
  const ceil = 2 * rate;
  const buffer = Math.min(bufferOf(limit), LARGEST_U32);
  const quantum = Math.min(Math.max(Math.trunc(rate / RATE_TO_QUANTUM), LEAST_QUANTUM), LARGEST_QUANTUM);
  const parms = { rate: rateSpec(rate), ceil: rateSpec(ceil), buffer, cbuffer: buffer, quantum };
  return htbClass(device, SHAPED, parms, {
    ...(rate > LARGEST_U32 ? { rate64: rate } : {}),
    ...(ceil > LARGEST_U32 ? { ceil64: ceil } : {}),
  });
}

export function unshapedClass(device: number): ClassInput {
  const spec = rateSpec(UNSHAPED_RATE);
  const parms = {
    rate: spec,
    ceil: spec,
    buffer: UNSHAPED_BUFFER,
    cbuffer: UNSHAPED_BUFFER,
    quantum: LARGEST_QUANTUM,
  };
  return htbClass(device, UNSHAPED, parms, { rate64: UNSHAPED_RATE, ceil64: UNSHAPED_RATE });
}

/** A queue below a class. The kernel's own would be as long as the link's, which is 0 for many. */
function queue(device: number, parent: typeof SHAPED | typeof UNSHAPED, limit: number): QdiscInput {
  const kind = parent === SHAPED ? 'bfifo' : 'pfifo';
  return { device, kind, parent, options: { limit } } as QdiscInput;
}

const ETH_P_IP = 0x0800;
const ETH_P_IPV6 = 0x86dd;
const WORD = 32;
const WORD_MASK = 0xffff_ffffn;

/** Bytes into the packet where an address is. */
const offsets = {
  source: { 32: 12, 128: 8 },
  destination: { 32: 16, 128: 24 },
} as const;

/** End of a packet that is the network's, not the container's. */
export type Peer = keyof typeof offsets;

/** The selector of u32 for packets from or to a network; one that is everything matches everything. */
export function selectorOf(
  { address, length }: Cidr,
  peer: Peer,
): { flags: ['terminal']; nkeys: number; keys: Uint8Array } {
  const { bits, value } = address;
  const keys: U32Key[] = [];
  for (let first = 0; first < length; first += WORD) {
    const inWord = Math.min(length - first, WORD);
    const mask = Number((WORD_MASK << BigInt(WORD - inWord)) & WORD_MASK);
    const val = Number((value >> BigInt(bits - first - WORD)) & WORD_MASK);
    keys.push({ mask, val, off: offsets[peer][bits] + first / 8, offmask: 0 });
  }
  if (keys.length === 0) keys.push({ mask: 0, val: 0, off: 0, offmask: 0 });
  return { flags: ['terminal'], nkeys: keys.length, keys: packU32Keys(keys) };
}

/** What sends packets from or to a network into a class. Filters of one priority are of one protocol. */
export function subnetFilter(device: number, network: Cidr, { shaped }: Subnets, peer: Peer): FilterInput {
  const [protocol, priority] = network.address.bits === 32 ? [ETH_P_IP, 16] : [ETH_P_IPV6, 15];
  return {
    device,
    kind: 'u32',
    parent: ROOT,
    protocol,
    priority,
    options: { classid: shaped ? 0x10030 : 0x10001, sel: selectorOf(network, peer) },
  } as FilterInput;
}

/** Limits what a link sends; `undo` takes it back. Throws CniError 999. */
export async function limitLink(
  { qdiscs, classes, filters }: Network,
  device: number,
  limit: Limit,
  { subnets, peer }: { readonly subnets: Subnets | undefined; readonly peer: Peer },
  undo: Undo,
): Promise<void> {
  const root = subnets === undefined ? tokenBucket(device, limit) : hierarchy(device, subnets);
  await explained('create qdisc', qdiscs.add(root));
  // what is below goes with it
  undo.push(() => qdiscs.delete({ device, kind: root.kind, handle: ROOT }));
  if (subnets === undefined) return;
  await explained('create class', classes.add(shapedClass(device, limit)));
  await explained('create class', classes.add(unshapedClass(device)));
  await explained('create qdisc', qdiscs.add(queue(device, SHAPED, queueOf(limit))));
  await explained('create qdisc', qdiscs.add(queue(device, UNSHAPED, UNSHAPED_QUEUE)));
  for (const network of subnets.networks) {
    await explained('add filter', filters.add(subnetFilter(device, network, subnets, peer)));
  }
}

/** Takes a limit away, of whatever kind; other qdiscs stay. */
export async function unlimitLink({ qdiscs }: Network, device: number): Promise<void> {
  for (const { kind, handle, parent } of await qdiscs.list({ device })) {
    if (parent !== 'root' || handle !== ROOT || (kind !== 'tbf' && kind !== 'htb')) continue;
    await qdiscs.delete({ device, kind, handle: ROOT });
  }
}
