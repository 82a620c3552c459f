/** Changes to datagrams such as a fuzzer makes: of bits, lengths and types, by cutting, repeating and splicing. */

/** A generator of numbers that gives the same ones for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

const interesting = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xfffc, 0xffff];

function below(next: () => number, limit: number): number {
  return Math.floor(next() * limit);
}

type Change = (bytes: Uint8Array, next: () => number, others: readonly Uint8Array[]) => Uint8Array;

const changes: readonly Change[] = [
  // a bit
  (bytes, next) => {
    const at = below(next, bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << below(next, 8));
    return bytes;
  },
  // a 16-bit word, where lengths and types are
  (bytes, next) => {
    if (bytes.length < 2) return bytes;
    const at = below(next, bytes.length >> 1) * 2;
    const value = interesting[below(next, interesting.length)] as number;
    bytes[at] = value & 0xff;
    bytes[at + 1] = value >> 8;
    return bytes;
  },
  // a message's length
  (bytes, next) => {
    if (bytes.length < 4) return bytes;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(
      0,
      next() < 0.5 ? below(next, bytes.length * 2) : below(next, 2 ** 32),
      true,
    );
    return bytes;
  },
  // the end cut off
  (bytes, next) => bytes.slice(0, below(next, bytes.length + 1)),
  // a piece twice
  (bytes, next) => {
    const from = below(next, bytes.length);
    const to = from + below(next, bytes.length - from);
    return Uint8Array.from([...bytes.subarray(0, to), ...bytes.subarray(from)]);
  },
  // a piece of another datagram
  (bytes, next, others) => {
    const other = others[below(next, others.length)] ?? bytes;
    return Uint8Array.from([
      ...bytes.subarray(0, below(next, bytes.length)),
      ...other.subarray(below(next, other.length)),
    ]);
  },
  // a run of one byte
  (bytes, next) => {
    const from = below(next, bytes.length);
    return bytes.fill(next() < 0.5 ? 0 : 0xff, from, from + 1 + below(next, 16));
  },
];

/** One to five changes to a copy of one of the seeds. */
export function mutate(seeds: readonly Uint8Array[], next: () => number): Uint8Array {
  let bytes: Uint8Array = (seeds[below(next, seeds.length)] as Uint8Array).slice();
  for (let count = 1 + below(next, 5); count > 0 && bytes.length > 0; count--) {
    bytes = (changes[below(next, changes.length)] as Change)(bytes, next, seeds);
  }
  return bytes;
}
