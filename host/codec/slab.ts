/** Small messages are cut from a common piece of memory, as Node's buffers are: an array of its own is costly to make. */
const SLAB_WORDS = 4096;

let slab = new Uint32Array(0);
let used = 0;

/** A piece of a larger array, which nobody else gets. */
export interface Piece {
  readonly words: Uint32Array;
  /** Number of its first word. */
  readonly first: number;
}

/** Takes so many words, of any content. */
export function cut(count: number): Piece {
  if (count * 8 > SLAB_WORDS) return { words: new Uint32Array(count), first: 0 };
  if (used + count > slab.length) {
    slab = new Uint32Array(SLAB_WORDS);
    used = 0;
  }
  const first = used;
  used += count;
  return { words: slab, first };
}

/** Bytes of a piece. */
export function bytesOf({ words, first }: Piece, start: number, end: number): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset + first * 4 + start, end - start);
}
