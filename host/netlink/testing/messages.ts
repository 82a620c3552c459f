import { controlTypes, messageFlags } from '../../codec/constants.js';
import { type AnyMessageInput, encode } from '../../codec/encode.js';
import type { Message } from '../../schema/definition.js';

/** nlmsg_seq of a request. */
export function sequenceOf(request: Uint8Array): number {
  return new DataView(request.buffer, request.byteOffset, request.byteLength).getUint32(8, true);
}

/** The requests in what was sent: their bytes, one each. */
export function requestsIn(sent: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  const view = new DataView(sent.buffer, sent.byteOffset, sent.byteLength);
  for (let at = 0; at + 16 <= sent.length; ) {
    const length = view.getUint32(at, true);
    found.push(sent.subarray(at, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

/** A message of a dump or an answer, with the request's number. */
export function answer(message: Message, request: Uint8Array, input: AnyMessageInput = {}): Uint8Array {
  return encode(message, {
    ...input,
    flags: input.flags ?? messageFlags.multi,
    seq: sequenceOf(request),
  } as object);
}

/** Several messages in one datagram, each at a multiple of four. */
export function datagram(...messages: readonly Uint8Array[]): Uint8Array {
  const lengths = messages.map(({ length }) => (length + 3) & ~3);
  const out = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  messages.forEach((message, i) => {
    out.set(message, at);
    at += lengths[i] as number;
  });
  return out;
}

function control(type: number, flags: number, request: Uint8Array, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(16 + payload.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, out.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequenceOf(request), true);
  out.set(payload, 16);
  return out;
}

/** The end of a dump; `errno` is what it failed with. */
export function done(
  request: Uint8Array,
  { errno = 0, flags = messageFlags.multi as number } = {},
): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setInt32(0, -errno, true);
  return control(controlTypes.done, flags, request, payload);
}

/** An acknowledgement, or with `errno` a refusal, whose `text` and `offset` (bytes into the request) say why. */
export function ack(
  request: Uint8Array,
  { errno = 0, text, offset }: { errno?: number; text?: string; offset?: number } = {},
): Uint8Array {
  const attributes: Uint8Array[] = [];
  if (text !== undefined) {
    const bytes = new TextEncoder().encode(`${text}\0`);
    attributes.push(attribute(1, bytes));
  }
  if (offset !== undefined) {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, offset, true);
    attributes.push(attribute(2, bytes));
  }
  const head = new Uint8Array(20);
  new DataView(head.buffer).setInt32(0, -errno, true);
  head.set(request.subarray(0, 16), 4);
  const flags = messageFlags.capped | (attributes.length > 0 ? messageFlags.ackTlvs : 0);
  return control(controlTypes.error, flags, request, datagram(head, ...attributes));
}

function attribute(type: number, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + payload.length);
  const view = new DataView(out.buffer);
  view.setUint16(0, out.length, true);
  view.setUint16(2, type, true);
  out.set(payload, 4);
  return out;
}
