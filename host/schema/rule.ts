/** Routing policy rules: RTM_NEWRULE and its kin. linux/fib_rules.h */
import {
  attributeSet,
  be32,
  be64,
  enumeration,
  family,
  flags,
  ip,
  string,
  struct,
  structure,
  u8,
  u16,
  u32,
} from './definition.js';

/** FR_ACT_* */
export const ruleActions = {
  unspec: 0,
  'to-tbl': 1,
  goto: 2,
  nop: 3,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
} as const;
/** FIB_RULE_* */
export const ruleFlags = {
  permanent: 0x1,
  invert: 0x2,
  unresolved: 0x4,
  'iif-detached': 0x8,
  'oif-detached': 0x10,
  'find-saddr': 0x10000,
} as const;

/** struct fib_rule_hdr */
export const fibRuleHdr = struct('fib-rule-hdr', {
  family: u8,
  dstLen: u8,
  srcLen: u8,
  tos: u8,
  table: u8,
  res1: u8,
  res2: u8,
  action: enumeration(u8, ruleActions),
  flags: flags(u32, ruleFlags),
});

/** struct fib_rule_port_range: both ends included. */
export const fibRulePortRange = struct('fib-rule-port-range', { start: u16, end: u16 });
/** struct fib_rule_uid_range: both ends included. */
export const fibRuleUidRange = struct('fib-rule-uid-range', { start: u32, end: u32 });

/** FRA_* */
export const ruleAttributes = attributeSet('rule', {
  dst: [1, ip],
  src: [2, ip],
  iifname: [3, string],
  goto: [4, u32],
  priority: [6, u32],
  fwmark: [10, u32],
  flow: [11, u32],
  tunId: [12, be64],
  suppressIfgroup: [13, u32],
  suppressPrefixlen: [14, u32],
  table: [15, u32],
  fwmask: [16, u32],
  oifname: [17, string],
  l3mdev: [19, u8],
  uidRange: [20, structure(fibRuleUidRange)],
  protocol: [21, u8],
  ipProto: [22, u8],
  sportRange: [23, structure(fibRulePortRange)],
  dportRange: [24, structure(fibRulePortRange)],
  dscp: [25, u8],
  flowlabel: [26, be32],
  flowlabelMask: [27, be32],
  sportMask: [28, u16],
  dportMask: [29, u16],
  dscpMask: [30, u8],
});

export const rule = family({
  name: 'rule',
  protocol: 'route',
  messages: {
    newrule: { number: 32, header: fibRuleHdr, attributes: ruleAttributes },
    delrule: { number: 33, header: fibRuleHdr, attributes: ruleAttributes },
    getrule: { number: 34, header: fibRuleHdr, attributes: ruleAttributes },
  },
});
