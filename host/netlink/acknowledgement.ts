import type { DecodedMessage } from '../codec/block.js';
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
