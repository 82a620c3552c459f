import { NODE_SIZE, SHAPE_BLOCKS, SHAPE_NODES, SHAPE_SIZE } from './layout';

/* The template of a shape: what a message must have in the same places to be of that shape. */

// a block of the template: offset in the message (u32), sixteen of its bytes, and which of them count
const BLOCK_WORDS: usize = 8;
const BLOCK_MASK: usize = 24;
export const BLOCK_SIZE: usize = 40;

/** Has the message at `at`, which is as long as the shape's, the words of its template? */
// @ts-ignore: decorator
@inline
export function matches(shape: usize, at: usize): bool {
  let block = shape + SHAPE_SIZE + <usize>load<u32>(shape, SHAPE_NODES) * NODE_SIZE;
  const end = block + <usize>load<u32>(shape, SHAPE_BLOCKS) * BLOCK_SIZE;
  let different = i32x4.splat(0);
  while (block < end) {
    const found = v128.load(at + load<u32>(block));
    different = v128.or(different, v128.and(v128.xor(found, v128.load(block, BLOCK_WORDS)), v128.load(block, BLOCK_MASK)));
    block += BLOCK_SIZE;
  }
  return !v128.any_true(different);
}

/**
 * Writes the remembered words (pairs of offset and word, from `wordsEnd` down to `words`) to `to` as blocks of sixteen
 * bytes of the message, with a mask of those that count; returns their end, 0 when there is no room. No block reaches behind the message, which is at least as long as one.
 */
export function settle(to: usize, words: usize, wordsEnd: usize, length: u32): usize {
  let begin: u32 = 0;
  let block: usize = 0;
  let word = wordsEnd;
  while (word > words) {
    word -= 8;
    const offset = load<u32>(word);
    if (block == 0 || offset < begin || offset > begin + 12) {
      block = to;
      to += BLOCK_SIZE;
      if (to > words) return 0;
      begin = min<u32>(offset, length - 16);
      memory.fill(block, 0, BLOCK_SIZE);
      store<u32>(block, begin);
    }
    const at = block + (offset - begin);
    store<u32>(at, load<u32>(word, 4), BLOCK_WORDS);
    store<u32>(at, 0xffffffff, BLOCK_MASK);
  }
  return to;
}
