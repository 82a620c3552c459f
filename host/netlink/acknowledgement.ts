import type { DecodedMessage } from '../codec/block.js';
import { controlTypes, messageFlags } from '../codec/constants.js';
import { explainAck } from '../codec/extack.js';
import type { Protocol } from '../schema/definition.js';
import type { Sent } from './conversation.js';
import { NetlinkError } from './errors.js';

interface AckAttributes {
  readonly msg?: string;
  readonly offs?: number;
  readonly missType?: number;
  readonly missNest?: number;
  readonly policy?: Readonly<Record<string, unknown>>;
}

/** The error that an ERROR or DONE message stands for; `undefined` when it is an acknowledgement. */
export function refusal(protocol: Protocol, sent: Sent, message: DecodedMessage): NetlinkError | undefined {
  const { error } = message.header as { error?: number };
  if (error === undefined || error >= 0) return undefined;
  const ack = message.attributes as AckAttributes;
  const where = explainAck(protocol, sent.bytes, ack);
  return new NetlinkError({
    errno: -error,
    request: sent.message.name,
    sequence: message.seq,
    ...(ack.msg === undefined ? {} : { extendedAck: ack.msg }),
    ...where,
    ...(ack.policy === undefined ? {} : { policy: ack.policy }),
  });
}

/** Bytes of an ERROR message without attributes: nlmsghdr, errno, and nlmsghdr of the request. */
const LENGTH = 36;
/** Bytes of a DONE message without attributes: nlmsghdr, errno. */
const DONE_LENGTH = 20;

/**
 * nlmsg_seq of the request that a datagram acknowledges, where it is one message that says no more than that (an ERROR with
 * errno 0, or the DONE of a dump that was not interrupted); -1 for all others. Every request gets one: it is not worth decoding.
 */
export function plainAcknowledgement(datagram: Uint8Array): number {
  const { length } = datagram;
  if (length !== LENGTH && length !== DONE_LENGTH) return -1;
  const view = new DataView(datagram.buffer, datagram.byteOffset, length);
  if (view.getUint32(0, true) !== length || view.getInt32(16, true) !== 0) return -1;
  if (view.getUint16(4, true) !== (length === LENGTH ? controlTypes.error : controlTypes.done)) return -1;
  return view.getUint16(6, true) & messageFlags.dumpIntr ? -1 : view.getUint32(8, true);
}
