import type { DecodedMessage } from '../codec/block.js';
import { decodeLoaded } from '../codec/decode.js';
import type { Protocol } from '../schema/definition.js';
import type { Sink } from './conversation.js';
import type { DumpOptions } from './socket-options.js';

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
