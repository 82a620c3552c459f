/** The numbers that assembly/layout.ts, encode.ts and columns.ts agree on with the host: see the pictures there. */

export const kinds = {
  unknown: 0,
  leaf: 1,
  nest: 2,
  elements: 3,
  choice: 4,
  embedded: 5,
  sequence: 6,
} as const;
export const SIZE_AUTO = 0xffff;
export const selectorModes = { string: 0, number: 1, header: 2 } as const;

/** Words of a node. */
export const NODE_WORDS = 4;
/** A node's variant when its payload is kept raw. */
export const RAW = 0xffff;

export const SHAPE_NODES = 28;
export const SHAPE_ATTRIBUTES = 44;
export const SHAPE_SIZE = 48;

export const RECORD_SIZE = 32;
export const STATUS_TRUNCATED = 1;
export const STATUS_FLEETING = 2;

export const operations = { number: 0, wide: 1, bytes: 2, open: 3, record: 4, close: 5 } as const;
export const SIZE_BIG_ENDIAN = 0x80;
export const ENCODE_NO_ROOM = -1;
export const ENCODE_TOO_LONG = -2;

export const COLUMN_WORDS = 10;
export const stops = { end: 0, rows: 1, arena: 2, heap: 3, width: 4, partial: 5 } as const;
