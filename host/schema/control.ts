import {
  attributeSet,
  binary,
  enumeration,
  nest,
  s32,
  s64,
  string,
  struct,
  u16,
  u32,
  u64,
} from './definition.js';

/** struct nlmsghdr, linux/netlink.h */
export const nlmsghdr = struct('nlmsghdr', { len: u32, type: u16, flags: u16, seq: u32, pid: u32 });

/** What an ERROR or DONE message begins with: 0, or a negative errno. struct nlmsgerr, linux/netlink.h */
export const nlmsgerr = struct('nlmsgerr', { error: s32 });

/** NL_POLICY_TYPE_ATTR_*, linux/netlink.h: what the kernel would have accepted. */
export const policyTypeAttributes = attributeSet('policy-type', {
  type: [
    1,
    enumeration(u32, {
      invalid: 0,
      flag: 1,
      u8: 2,
      u16: 3,
      u32: 4,
      u64: 5,
      s8: 6,
      s16: 7,
      s32: 8,
      s64: 9,
      binary: 10,
      string: 11,
      'nul-string': 12,
      nested: 13,
      'nested-array': 14,
      bitfield32: 15,
      sint: 16,
      uint: 17,
    }),
  ],
  minValueS: [2, s64],
  maxValueS: [3, s64],
  minValueU: [4, u64],
  maxValueU: [5, u64],
  minLength: [6, u32],
  maxLength: [7, u32],
  policyIdx: [8, u32],
  policyMaxtype: [9, u32],
  bitfield32Mask: [10, u32],
  mask: [12, u64],
});

/** NLMSGERR_ATTR_*, linux/netlink.h */
export const extendedAckAttributes = attributeSet('extended-ack', {
  msg: [1, string],
  offs: [2, u32],
  cookie: [3, binary],
  policy: [4, nest(policyTypeAttributes)],
  missType: [5, u32],
  missNest: [6, u32],
});
