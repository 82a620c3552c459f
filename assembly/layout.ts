/*
 * Where everything lies in memory. The host writes tables, the module writes shapes and records; both sides
 * know these numbers (host/codec/layout.ts is the twin of this file).
 *
 *   attribute set      entry (8 bytes)                         choice
 *   +0 entries         +0 u8  kind                             +0  u8 mode, u8 big-endian, u16 size of a number
 *   +4 identifier      +1 u8  flags                            +4  selector: attribute type, or header offset
 *   +8 entry[0]        +2 u16 size of the payload, 0 any       +8  variants
 *   …                  +4 u32 set, choice or element           +12 entry without variant
 *                                                              +20 variant[0]: key, key length, entry
 *
 *   directory of a protocol         page: 256 of               shape
 *   +0 flags                        +0 message, 0 unknown      header (48 bytes, SHAPE_*)
 *   +4 set of an ack                +4 set                     nodes (16 bytes each, NODE_*)
 *   +8 page[0] … page[255]          +8 size of the header      template: pairs of offset and word
 */

export const KIND_UNKNOWN: u32 = 0;
export const KIND_LEAF: u32 = 1;
export const KIND_NEST: u32 = 2;
export const KIND_ELEMENTS: u32 = 3;
export const KIND_CHOICE: u32 = 4;
export const KIND_EMBEDDED: u32 = 5;
export const KIND_SEQUENCE: u32 = 6;

/** Entry flags: what encoding must know of a leaf. */
export const FLAG_BIG_ENDIAN: u32 = 1;
export const FLAG_STRING: u32 = 2;

/** A size that stands for 4 or 8 bytes (YNL's uint). */
export const SIZE_AUTO: u32 = 0xffff;

export const CHOICE_STRING: u32 = 0;
export const CHOICE_NUMBER: u32 = 1;
export const CHOICE_HEADER: u32 = 2;

export const NODE_SIZE: usize = 16;
export const NODE_TYPE: usize = 0; // u16 nla_type with its flag bits
export const NODE_VARIANT: usize = 2; // u16: chosen variant + 1, or RAW
export const NODE_OFFSET: usize = 4; // of the payload, from the message's start
export const NODE_LENGTH: usize = 8; // of the payload
export const NODE_END: usize = 12; // number of the first node behind this one's children

/** The payload does not fit its type, or has none: the host keeps it as bytes. */
export const RAW: u32 = 0xffff;

export const SHAPE_LENGTH: usize = 0;
export const SHAPE_KEY: usize = 4; // nlmsg_type, and the generic netlink command above it
export const SHAPE_DIRECTORY: usize = 8;
export const SHAPE_NEXT: usize = 12; // the shape that came after this one last time
export const SHAPE_CHAIN: usize = 16;
export const SHAPE_HASH: usize = 20;
export const SHAPE_BLOCKS: usize = 24; // of the template, behind the nodes
export const SHAPE_NODES: usize = 28;
export const SHAPE_SERIAL: usize = 32;
export const SHAPE_STATUS: usize = 36;
export const SHAPE_MESSAGE: usize = 40;
export const SHAPE_ATTRIBUTES: usize = 44; // where the attributes begin
export const SHAPE_SIZE: usize = 48;

export const STATUS_TRUNCATED: u32 = 1; // cut short, or attributes that do not add up
export const STATUS_FLEETING: u32 = 2; // not to be recognised again: something outside the template decides

export const RECORD_SIZE: usize = 32;

export const NLMSG_ERROR: u32 = 2;
export const NLMSG_DONE: u32 = 3;
export const NLMSG_MIN_TYPE: u32 = 16;
export const NLMSG_HDRLEN: u32 = 16;
export const NLM_F_DUMP_INTR: u32 = 0x10;
export const NLM_F_CAPPED: u32 = 0x100;
export const NLM_F_ACK_TLVS: u32 = 0x200;
export const NLA_TYPE_MASK: u32 = 0x3fff;
export const NLA_F_NESTED: u32 = 0x8000;

/** Deeper nests stay bytes: the kernel's own deepest is far below. */
export const MAXIMUM_DEPTH: i32 = 32;

// @ts-ignore: decorator
@inline
export function align4(n: u32): u32 {
  return (n + 3) & ~3;
}
