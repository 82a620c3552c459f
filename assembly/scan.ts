/*
 * Framing: from a buffer of messages to one record for each run of them that follow each other and have one shape.
 *
 *   record   +0 address of the first   +4 length of each   +8 count
 *            +20 message number | status << 16   +24 shape   +28 serial of the shape
 *
 * A survey's records are of single messages:
 *
 *   record   +0 address   +4 length   +8 nlmsg_type, nlmsg_flags   +12 nlmsg_seq   +20 status << 16
 */
import {
  NLM_F_DUMP_INTR,
  NLMSG_HDRLEN,
  NLMSG_MIN_TYPE,
  RECORD_SIZE,
  SHAPE_MESSAGE,
  SHAPE_SERIAL,
  SHAPE_STATUS,
  STATUS_TRUNCATED,
  align4,
} from './layout';
import { shapeOf } from './shape';

/** Where the last call stopped. */
export let position: usize = 0;

/** How many of the rest's messages there were in the last survey. */
export let surveyed: u32 = 0;

/** The record of bytes that are no message. */
function rubbish(out: usize, at: usize, length: u32): void {
  memory.fill(out, 0, RECORD_SIZE);
  store<u32>(out, <u32>at);
  store<u32>(out, length, 4);
  store<u32>(out, STATUS_TRUNCATED << 16, 20);
}

/**
 * Writes a record for each run of messages between `at` and `end`, at most `limit`. Bytes at the end that are no
 * message make one record without shape. Stops early (see `position`) when the shapes' arena is full.
 */
export function scan(directory: usize, at: usize, end: usize, out: usize, limit: u32): u32 {
  let count: u32 = 0;
  let before: usize = 0;
  while (at < end && count < limit) {
    const left = <u32>(end - at);
    const told = left >= NLMSG_HDRLEN ? load<u32>(at) : 0;
    if (told < NLMSG_HDRLEN) {
      rubbish(out, at, left);
      at = end;
      count++;
      break;
    }
    const length = min(told, left);
    const shape = shapeOf(directory, at, length, told > left);
    if (shape == 0) break;
    if (shape == before) store<u32>(out - RECORD_SIZE, load<u32>(out - RECORD_SIZE, 8) + 1, 8);
    else {
      store<u32>(out, <u32>at);
      store<u32>(out, length, 4);
      store<u32>(out, 1, 8);
      store<u32>(out, load<u32>(shape, SHAPE_MESSAGE) | (load<u32>(shape, SHAPE_STATUS) << 16), 20);
      store<u32>(out, <u32>shape, 24);
      store<u32>(out, load<u32>(shape, SHAPE_SERIAL), 28);
      out += RECORD_SIZE;
      count++;
      before = shape;
    }
    at = min<usize>(at + align4(length), end);
  }
  position = at;
  return count;
}

/**
 * A quick look for the socket: records only the messages that are no plain data of request `sequence` (acks,
 * errors, DONE, a dump marked as interrupted, answers to others, bytes that are no message), counts the rest.
 */
export function survey(at: usize, end: usize, sequence: u32, out: usize, limit: u32): u32 {
  let count: u32 = 0;
  surveyed = 0;
  while (at < end && count < limit) {
    const left = <u32>(end - at);
    const told = left >= NLMSG_HDRLEN ? load<u32>(at) : 0;
    if (told < NLMSG_HDRLEN) {
      rubbish(out, at, left);
      at = end;
      count++;
      break;
    }
    const length = min(told, left);
    const head = load<u32>(at, 4);
    if (
      (head & 0xffff) < NLMSG_MIN_TYPE ||
      ((head >> 16) & NLM_F_DUMP_INTR) != 0 ||
      load<u32>(at, 8) != sequence ||
      told > left
    ) {
      store<u32>(out, <u32>at);
      store<u32>(out, length, 4);
      store<u32>(out, head, 8);
      store<u32>(out, load<u32>(at, 8), 12);
      store<u32>(out, told > left ? STATUS_TRUNCATED << 16 : 0, 20);
      out += RECORD_SIZE;
      count++;
    } else surveyed++;
    at = min<usize>(at + align4(length), end);
  }
  position = at;
  return count;
}
