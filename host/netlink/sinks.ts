import type { DecodedMessage } from '../codec/block.js';
import { decodeLoaded } from '../codec/decode.js';
import type { Message, Protocol } from '../schema/definition.js';
import type { Sink } from './conversation.js';
import type { CallOptions } from './socket.js';

export interface DumpOptions<T = DecodedMessage> extends CallOptions {
  /** Only messages of this kind. */
  readonly reply?: Message;
  /** Makes what is returned in the message's place; undefined leaves it out. The message is the callee's to change. */
  readonly item?: (message: DecodedMessage) => T | undefined;
}

/** Items are made datagram by datagram, so that the messages that they come from die young. */
export function objectSink<T>(protocol: Protocol, out: T[], { reply, item }: DumpOptions<T>): Sink {
  const take =
    item === undefined
      ? (address: number, length: number): void =>
          decodeLoaded(protocol, address, length, out as DecodedMessage[], reply)
      : (address: number, length: number): void => {
          const messages: DecodedMessage[] = [];
          decodeLoaded(protocol, address, length, messages, reply);
          for (const message of messages) {
            const made = item(message);
            if (made !== undefined) out.push(made);
          }
        };
  return {
    take,
    clear: () => {
      out.length = 0;
    },
  };
}

/** Datagrams as they came. */
export function bytesSink(out: Uint8Array[]): Sink {
  return {
    take: (_address, _length, bytes) => {
      out.push(bytes.slice());
    },
    clear: () => {
      out.length = 0;
    },
  };
}
