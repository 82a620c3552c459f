/** Runs one of our benches in a process of its own: program.js BENCH INPUT [ROUNDS [ITEMS]], one line of JSON out, as every rival. */
import { readFileSync } from 'node:fs';
import { argv } from 'node:process';
import { Network } from '../host/network/index.js';
import {
  decodeColumnsByAttribute,
  decodeColumnsByLayout,
  decodeObjectsByHand,
  newRouteColumns,
} from './hand-written.js';
import * as subject from './subject.js';

/** Does the work once; `timed` counts only what it is given. Returns the items. */
type Round = (timed: (work: () => unknown) => Promise<void>) => Promise<number>;
type Bench = (input: string, items: number) => Round;

/** A dump in memory of its own, aligned. */
function dump(path: string): Uint8Array {
  const file = readFileSync(path);
  const bytes = new Uint8Array(file.length);
  bytes.set(file);
  return bytes;
}

const decoding =
  (decode: (bytes: Uint8Array) => number): Bench =>
  (input) => {
    const bytes = dump(input);
    return async (timed) => {
      let items = 0;
      await timed(() => {
        items = decode(bytes);
      });
      return items;
    };
  };

const encoding =
  (encode: (n: number) => Uint8Array): Bench =>
  (_input, items) =>
  async (timed) => {
    await timed(() => {
      for (let n = 0; n < items; n++) subject.consumed.value += encode(n).length;
    });
    return items;
  };

const listing =
  (list: (net: Network) => Promise<number>): Bench =>
  () => {
    const net = Network.openSync();
    return async (timed) => {
      let found = 0;
      await timed(async () => {
        found = await list(net);
      });
      return found;
    };
  };

const byHand = (decode: typeof decodeColumnsByAttribute): Bench => {
  const out = newRouteColumns(1 << 18);
  return decoding((bytes) => {
    decode(bytes, out);
    return out.rows;
  });
};

const benches: Readonly<Record<string, () => Bench>> = {
  'decode-columns': () => decoding(subject.decodeColumns),
  'decode-objects': () => decoding(subject.decodeObjects),
  'decode-views': () => decoding(subject.decodeViews3Fields),
  'js-decode-columns': () => byHand(decodeColumnsByAttribute),
  'js-decode-columns-layout': () => byHand(decodeColumnsByLayout),
  'js-decode-objects': () => decoding((bytes) => decodeObjectsByHand(bytes).length),
  encode: () => encoding(subject.encodeMessage),
  'encode-text': () => encoding(subject.encodeMessageOfText),
  'list-columns': () => listing(subject.listColumns),
  'list-views': () => listing(subject.listViews),
  'list-objects': () => listing(subject.listObjects),
  'add-batched': () => (_input, items) => {
    const net = Network.openSync();
    const inputs = subject.routeInputs(items);
    return async (timed) => {
      await timed(() => subject.addBatched(net, inputs));
      await subject.deleteBatched(net, inputs);
      return items;
    };
  },
};

/** Rounds that do not count: the JIT compilers need them, as much as the caches. */
const WARM_UP_ROUNDS = 5;

const [, , bench = '', input, rounds = '20', count = '20000'] = argv;
const make = Object.hasOwn(benches, bench) ? benches[bench] : undefined;
if (make === undefined || input === undefined) {
  process.stderr.write(`usage: program.js ${Object.keys(benches).join('|')} INPUT [ROUNDS [ITEMS]]\n`);
  process.exit(2);
}
const round = make()(input, Number(count));
const samples: number[] = [];
let items = 0;
for (let i = -WARM_UP_ROUNDS; i < Number(rounds); i++) {
  let taken = 0;
  items = await round(async (work) => {
    const start = process.hrtime.bigint();
    await work();
    taken = Number(process.hrtime.bigint() - start);
  });
  if (i >= 0) samples.push(taken);
}
const median = samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? 0;
const rival = bench.startsWith('js-') ? 'JavaScript by hand' : 'netloom';
process.stdout.write(`${JSON.stringify({ bench, rival, items, samples, nsPerItem: median / items })}\n`);
process.exit(0);
