import * as fc from 'fast-check';
import { test } from 'tap';
import { decode, decodeColumns, decodeRecords, decodeViews, encode } from '../../host/codec.js';
import { link } from '../../host/schema/link/link.js';

/* Blocks larger than what the codec holds at a time (128 KiB). */

const { getlink, newlink } = link.messages;
const PIECE = 128 * 1024;

/** A message for each length of an unknown attribute, one behind the other; the headers number them. */
function blockOf(lengths: readonly number[]): Uint8Array {
  const messages = lengths.map((length, index) =>
    encode(newlink, {
      header: { index },
      attributes: { ifname: `n${index}`, 2000: new Uint8Array(length).fill(index) } as never,
    }).slice(),
  );
  const total = messages.reduce((sum, { length }) => sum + ((length + 3) & ~3), 0);
  const out = new Uint8Array(total);
  let at = 0;
  for (const message of messages) {
    out.set(message, at);
    at += (message.length + 3) & ~3;
  }
  return out;
}

const namesOf = (block: Uint8Array): unknown[] => decode('route', block).map((m) => m.attributes.ifname);

test('no message is lost or read twice where two pieces meet', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 20_000, max: 65_000 })), {
        minLength: 8,
        maxLength: 24,
      }),
      fc.integer({ min: 0, max: 3 }),
      (lengths, shift) => {
        const block = blockOf(lengths);
        const moved = new Uint8Array(block.length + shift).subarray(shift);
        moved.set(block);
        const expected = lengths.map((_, index) => `n${index}`);
        t.same(namesOf(moved), expected);
        t.same(
          decodeViews('route', moved, newlink).map((view) => view.ifname),
          expected,
        );
        t.same(
          decode('route', moved).map((m) => (m.attributes[2000] as Uint8Array).length),
          lengths,
        );
        const { ifname, rowCount } = decodeColumns(newlink, moved, ['ifname']);
        t.same(
          Array.from({ length: rowCount }, (_, row) => ifname.get(row)),
          expected,
        );
      },
    ),
    { numRuns: 30 },
  );
  t.end();
});

test('views of runs of equal messages, in any mixture, also over several pieces', (t) => {
  const kinds = [
    (index: number) => encode(newlink, { seq: index, header: { index }, attributes: { mtu: index } }),
    (index: number) =>
      encode(newlink, { seq: index, header: { index }, attributes: { mtu: index, group: 1 } }),
    (index: number) => encode(newlink, { seq: index, header: { index }, attributes: { ifname: 'abcde' } }),
    (index: number) => encode(getlink, { seq: index, header: { index } }),
  ];
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.nat(kinds.length - 1), fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 2500 }))),
        {
          maxLength: 12,
        },
      ),
      (mixture) => {
        let index = 0;
        const messages = mixture.flatMap(([kind, count]) =>
          Array.from({ length: count }, () => Buffer.from(kinds[kind]?.(++index) ?? [])),
        );
        const block = Buffer.concat(messages.flatMap((m) => [m, Buffer.alloc(-m.length & 3)]));
        const expected = decode('route', block).filter(({ name }) => name === 'newlink');
        const views = decodeViews('route', block, newlink);
        const indexes = expected.map(({ header }) => header.index);
        t.same(
          expected.map(({ seq }) => seq),
          indexes,
        );
        t.same(
          views.map((view) => view.index),
          indexes,
        );
        t.equal(views.length, indexes.length);
        for (const row of [0, 1, indexes.length >> 1, indexes.length - 1]) {
          t.same(views.at(row)?.toObject(), expected[row]);
        }
        t.equal(views.at(indexes.length), undefined);
      },
    ),
    { numRuns: 40 },
  );
  t.end();
});

test('a message that is longer than a piece', (t) => {
  const long = encode(newlink, {
    attributes: {
      ifname: 'long',
      2000: new Uint8Array(65_000),
      2001: new Uint8Array(65_000),
      2002: new Uint8Array(65_000),
      2003: new Uint8Array(65_000),
      2004: new Uint8Array(65_000),
    } as never,
  }).slice();
  t.ok(long.length > 2 * PIECE);
  const some = blockOf([5, 6]);
  const block = new Uint8Array(some.length * 2 + long.length);
  block.set(some);
  block.set(long, some.length);
  block.set(some, some.length + long.length);
  t.same(namesOf(block), ['n0', 'n1', 'long', 'n0', 'n1']);
  t.end();
});

test('what is cut short or no message is told as in a small block, wherever it stands', (t) => {
  const small = blockOf([40, 41, 42]);
  const large = blockOf(Array.from({ length: 900 }, () => 300));
  for (const cut of [1, 7, 16, 60]) {
    const tail = small.subarray(0, small.length - cut);
    const block = new Uint8Array(large.length + tail.length);
    block.set(large);
    block.set(tail, large.length);
    t.same(decode('route', block).slice(900), decode('route', tail), `cut by ${cut}`);
    t.equal(decodeRecords('route', block).length, decode('route', block).length);
  }
  // nlmsg_len below 16 in the middle: what follows cannot be framed, and is kept raw
  const spoilt = large.slice();
  const half = decodeRecords('route', large)[450]?.offset as number;
  spoilt.fill(0, half, half + 4);
  const messages = decode('route', spoilt);
  t.equal(messages.length, 451);
  t.equal(messages[450]?.truncated, true);
  t.equal(messages[450]?.raw?.length, large.length - half);
  t.end();
});
