/*
 * Columns: the wanted fields of many messages into arrays, without a record or an object in between.
 *
 *   column (40 bytes)
 *   +0  source: SOURCE_HEADER or SOURCE_ATTRIBUTE
 *   +4  header: offset in the message; attribute: address of its path (count, then types, outermost first)
 *   +8  width of a value in bytes, 0 when it varies
 *   +12 values (width bytes a row), or the heap that holds values of varying length
 *   +16 lengths: a byte a row, 0 where the attribute is absent; varying: u32 a row, where its value ends in the heap
 *   +20 flags: COLUMN_BIG_ENDIAN
 *   +24 of the shape at hand: offset, ABSENT when it lacks the attribute
 *   +28 of the shape at hand: length
 *   +32 heap: bytes used
 *   +36 heap: bytes there are
 */
import {
  NLMSG_HDRLEN,
  NLA_TYPE_MASK,
  NODE_END,
  NODE_LENGTH,
  NODE_OFFSET,
  NODE_SIZE,
  NODE_TYPE,
  NODE_VARIANT,
  RAW,
  SHAPE_LENGTH,
  SHAPE_MESSAGE,
  SHAPE_NODES,
  SHAPE_SERIAL,
  SHAPE_SIZE,
  align4,
} from './layout';
import { shapeOf } from './shape';
import { matches } from './template';

const COLUMN_SIZE: usize = 40;
const SOURCE_HEADER: u32 = 0;
const COLUMN_BIG_ENDIAN: u32 = 1;
const ABSENT: u32 = 0xffffffff;
/** Rows that are copied at a time: their messages stay in the first-level cache from one column to the next. */
const RUN: u32 = 256;

/** Why the last call stopped. */
export const STOP_END: u32 = 0;
export const STOP_ROWS: u32 = 1; // no row is left
export const STOP_ARENA: u32 = 2; // the shapes' arena is full
export const STOP_HEAP: u32 = 3; // a heap of varying values is full
export const STOP_WIDTH: u32 = 4; // a value is wider than its column
export const STOP_PARTIAL: u32 = 5; // what is left is no whole message

export let columnsPosition: usize = 0;
export let columnsStop: u32 = 0;
/** Messages of other kinds that were passed over. */
export let columnsSkipped: u32 = 0;

/**
 * Fills rows `row` to `limit` from the messages between `at` and `end` whose number is `identifier`; returns the
 * next free row.
 */
export function columns(
  directory: usize,
  identifier: u32,
  at: usize,
  end: usize,
  list: usize,
  count: u32,
  row: u32,
  limit: u32,
): u32 {
  const listEnd = list + <usize>count * COLUMN_SIZE;
  let planned: u32 = 0;
  columnsStop = STOP_END;
  columnsSkipped = 0;
  while (at < end) {
    if (row == limit) {
      columnsStop = STOP_ROWS;
      break;
    }
    const left = <u32>(end - at);
    const length = left >= NLMSG_HDRLEN ? load<u32>(at) : 0;
    if (length < NLMSG_HDRLEN || length > left) {
      columnsStop = STOP_PARTIAL;
      break;
    }
    const shape = shapeOf(directory, at, length, false);
    if (shape == 0) {
      columnsStop = STOP_ARENA;
      break;
    }
    if (load<u32>(shape, SHAPE_MESSAGE) != identifier) {
      columnsSkipped++;
      at = min<usize>(at + align4(length), end);
      continue;
    }
    if (load<u32>(shape, SHAPE_SERIAL) != planned) {
      if (!plan(shape, list, listEnd)) {
        columnsStop = STOP_WIDTH;
        break;
      }
      planned = load<u32>(shape, SHAPE_SERIAL);
    }
    // how many messages of this very shape follow
    const stride = <usize>align4(length);
    const most = min<u32>(min<u32>(limit - row, RUN), <u32>((end - at - length) / stride) + 1);
    const type = load<u16>(at, 4);
    let rows: u32 = 1;
    let next = at + stride;
    while (rows < most && load<u32>(next) == length && load<u16>(next, 4) == type && matches(shape, next)) {
      rows++;
      next += stride;
    }
    for (let column = list; column < listEnd; column += COLUMN_SIZE) {
      if (!copy(column, at, stride, row, rows)) {
        columnsStop = STOP_HEAP;
        columnsPosition = at;
        return row;
      }
    }
    row += rows;
    at = min<usize>(next, end);
  }
  columnsPosition = at;
  return row;
}

/** Finds every column's place in messages of this shape; false when a value would not fit its column. */
function plan(shape: usize, list: usize, listEnd: usize): bool {
  for (let column = list; column < listEnd; column += COLUMN_SIZE) {
    const width = load<u32>(column, 8);
    if (load<u32>(column) == SOURCE_HEADER) {
      const offset = load<u32>(column, 4);
      const there = offset + width <= load<u32>(shape, SHAPE_LENGTH);
      store<u32>(column, there ? offset : ABSENT, 24);
      store<u32>(column, width, 28);
      continue;
    }
    const node = follow(shape, <usize>load<u32>(column, 4));
    if (node == 0 || load<u16>(node, NODE_VARIANT) == RAW) {
      store<u32>(column, ABSENT, 24);
      continue;
    }
    if (width != 0 && load<u32>(node, NODE_LENGTH) > width) return false;
    store<u32>(column, load<u32>(node, NODE_OFFSET), 24);
    store<u32>(column, load<u32>(node, NODE_LENGTH), 28);
  }
  return true;
}

function follow(shape: usize, path: usize): usize {
  const nodes = shape + SHAPE_SIZE;
  const steps = load<u32>(path);
  let i: u32 = 0;
  let end = load<u32>(shape, SHAPE_NODES);
  let found: usize = 0;
  for (let step: u32 = 0; step < steps; step++) {
    const wanted = load<u32>(path + 4 + (step << 2));
    found = 0;
    while (i < end) {
      const node = nodes + <usize>i * NODE_SIZE;
      if ((load<u16>(node, NODE_TYPE) & NLA_TYPE_MASK) == wanted) {
        found = node;
        end = load<u32>(node, NODE_END);
        i++;
        break;
      }
      i = load<u32>(node, NODE_END);
    }
    if (found == 0) return 0;
  }
  return found;
}

/** One column of a run of equally built messages; false when its heap is full. */
function copy(column: usize, at: usize, stride: usize, row: u32, rows: u32): bool {
  const width = load<u32>(column, 8);
  const offset = load<u32>(column, 24);
  const length = load<u32>(column, 28);
  const lengths = <usize>load<u32>(column, 16);
  if (width == 0) return copyVarying(column, offset == ABSENT ? ABSENT : offset, length, at, stride, row, rows);
  let to = <usize>load<u32>(column, 12) + <usize>row * width;
  if (lengths != 0) fill(lengths + row, offset == ABSENT ? 0 : <u8>length, rows);
  if (offset == ABSENT) {
    memory.fill(to, 0, <usize>rows * width);
    return true;
  }
  let from = at + offset;
  const swapped = load<u32>(column, 20) & COLUMN_BIG_ENDIAN;
  const end = to + <usize>rows * width;
  if (length == 4 && width == 4) {
    if (swapped) for (; to < end; to += 4, from += stride) store<u32>(to, bswap<u32>(load<u32>(from)));
    else copyEach<u32>(to, end, from, stride);
  } else if (length == 1 && width == 1) copyEach<u8>(to, end, from, stride);
  else if (length == 2 && width == 2) {
    if (swapped) for (; to < end; to += 2, from += stride) store<u16>(to, bswap<u16>(load<u16>(from)));
    else copyEach<u16>(to, end, from, stride);
  } else if (length == 8 && width == 8) {
    if (swapped) for (; to < end; to += 8, from += stride) store<u64>(to, bswap<u64>(load<u64>(from)));
    else copyEach<u64>(to, end, from, stride);
  } else {
    if (length < width) memory.fill(to, 0, <usize>rows * width);
    for (; to < end; to += width, from += stride) memory.copy(to, from, length);
  }
  return true;
}

/** Four rows at a time: a loop costs WebAssembly a check in every round. */
// @ts-ignore: decorator
@inline
function copyEach<T>(to: usize, end: usize, from: usize, stride: usize): void {
  const size = sizeof<T>();
  const fours = end - ((end - to) & (4 * size - 1));
  const twice = stride * 2;
  const thrice = twice + stride;
  for (; to < fours; to += 4 * size, from += stride * 4) {
    store<T>(to, load<T>(from));
    store<T>(to + size, load<T>(from + stride));
    store<T>(to + 2 * size, load<T>(from + twice));
    store<T>(to + 3 * size, load<T>(from + thrice));
  }
  for (; to < end; to += size, from += stride) store<T>(to, load<T>(from));
}

/** `memory.fill` is a call out of the module, which a run of rows is too short for. */
// @ts-ignore: decorator
@inline
function fill(to: usize, value: u8, count: u32): void {
  const end = to + count;
  const many = i8x16.splat(value);
  for (; to + 16 <= end; to += 16) v128.store(to, many);
  for (; to < end; to++) store<u8>(to, value);
}

function copyVarying(
  column: usize,
  offset: u32,
  length: u32,
  at: usize,
  stride: usize,
  row: u32,
  rows: u32,
): bool {
  const heap = <usize>load<u32>(column, 12);
  let ends = <usize>load<u32>(column, 16) + ((<usize>row) << 2);
  let used = row == 0 ? 0 : load<u32>(ends - 4);
  if (offset == ABSENT) length = 0;
  if (<u64>used + <u64>length * rows > <u64>load<u32>(column, 36)) return false;
  let from = at + offset;
  for (let i: u32 = 0; i < rows; i++) {
    if (length != 0) memory.copy(heap + used, from, length);
    used += length;
    store<u32>(ends, used);
    ends += 4;
    from += stride;
  }
  store<u32>(column, used, 32);
  return true;
}
