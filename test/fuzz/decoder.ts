import fc from 'fast-check';
import { ColumnReader, decode, decodeViews, encode, explainAck } from '../../host/codec.js';
import type { Message } from '../../host/schema/definition.js';
import { families } from '../../host/schema/families.js';
import { headerArbitrary, setArbitrary } from '../codec/arbitrary.js';

/** What is fuzzed: every way to read a datagram, over every protocol. Throws when something is not as promised. */

const messages: Message[] = Object.values(families)
  .flat()
  .flatMap((family) => Object.values(family.messages));

const wanted = messages.filter(({ protocol }) => protocol !== 'generic');

/** Well-formed messages of every kind to begin with. */
export const seeds: readonly Uint8Array[] = wanted.flatMap((message) =>
  fc
    .sample(fc.tuple(headerArbitrary(message.header), setArbitrary(message.attributes)), {
      numRuns: 2,
      seed: 1,
    })
    .map(([header, attributes]) => encode(message, { header, attributes, seq: 1 })),
);

const newroute = messages.find(({ name }) => name === 'newroute') as Message;
const newlink = messages.find(({ name }) => name === 'newlink') as Message;
const protocols = ['route', 'netfilter', 'generic'] as const;

export function target(bytes: Uint8Array): void {
  const copy = bytes.slice();
  for (const protocol of protocols) {
    const decoded = decode(protocol, bytes);
    let length = 0;
    for (const message of decoded) if (message.raw !== undefined) length += message.raw.length;
    if (length > bytes.length) throw new Error('more raw bytes than there are bytes');
    if (decoded.length > bytes.length / 16 + 1) throw new Error('more messages than fit');
    JSON.stringify(decoded, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
  }
  for (const view of decodeViews('route', bytes)) view.toObject();
  for (const [message, names] of [
    [newroute, ['dst', 'gateway', 'oif', 'metrics.mtu', 'dstLen']],
    [newlink, ['ifname', 'mtu', 'linkinfo.kind', 'address', 'index']],
  ] as const) {
    const reader = new ColumnReader(message, names as readonly string[]);
    try {
      reader.push(bytes);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_COLUMN_WIDTH') throw error;
      continue;
    }
    const columns = reader.columns();
    for (let row = 0; row < columns.rowCount; row++) for (const name of names) columns[name]?.get(row);
  }
  explainAck('route', bytes, { offs: bytes.length >> 1, missType: 3, missNest: 20 });
  if (!bytes.every((byte, i) => byte === copy[i])) throw new Error('decoding changed its input');
}
