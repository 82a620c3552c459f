/** `netloom/codec`: netlink messages from bytes and to bytes, without sockets, addon or root. */
import { type DecodedMessage, proceed, visitRuns } from './codec/block.js';
import { controlTypes } from './codec/constants.js';
import { decodeMessages, unknownProtocol } from './codec/decode.js';
import { STATUS_TRUNCATED } from './codec/layout.js';
import { registry } from './codec/registry.js';
import { type ViewList, decodeViews as views } from './codec/view-list.js';
import type { Family, Message, Protocol } from './schema/definition.js';
import { families } from './schema/families.js';

export { Batch } from './codec/batch.js';
export type { DecodedMessage } from './codec/block.js';
export { type BulkColumn, encodeColumns } from './codec/bulk.js';
export { type Column, ColumnReader, type Columns, decodeColumns, inputBuffer } from './codec/columns.js';
export { controlTypes, messageFlags } from './codec/constants.js';
export { isMessage, type MessageOf } from './codec/decode.js';
export { encode, type MessageInput } from './codec/encode.js';
export { errnoCode, errnoMeaning } from './codec/errno.js';
export { DecodeError, EncodeError } from './codec/errors.js';
export { type AckExplanation, explainAck } from './codec/extack.js';
export type { ViewList } from './codec/view-list.js';
export type { View, ViewOf } from './codec/views.js';

const registered = new Set<string>();

/** Makes the bundled families of a protocol known; those of generic netlink need a number each, see `register`. */
function prepare(protocol: Protocol): void {
  if (registered.has(protocol)) return;
  if (!Object.hasOwn(families, protocol)) throw unknownProtocol(protocol, Object.keys(families));
  registered.add(protocol);
  for (const family of families[protocol]) {
    if (family.protocol !== 'generic' || family.name === 'nlctrl') registry().register(family);
  }
}

/**
 * Makes a family known for decoding: one of your own, or a bundled one of generic netlink, whose `number` the
 * controller tells (nlctrl's is known).
 */
export function register(family: Family, number?: number): void {
  prepare(family.protocol);
  registry().register(family, number);
}

/**
 * Decodes a datagram, or any run of netlink messages. Never throws on malformed bytes: what is cut short or does not
 * add up is marked `truncated`. Throws DecodeError `ERR_UNKNOWN_PROTOCOL`.
 */
export function decode(protocol: Protocol, bytes: Uint8Array): DecodedMessage[] {
  prepare(protocol);
  return decodeMessages(protocol, bytes);
}

/** A message's place in a block, and its nlmsghdr; no more of it has been read. */
export interface MessageRecord {
  /** Bytes from the block's start. */
  readonly offset: number;
  readonly length: number;
  /** As in decoded messages; `unknown` for those of no family. */
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly pid: number;
  readonly truncated: boolean;
}

/** Finds the messages of a block without decoding them: the cheapest way to look at one. */
export function decodeRecords(protocol: Protocol, bytes: Uint8Array): MessageRecord[] {
  prepare(protocol);
  const owner = registry();
  const start = owner.machine.load(bytes);
  const found: MessageRecord[] = [];
  visitRuns(owner, owner.directory(protocol), start, bytes.length, (one, count) => {
    const name = one.message?.definition.name ?? controlName(one.type) ?? 'unknown';
    const truncated = (one.status & STATUS_TRUNCATED) !== 0;
    for (let left = count; ; proceed(one, owner.machine.memory)) {
      const { address, length, type, flags, seq, pid } = one;
      found.push({ offset: address - start, length, name, type, flags, seq, pid, truncated });
      if (--left === 0) break;
    }
  });
  return found;
}

function controlName(type: number): string | undefined {
  return Object.entries(controlTypes).find(([, number]) => number === type)?.[0];
}

/** Decodes to views, whose fields are only read when they are touched; `only` leaves out all but one kind of message. */
export function decodeViews<M extends Message>(protocol: Protocol, bytes: Uint8Array, only?: M): ViewList<M> {
  prepare(protocol);
  return views(protocol, bytes, only);
}
