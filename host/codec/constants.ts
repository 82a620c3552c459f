/** nlmsg_flags, linux/netlink.h. Those from 0x100 on mean different things by kind of request. */
export const messageFlags = {
  request: 0x01,
  multi: 0x02,
  ack: 0x04,
  echo: 0x08,
  dumpIntr: 0x10,
  dumpFiltered: 0x20,
  /** GET: return the whole table. */
  root: 0x100,
  /** GET: return all that matches. */
  match: 0x200,
  /** GET: root and match. */
  dump: 0x300,
  /** NEW: override what exists. */
  replace: 0x100,
  /** NEW: fail when it exists. */
  excl: 0x200,
  /** NEW: create when it does not exist. */
  create: 0x400,
  /** NEW: add to the end of the list. */
  append: 0x800,
  /** DELETE: do not delete recursively. */
  nonrec: 0x100,
  /** DELETE: delete several objects. */
  bulk: 0x200,
  /** ERROR: the request's payload is left out. */
  capped: 0x100,
  /** ERROR and DONE: extended-ack attributes follow. */
  ackTlvs: 0x200,
} as const;

/** nlmsg_type of control messages, linux/netlink.h. */
export const controlTypes = { noop: 1, error: 2, done: 3, overrun: 4 } as const;

/** Bytes of struct nlmsghdr. */
export const MESSAGE_HEADER_LENGTH = 16;
/** Bits of nla_type that are no part of the number. */
export const NESTED_FLAG = 0x8000;
export const NET_BYTEORDER_FLAG = 0x4000;
export const TYPE_MASK = 0x3fff;
