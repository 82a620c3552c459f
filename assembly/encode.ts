/*
 * Encoding: a program written by the host, run into a message.
 *
 *   step    u16 nla_type with its flag bits, u8 operation, u8 size of a number | SIZE_BIG_ENDIAN
 *           OP_NUMBER    u32                     an integer of up to 4 bytes
 *           OP_WIDE      u32 low, u32 high       an integer of 8 bytes
 *           OP_BYTES     u32 length, bytes       padded to 4 in the program
 *           OP_OPEN      u32 length, bytes       a nest, with the struct it begins with
 *           OP_RECORD    u32 length, bytes       a record of a sequence: no attribute header, its own length first
 *           OP_CLOSE                             ends the innermost nest or record
 *
 * The program begins with the family's header; the module adds nlmsghdr, attribute headers, lengths, padding and
 * byte order.
 */
import { MAXIMUM_DEPTH, NLMSG_HDRLEN, align4 } from './layout';

const OP_NUMBER: u32 = 0;
const OP_WIDE: u32 = 1;
const OP_BYTES: u32 = 2;
const OP_OPEN: u32 = 3;
const OP_RECORD: u32 = 4;
const SIZE_BIG_ENDIAN: u32 = 0x80;

export const ENCODE_NO_ROOM: i32 = -1;
export const ENCODE_TOO_LONG: i32 = -2; // an attribute of more than 65,535 bytes
export const ENCODE_TOO_DEEP: i32 = -3;

const stack: usize = memory.data(<i32>(MAXIMUM_DEPTH + 1) * 4);

/** Writes one message to `out`; returns its length in bytes (nlmsg_len), or an ENCODE_ error. */
export function encode(
  program: usize,
  end: usize,
  header: u32,
  out: usize,
  outEnd: usize,
  typeAndFlags: u32,
  sequence: u32,
  port: u32,
): i32 {
  const start = out;
  if (out + NLMSG_HDRLEN + header > outEnd) return ENCODE_NO_ROOM;
  store<u32>(out, typeAndFlags, 4);
  store<u32>(out, sequence, 8);
  store<u32>(out, port, 12);
  out += NLMSG_HDRLEN;
  for (let i: u32 = 0; i < header; i += 4) store<u32>(out + i, load<u32>(program + i));
  out += header;
  program += header;
  let depth: i32 = 0;
  while (program < end) {
    const step = load<u32>(program);
    const operation = (step >> 16) & 0xff;
    const type = (step & 0xffff) << 16;
    program += 4;
    if (operation == OP_NUMBER) {
      if (out + 8 > outEnd) return ENCODE_NO_ROOM;
      const value = load<u32>(program);
      const size = step >> 24;
      program += 4;
      store<u32>(out, type | (4 + (size & 0x7f)));
      if (size == 4) store<u32>(out, value, 4);
      else if (size == 2) store<u32>(out, value & 0xffff, 4);
      else if (size == 1) store<u32>(out, value & 0xff, 4);
      else if (size == (4 | SIZE_BIG_ENDIAN)) store<u32>(out, bswap<u32>(value), 4);
      else store<u32>(out, <u32>bswap<u16>(<u16>value), 4);
      out += 8;
    } else if (operation == OP_WIDE) {
      if (out + 12 > outEnd) return ENCODE_NO_ROOM;
      store<u32>(out, type | 12);
      const wide = load<u64>(program);
      store<u64>(out, step >> 24 & SIZE_BIG_ENDIAN ? bswap<u64>(wide) : wide, 4);
      program += 8;
      out += 12;
    } else if (operation <= OP_RECORD) {
      const length = load<u32>(program);
      const padded = align4(length);
      program += 4;
      if (length > 0xffff - 4) return ENCODE_TOO_LONG;
      if (out + 4 + padded > outEnd) return ENCODE_NO_ROOM;
      if (operation != OP_BYTES) {
        if (depth >= MAXIMUM_DEPTH) return ENCODE_TOO_DEEP;
        // the lowest bit tells a record, whose length stands in its own first two bytes
        store<u32>(stack + (depth << 2), <u32>out | (operation == OP_RECORD ? 1 : 0));
        depth++;
      }
      if (operation != OP_RECORD) {
        store<u32>(out, type | (4 + length));
        out += 4;
      }
      if (padded != 0) {
        store<u32>(out + padded - 4, 0);
        memory.copy(out, program, length);
        out += padded;
        program += padded;
      }
    } else {
      if (depth == 0) return ENCODE_TOO_DEEP;
      depth--;
      const opened = load<u32>(stack + (depth << 2));
      const from = <usize>(opened & ~3);
      if (out - from > 0xffff) return ENCODE_TOO_LONG;
      // records and the last attribute of a nest are whole words by now
      store<u16>(from, <u16>(out - from));
    }
  }
  store<u32>(start, <u32>(out - start));
  return <i32>(out - start);
}

/**
 * Bulk: `count` copies of the message at `template`, each with its own values from columns and its own sequence
 * number. A patch is 16 bytes: offset in the message, width, address of the column, 1 for big-endian.
 */
export function replicate(
  template: usize,
  length: u32,
  count: u32,
  patches: usize,
  patchesEnd: usize,
  out: usize,
  sequence: u32,
): void {
  const stride = <usize>align4(length);
  let to = out;
  for (let i: u32 = 0; i < count; i++) {
    memory.copy(to, template, stride);
    store<u32>(to, sequence + i, 8);
    to += stride;
  }
  for (let patch = patches; patch < patchesEnd; patch += 16) {
    const width = load<u32>(patch, 4);
    const swapped = load<u32>(patch, 12);
    let from = <usize>load<u32>(patch, 8);
    const end = out + stride * count;
    for (let at = out + load<u32>(patch); at < end; at += stride, from += width) {
      if (width == 4) store<u32>(at, swapped ? bswap<u32>(load<u32>(from)) : load<u32>(from));
      else if (width == 1) store<u8>(at, load<u8>(from));
      else if (width == 2) store<u16>(at, swapped ? bswap<u16>(load<u16>(from)) : load<u16>(from));
      else if (width == 8) store<u64>(at, swapped ? bswap<u64>(load<u64>(from)) : load<u64>(from));
      else memory.copy(at, from, width);
    }
  }
}
