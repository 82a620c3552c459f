import fc from 'fast-check';
import { test } from 'tap';
import { Batch, ColumnReader, decode, decodeViews, encode, register } from '../../host/codec.js';
import type { Message } from '../../host/schema/definition.js';
import { families } from '../../host/schema/families.js';
import { headerArbitrary, setArbitrary } from './arbitrary.js';

const GENERIC_NUMBER = 0x20;
families.generic.forEach((family, i) => {
  if (family.name !== 'nlctrl') register(family, GENERIC_NUMBER + i);
});

function numberOf(message: Message): { type?: number } {
  if (message.protocol !== 'generic' || message.family === 'nlctrl') return {};
  return { type: GENERIC_NUMBER + families.generic.findIndex(({ name }) => name === message.family) };
}

/** Messages that are decoded by their own name: of several with one number the first is. */
const messages: Message[] = Object.values(families)
  .flat()
  .flatMap((family) => {
    const seen = new Set<number>();
    return Object.values(family.messages).filter(({ number }) => !seen.has(number) && seen.add(number));
  });

test('what is encoded is decoded to the same', async (t) => {
  t.ok(messages.length > 100);
  for (const message of messages) {
    // an attribute set that is chosen by the header is generated without it
    const property = fc.property(
      headerArbitrary(message.header),
      setArbitrary(message.attributes),
      (header, attributes) => {
        const given = message.protocol === 'generic' ? { ...header, cmd: message.number } : header;
        const input = { header: given, attributes, seq: 77, flags: 5, ...numberOf(message) };
        const bytes = encode(message, input);
        // an order of keys that keeps coming gets a function of its own
        for (let i = 0; i < 20; i++) {
          if (!Buffer.from(bytes).equals(encode(message, input))) throw new Error('encoded in two ways');
        }
        const [decoded, ...others] = decode(message.protocol, bytes);
        if (others.length > 0 || decoded === undefined) throw new Error('not one message');
        if (decoded.truncated) throw new Error('truncated');
        const clean = Object.fromEntries(
          Object.entries(attributes).filter(([, value]) => value !== undefined),
        );
        const same = fc.stringify([decoded.name, decoded.header, sorted(decoded.attributes)]);
        const expected = fc.stringify([message.name, given, sorted(clean)]);
        if (same !== expected) throw new Error(`${same}\n   is not\n${expected}`);
      },
    );
    try {
      fc.assert(property, { numRuns: 25 });
      t.pass(`${message.family} ${message.name}`);
    } catch (error) {
      t.fail(`${message.family} ${message.name}: ${(error as Error).message.slice(0, 1500)}`);
    }
  }
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

const route = families.route.find(({ name }) => name === 'route')?.messages.newroute as Message;

test('columns and views say what objects say', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(headerArbitrary(route.header), setArbitrary(route.attributes)), {
        minLength: 1,
        maxLength: 40,
      }),
      (inputs) => {
        const batch = new Batch();
        for (const [header, attributes] of inputs) batch.add(route, { header, attributes });
        const bytes = batch.seal();
        const objects = decode('route', bytes);
        const names = [
          'dst',
          'gateway',
          'oif',
          'priority',
          'header.type',
          'dstLen',
          'flow',
          'table',
        ] as const;
        const reader = new ColumnReader(route, names);
        // in two parts, as datagrams come
        const half = batch.message(Math.floor(inputs.length / 2)).byteOffset - bytes.byteOffset;
        reader.push(bytes.slice(0, half));
        reader.push(bytes.slice(half));
        const columns = reader.columns();
        const views = decodeViews('route', bytes, route).filter() as unknown as Record<string, unknown>[];
        if (columns.rowCount !== objects.length || views.length !== objects.length)
          throw new Error('not as many rows');
        objects.forEach((object, row) => {
          for (const name of names) {
            const own = name.startsWith('header.')
              ? object.header[name.slice(7)]
              : (object.attributes[name] ?? object.header[name]);
            const expected = name === 'table' ? object.attributes.table : own;
            const column = columns[name].get(row);
            if (fc.stringify(column) !== fc.stringify(expected))
              throw new Error(
                `column ${name} of row ${row}: ${fc.stringify(column)}, not ${fc.stringify(expected)}`,
              );
            if (name.startsWith('header.')) continue;
            const seen = views[row]?.[name];
            if (fc.stringify(seen) !== fc.stringify(expected))
              throw new Error(
                `view ${name} of row ${row}: ${fc.stringify(seen)}, not ${fc.stringify(expected)}`,
              );
          }
        });
      },
    ),
    { numRuns: 60 },
  );
  t.pass('equal');
});
