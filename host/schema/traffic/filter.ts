import {
  attributeSet,
  be16,
  be32,
  binary,
  choice,
  flags,
  indexed,
  nest,
  pad,
  s16,
  s32,
  string,
  struct,
  structure,
  u8,
  u16,
  u32,
  u64,
} from '../definition.js';
import { actions, policeAttributes } from './action.js';
import { classifierFlags, flowerAttributes } from './flower.js';

/* The classifiers: linux/pkt_cls.h */

/** struct tcf_ematch_tree_hdr, linux/pkt_cls.h */
export const tcfEmatchTreeHdr = struct('tcf-ematch-tree-hdr', { nmatches: u16, progid: u16 });

/** struct tcf_ematch_hdr, linux/pkt_cls.h, with what the match's kind makes of the rest. */
export const tcfEmatchHdr = struct('tcf-ematch-hdr', {
  matchid: u16,
  kind: u16,
  flags: u16,
  pad: pad(2),
  data: binary,
});

/** TCA_EMATCH_TREE_*, linux/pkt_cls.h */
export const ematchAttributes = attributeSet('tc-ematch', {
  treeHdr: [1, structure(tcfEmatchTreeHdr)],
  treeList: [2, indexed(structure(tcfEmatchHdr))],
});

/** struct tc_basic_pcnt, linux/pkt_cls.h */
export const tcBasicPcnt = struct('tc-basic-pcnt', { rcnt: u64, rhit: u64 });

/** TCA_BASIC_*, linux/pkt_cls.h */
export const basicAttributes = attributeSet('tc-basic', {
  classid: [1, u32],
  ematches: [2, nest(ematchAttributes)],
  act: [3, actions],
  police: [4, nest(policeAttributes)],
  pcnt: [5, structure(tcBasicPcnt)],
});

/** TCA_BPF_FLAG_*, linux/pkt_cls.h */
export const bpfFlags = { 'act-direct': 1 } as const;

/** TCA_BPF_*, linux/pkt_cls.h; `ops` holds struct sock_filter, `tag` is 8 bytes. */
export const bpfAttributes = attributeSet('tc-bpf', {
  act: [1, actions],
  police: [2, nest(policeAttributes)],
  classid: [3, u32],
  opsLen: [4, u16],
  ops: [5, binary],
  fd: [6, u32],
  name: [7, string],
  flags: [8, flags(u32, bpfFlags)],
  flagsGen: [9, flags(u32, classifierFlags)],
  tag: [10, binary],
  id: [11, u32],
});

/** TCA_CGROUP_*, linux/pkt_cls.h */
export const cgroupAttributes = attributeSet('tc-cgroup', {
  act: [1, actions],
  police: [2, nest(policeAttributes)],
  ematches: [3, nest(ematchAttributes)],
});

/** TCA_FLOW_*, linux/pkt_cls.h */
export const flowAttributes = attributeSet('tc-flow', {
  keys: [1, u32],
  mode: [2, u32],
  baseclass: [3, u32],
  rshift: [4, u32],
  addend: [5, u32],
  mask: [6, u32],
  xor: [7, u32],
  divisor: [8, u32],
  act: [9, actions],
  police: [10, nest(policeAttributes)],
  ematches: [11, nest(ematchAttributes)],
  perturb: [12, u32],
});

/** TCA_FW_*, linux/pkt_cls.h; the mark itself is `header.handle`. */
export const fwAttributes = attributeSet('tc-fw', {
  classid: [1, u32],
  police: [2, nest(policeAttributes)],
  indev: [3, string],
  act: [4, actions],
  mask: [5, u32],
});

/** struct tc_matchall_pcnt, linux/pkt_cls.h */
export const tcMatchallPcnt = struct('tc-matchall-pcnt', { rhit: u64 });

/** TCA_MATCHALL_*, linux/pkt_cls.h */
export const matchallAttributes = attributeSet('tc-matchall', {
  classid: [1, u32],
  act: [2, actions],
  flags: [3, flags(u32, classifierFlags)],
  pcnt: [4, structure(tcMatchallPcnt)],
});

/** TCA_ROUTE4_*, linux/pkt_cls.h */
export const routeAttributes = attributeSet('tc-route', {
  classid: [1, u32],
  to: [2, u32],
  from: [3, u32],
  iif: [4, u32],
  police: [5, nest(policeAttributes)],
  act: [6, actions],
});

/** struct tc_u32_key, linux/pkt_cls.h; mask and value as the packet has them, `off` in bytes. See keys.ts for many. */
export const tcU32Key = struct('tc-u32-key', { mask: be32, val: be32, off: s32, offmask: s32 });

/** TC_U32_*, linux/pkt_cls.h */
export const u32SelectorFlags = { terminal: 1, offset: 2, varoffset: 4, eat: 8 } as const;

/** struct tc_u32_sel, linux/pkt_cls.h: `nkeys` tc_u32_key follow in `keys`. */
export const tcU32Sel = struct('tc-u32-sel', {
  flags: flags(u8, u32SelectorFlags),
  offshift: u8,
  nkeys: u8,
  pad: pad(1),
  offmask: be16,
  off: u16,
  offoff: s16,
  hoff: s16,
  hmask: be32,
  keys: binary,
});

/** struct tc_u32_pcnt, linux/pkt_cls.h: a u64 for each key follows in `kcnts`. */
export const tcU32Pcnt = struct('tc-u32-pcnt', { rcnt: u64, rhit: u64, kcnts: binary });

/** struct tc_u32_mark, linux/pkt_cls.h */
export const tcU32Mark = struct('tc-u32-mark', { val: u32, mask: u32, success: u32 });

/** TCA_U32_*, linux/pkt_cls.h */
export const u32Attributes = attributeSet('tc-u32', {
  classid: [1, u32],
  hash: [2, u32],
  link: [3, u32],
  divisor: [4, u32],
  sel: [5, structure(tcU32Sel)],
  police: [6, nest(policeAttributes)],
  act: [7, actions],
  indev: [8, string],
  pcnt: [9, structure(tcU32Pcnt)],
  mark: [10, structure(tcU32Mark)],
  flags: [11, flags(u32, classifierFlags)],
});

/** TCA_OPTIONS of a filter, chosen by its kind. */
export const filterOptions = choice('kind', {
  basic: nest(basicAttributes),
  bpf: nest(bpfAttributes),
  cgroup: nest(cgroupAttributes),
  flow: nest(flowAttributes),
  flower: nest(flowerAttributes),
  fw: nest(fwAttributes),
  matchall: nest(matchallAttributes),
  route: nest(routeAttributes),
  u32: nest(u32Attributes),
});
