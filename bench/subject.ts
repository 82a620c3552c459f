/** What netloom does in the benchmarks: everything that is measured as ours goes through here. */
import {
  ColumnReader,
  decode,
  decodeViews,
  encode,
  inputBuffer,
  messageFlags,
  register,
} from '../host/codec.js';
import type { Network } from '../host/network/index.js';
import { link } from '../host/schema/link/link.js';
import { route } from '../host/schema/route.js';

const { newroute } = route.messages;
export const columnNames = [
  'table',
  'dst',
  'dstLen',
  'gateway',
  'oif',
  'priority',
  'protocol',
  'scope',
  'type',
] as const;

/** What was read, so that nothing can be left out as unused. */
export const consumed = { value: 0 };

register(route);
register(link);
const reader = new ColumnReader(newroute, columnNames);

let inside: Uint8Array = new Uint8Array(0);
let insideOf: Uint8Array | undefined;

/** The dump in the module's memory, where a socket would have received it, as the rivals have theirs in their own. */
function loaded(bytes: Uint8Array): Uint8Array {
  // memory that grew has left an old view empty
  if (insideOf !== bytes || inside.length === 0) {
    inside = inputBuffer(bytes.length);
    inside.set(bytes);
    insideOf = bytes;
  }
  return inside;
}

/** The dump's columns, into arrays that are kept as the rivals' are; returns the rows. */
export function decodeColumns(bytes: Uint8Array): number {
  reader.clear();
  reader.push(loaded(bytes));
  consumed.value += reader.columns().oif.values.length;
  return reader.rowCount;
}

/** Plain objects, addresses as text; returns how many. */
export function decodeObjects(bytes: Uint8Array): number {
  const messages = decode('route', bytes);
  const last = messages.at(-1);
  // the DONE at the dump's end is no item
  return last !== undefined && last.name === 'done' ? messages.length - 1 : messages.length;
}

/** Views, of which three fields are read; returns how many. */
export function decodeViews3Fields(bytes: Uint8Array): number {
  const views = decodeViews('route', bytes, newroute);
  for (const view of views) {
    const { dst, gateway, oif } = view;
    if (dst !== undefined) consumed.value += dst.length;
    if (gateway !== undefined) consumed.value += gateway.length;
    if (oif !== undefined) consumed.value += oif;
  }
  return views.length;
}

const flags = messageFlags.request | messageFlags.ack | messageFlags.create | messageFlags.excl;
const header = { family: 2, dstLen: 28, srcLen: 24, protocol: 'bird', type: 'unicast' } as const;
const dst = Uint8Array.of(10, 1, 2, 16);
const src = Uint8Array.of(10, 9, 8, 0);
const gateway = Uint8Array.of(192, 0, 2, 2);
const prefsrc = Uint8Array.of(192, 0, 2, 1);

/** The eight-attribute message of the rivals, its addresses given as bytes. */
export function encodeMessage(n: number): Uint8Array {
  return encode(newroute, {
    flags,
    seq: n,
    header,
    attributes: { table: 1000, dst, src, gateway, prefsrc, oif: n, priority: 32, mark: 7 },
  });
}

/** The same, its addresses given as text. */
export function encodeMessageOfText(n: number): Uint8Array {
  return encode(newroute, {
    flags,
    seq: n,
    header,
    attributes: {
      table: 1000,
      dst: '10.1.2.16',
      src: '10.9.8.0',
      gateway: '192.0.2.2',
      prefsrc: '192.0.2.1',
      oif: n,
      priority: 32,
      mark: 7,
    },
  });
}

/** Lists of the IPv4 routes of the namespace that this process is in; all return how many. */
export async function listColumns(net: Network): Promise<number> {
  return (await net.routes.columns(columnNames, { family: 'inet' })).rowCount;
}

export async function listViews(net: Network): Promise<number> {
  const views = await net.routes.views({ family: 'inet' });
  for (const view of views) {
    const { dst, gateway, oif } = view;
    if (dst !== undefined) consumed.value += dst.length;
    if (gateway !== undefined) consumed.value += gateway.length;
    if (oif !== undefined) consumed.value += oif;
  }
  return views.length;
}

export async function listObjects(net: Network): Promise<number> {
  return (await net.routes.list({ family: 'inet' })).length;
}

export interface PlainRouteInput {
  readonly dst: string;
  readonly gateway: string;
  readonly device: string;
  readonly protocol: 'bird';
  readonly priority: number;
}

/** Route n as the rivals add it: 10.0.0.0 + 16 n, /28, through one of four gateways. */
export function routeInputs(count: number): PlainRouteInput[] {
  return Array.from({ length: count }, (_, n) => ({
    dst: `${10 + (n >> 20)}.${(n >> 12) & 255}.${(n >> 4) & 255}.${(n & 15) << 4}/28`,
    gateway: `192.0.2.${2 + (n & 3)}`,
    device: 'b0',
    protocol: 'bird',
    priority: 32,
  }));
}

export async function addBatched(net: Network, inputs: readonly PlainRouteInput[]): Promise<void> {
  const result = await net.batch((batch) => {
    for (const input of inputs) batch.routes.add(input);
  });
  result.throwIfFailed();
}

export async function deleteBatched(net: Network, inputs: readonly PlainRouteInput[]): Promise<void> {
  const result = await net.batch((batch) => {
    for (const input of inputs) batch.routes.delete(input);
  });
  result.throwIfFailed();
}
