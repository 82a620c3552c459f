/*
 * Shapes: what one walk over a message found, kept to recognise the next message that is built the same.
 *
 * A shape is the list of a message's attributes (nodes) and a template: the words of the message that decided
 * it (attribute headers, selectors of choices). A message of the same length and type whose words equal the
 * template has the same attributes at the same offsets, so it needs no walk.
 *
 *   arena   | buckets | shape | shape | nodes of the one being built →      ← its template |
 */
import {
  CHOICE_HEADER,
  CHOICE_STRING,
  KIND_CHOICE,
  KIND_ELEMENTS,
  KIND_EMBEDDED,
  KIND_LEAF,
  KIND_NEST,
  KIND_SEQUENCE,
  MAXIMUM_DEPTH,
  NLA_TYPE_MASK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HDRLEN,
  NLMSG_MIN_TYPE,
  NODE_END,
  NODE_LENGTH,
  NODE_OFFSET,
  NODE_SIZE,
  NODE_TYPE,
  NODE_VARIANT,
  RAW,
  SHAPE_ATTRIBUTES,
  SHAPE_BLOCKS,
  SHAPE_CHAIN,
  SHAPE_DIRECTORY,
  SHAPE_HASH,
  SHAPE_KEY,
  SHAPE_LENGTH,
  SHAPE_MESSAGE,
  SHAPE_NEXT,
  SHAPE_NODES,
  SHAPE_SERIAL,
  SHAPE_SIZE,
  SHAPE_STATUS,
  SIZE_AUTO,
  STATUS_FLEETING,
  STATUS_TRUNCATED,
  align4,
} from './layout';
import { byNumber, byString } from './selector';
import { BLOCK_SIZE, matches, settle } from './template';

const BUCKETS: u32 = 256;

let arena: usize = 0;
let arenaEnd: usize = 0;
let top: usize = 0;
let last: usize = 0;
let serial: u32 = 0;

// of the shape being built
let message: usize = 0;
let nodes: usize = 0;
let nodeTop: usize = 0;
let template: usize = 0;
let hash: u32 = 0;
let status: u32 = 0;
let full: bool = false;

/** Gives the shapes their memory; forgets those it held. */
export function setArena(start: usize, end: usize): void {
  arena = start;
  arenaEnd = end;
  forgetShapes();
}

export function forgetShapes(): void {
  memory.fill(arena, 0, BUCKETS * 4);
  top = arena + BUCKETS * 4;
  last = 0;
}

// @ts-ignore: decorator
@inline
function recognises(shape: usize, directory: usize, at: usize, length: u32, key: u32): bool {
  return (
    load<u32>(shape, SHAPE_LENGTH) == length &&
    load<u32>(shape, SHAPE_KEY) == key &&
    <usize>load<u32>(shape, SHAPE_DIRECTORY) == directory &&
    matches(shape, at)
  );
}

/** What tells messages of one directory apart: the type, and in generic netlink the command. */
// @ts-ignore: decorator
@inline
export function keyOf(directory: usize, at: usize, length: u32): u32 {
  const type = <u32>load<u16>(at, 4);
  return load<u32>(directory) != 0 && length > NLMSG_HDRLEN ? type | (<u32>load<u8>(at, NLMSG_HDRLEN) << 16) : type;
}

/** The shape of the message at `at` (its first `length` bytes are there); 0 when the arena is full. */
export function shapeOf(directory: usize, at: usize, length: u32, cut: bool): usize {
  const key = keyOf(directory, at, length);
  if (!cut && last != 0) {
    if (recognises(last, directory, at, length, key)) return last;
    const next = <usize>load<u32>(last, SHAPE_NEXT);
    if (next != 0 && recognises(next, directory, at, length, key)) {
      last = next;
      return next;
    }
  }
  return build(directory, at, length, key, cut);
}

function build(directory: usize, at: usize, length: u32, key: u32, cut: bool): usize {
  const shape = top;
  if (shape + SHAPE_SIZE > arenaEnd) return 0;
  message = at;
  nodes = nodeTop = shape + SHAPE_SIZE;
  template = arenaEnd;
  hash = 0x811c9dc5;
  status = cut ? STATUS_TRUNCATED | STATUS_FLEETING : 0;
  full = false;
  const type = key & 0xffff;
  if (load<u32>(directory) != 0 && length >= NLMSG_HDRLEN + 4) remember(at + NLMSG_HDRLEN); // the command
  let begin = NLMSG_HDRLEN;
  let identifier: u32 = 0;
  if (type < NLMSG_MIN_TYPE) begin = control(directory, type, length);
  else {
    const entry = find(directory, key);
    if (entry != 0) {
      identifier = load<u32>(entry);
      begin += load<u32>(entry, 8);
      if (length < begin) status |= STATUS_TRUNCATED;
      else walk(<usize>load<u32>(entry, 4), at + begin, at + length, 0);
    }
  }
  if (full) return 0;

  const bucket = arena + (((hash ^ length) & (BUCKETS - 1)) << 2);
  if ((status & STATUS_FLEETING) == 0) {
    let known = <usize>load<u32>(bucket);
    while (known != 0) {
      if (load<u32>(known, SHAPE_HASH) == hash && recognises(known, directory, at, length, key)) {
        if (last != 0) store<u32>(last, <u32>known, SHAPE_NEXT);
        last = known;
        return known;
      }
      known = <usize>load<u32>(known, SHAPE_CHAIN);
    }
  }
  const blocks = nodeTop;
  const blocksEnd = settle(blocks, template, arenaEnd, length);
  if (blocksEnd == 0) return 0;
  top = blocksEnd;
  store<u32>(shape, length, SHAPE_LENGTH);
  store<u32>(shape, key, SHAPE_KEY);
  store<u32>(shape, <u32>directory, SHAPE_DIRECTORY);
  store<u32>(shape, 0, SHAPE_NEXT);
  store<u32>(shape, 0, SHAPE_CHAIN);
  store<u32>(shape, hash, SHAPE_HASH);
  store<u32>(shape, <u32>((blocksEnd - blocks) / BLOCK_SIZE), SHAPE_BLOCKS);
  store<u32>(shape, <u32>((blocks - nodes) / NODE_SIZE), SHAPE_NODES);
  store<u32>(shape, ++serial, SHAPE_SERIAL);
  store<u32>(shape, status, SHAPE_STATUS);
  store<u32>(shape, identifier, SHAPE_MESSAGE);
  store<u32>(shape, begin, SHAPE_ATTRIBUTES);
  if ((status & STATUS_FLEETING) == 0) {
    store<u32>(shape, load<u32>(bucket), SHAPE_CHAIN);
    store<u32>(bucket, <u32>shape);
    if (last != 0) store<u32>(last, <u32>shape, SHAPE_NEXT);
    last = shape;
  }
  return shape;
}

/** The directory's entry for a message; 0 when it has none. */
export function find(directory: usize, key: u32): usize {
  let page = <usize>load<u32>(directory + 8 + (((key >> 8) & 0xff) << 2));
  if (page == 0) return 0;
  let entry = page + <usize>(key & 0xff) * 12;
  if (load<u32>(entry) == 0xffffffff) {
    // a generic netlink family: one more page, by command
    entry = <usize>load<u32>(entry, 4) + <usize>(key >> 16) * 12;
  }
  return load<u32>(entry) == 0 ? 0 : entry;
}

/** ERROR and DONE carry their attributes behind what they answer to; returns where those begin. */
function control(directory: usize, type: u32, length: u32): u32 {
  status |= STATUS_FLEETING;
  const flags = <u32>load<u16>(message, 6);
  if (type != NLMSG_ERROR && type != NLMSG_DONE) return length;
  if (length < NLMSG_HDRLEN + 4) {
    if (type == NLMSG_ERROR || length > NLMSG_HDRLEN) status |= STATUS_TRUNCATED;
    return length;
  }
  let begin: u32 = NLMSG_HDRLEN + 4;
  if (type == NLMSG_ERROR) {
    if (length < begin + NLMSG_HDRLEN) {
      status |= STATUS_TRUNCATED;
      return length;
    }
    const answered = load<u32>(message + begin);
    begin += NLMSG_HDRLEN;
    if ((flags & NLM_F_CAPPED) == 0 && answered > NLMSG_HDRLEN) {
      // a successful ack has only the header of what it answers, capped or not
      if (load<i32>(message, NLMSG_HDRLEN) != 0 || answered - NLMSG_HDRLEN <= length - begin) {
        if (answered - NLMSG_HDRLEN > length - begin) {
          status |= STATUS_TRUNCATED;
          return length;
        }
        begin += align4(answered - NLMSG_HDRLEN);
      }
    }
    if (begin > length) begin = length;
  }
  if ((flags & NLM_F_ACK_TLVS) != 0) walk(<usize>load<u32>(directory, 4), message + begin, message + length, 0);
  return begin;
}

// @ts-ignore: decorator
@inline
function remember(at: usize): void {
  if (nodeTop + 8 > template) {
    full = true;
    return;
  }
  template -= 8;
  const word = load<u32>(at);
  const offset = <u32>(at - message);
  store<u32>(template, offset);
  store<u32>(template, word, 4);
  hash = ((hash ^ word) * 0x01000193) ^ offset;
}

function walk(set: usize, at: usize, end: usize, depth: i32): void {
  const start = at;
  const count = load<u32>(set);
  while (end - at >= 4) {
    const head = load<u32>(at);
    const length = head & 0xffff;
    if (length < 4 || length > <u32>(end - at)) {
      status |= STATUS_TRUNCATED;
      return;
    }
    remember(at);
    const type = (head >> 16) & NLA_TYPE_MASK;
    const entry = type < count ? set + 8 + (type << 3) : 0;
    attribute(entry, head >> 16, at + 4, length - 4, start, end, depth);
    if (full) return;
    at = min<usize>(at + align4(length), end);
  }
  if (at < end) status |= STATUS_TRUNCATED;
}

function attribute(
  entry: usize,
  type: u32,
  payload: usize,
  length: u32,
  start: usize,
  end: usize,
  depth: i32,
): void {
  const node = nodeTop;
  if (node + NODE_SIZE > template) {
    full = true;
    return;
  }
  nodeTop = node + NODE_SIZE;
  store<u16>(node, <u16>type, NODE_TYPE);
  store<u16>(node, 0, NODE_VARIANT);
  store<u32>(node, <u32>(payload - message), NODE_OFFSET);
  store<u32>(node, length, NODE_LENGTH);
  if (entry == 0) store<u16>(node, RAW, NODE_VARIANT);
  else descend(node, entry, payload, length, start, end, depth);
  store<u32>(node, <u32>((nodeTop - nodes) / NODE_SIZE), NODE_END);
}

function descend(
  node: usize,
  entry: usize,
  payload: usize,
  length: u32,
  start: usize,
  end: usize,
  depth: i32,
): void {
  const word = load<u32>(entry);
  const size = word >> 16;
  const target = <usize>load<u32>(entry, 4);
  const kind = word & 0xff;
  if (kind == KIND_LEAF) {
    if (size != 0 && length != size && !(size == SIZE_AUTO && (length == 4 || length == 8))) {
      store<u16>(node, RAW, NODE_VARIANT);
    }
    return;
  }
  if (depth >= MAXIMUM_DEPTH) {
    store<u16>(node, RAW, NODE_VARIANT);
    return;
  }
  if (kind == KIND_NEST) walk(target, payload, payload + length, depth + 1);
  else if (kind == KIND_ELEMENTS) elements(target, payload, payload + length, depth + 1);
  else if (kind == KIND_CHOICE) choose(node, target, payload, length, start, end, depth);
  else if (kind == KIND_EMBEDDED && length >= size) {
    walk(target, payload + min<u32>(align4(size), length), payload + length, depth + 1);
  } else if (kind == KIND_SEQUENCE) sequence(target, size, payload, payload + length, depth + 1);
  else store<u16>(node, RAW, NODE_VARIANT);
}

/** A nest whose children all are of one type; `entry` describes it. */
function elements(entry: usize, at: usize, end: usize, depth: i32): void {
  const start = at;
  while (end - at >= 4) {
    const head = load<u32>(at);
    const length = head & 0xffff;
    if (length < 4 || length > <u32>(end - at)) {
      status |= STATUS_TRUNCATED;
      return;
    }
    remember(at);
    attribute(entry, head >> 16, at + 4, length - 4, start, end, depth);
    if (full) return;
    at = min<usize>(at + align4(length), end);
  }
  if (at < end) status |= STATUS_TRUNCATED;
}

/** Records one behind the other, each with its length in its first two bytes. */
function sequence(set: usize, size: u32, at: usize, end: usize, depth: i32): void {
  while (at < end) {
    if (end - at < max<u32>(size, 4)) {
      status |= STATUS_TRUNCATED;
      return;
    }
    const length = <u32>load<u16>(at);
    if (length < size || length > <u32>(end - at)) {
      status |= STATUS_TRUNCATED;
      return;
    }
    remember(at);
    const node = nodeTop;
    if (node + NODE_SIZE > template) {
      full = true;
      return;
    }
    nodeTop = node + NODE_SIZE;
    store<u32>(node, 0);
    store<u32>(node, <u32>(at - message), NODE_OFFSET);
    store<u32>(node, length, NODE_LENGTH);
    walk(set, at + size, at + length, depth);
    if (full) return;
    store<u32>(node, <u32>((nodeTop - nodes) / NODE_SIZE), NODE_END);
    at = min<usize>(at + align4(length), end);
  }
}

/** Finds the variant that the selector names. The selector may stand before or behind what it selects. */
function choose(
  node: usize,
  choice: usize,
  payload: usize,
  length: u32,
  start: usize,
  end: usize,
  depth: i32,
): void {
  const mode = <u32>load<u8>(choice);
  let selector: usize = 0;
  let selectorLength: u32 = load<u16>(choice, 2);
  if (mode == CHOICE_HEADER) {
    selector = message + load<u32>(choice, 4);
    remember(message + (load<u32>(choice, 4) & ~3));
  } else {
    const wanted = load<u32>(choice, 4);
    let at = start;
    while (end - at >= 4) {
      const head = load<u32>(at);
      const bytes = head & 0xffff;
      if (bytes < 4 || bytes > <u32>(end - at)) break;
      if (((head >> 16) & NLA_TYPE_MASK) == wanted) {
        selector = at + 4;
        selectorLength = bytes - 4;
        for (let word = selector; word < at + bytes; word += 4) {
          if (word + 4 <= end) remember(word);
          else status |= STATUS_FLEETING;
        }
        break;
      }
      at = min<usize>(at + align4(bytes), end);
    }
  }
  if (full) return;
  let chosen = choice + 12;
  if (selector != 0) {
    const found = mode == CHOICE_STRING ? byString(choice, selector, selectorLength) : byNumber(choice, selector, selectorLength);
    if (found != 0) {
      chosen = choice + 20 + ((found - 1) << 4) + 8;
      store<u16>(node, <u16>found, NODE_VARIANT);
    }
  }
  descend(node, chosen, payload, length, start, end, depth + 1);
}
