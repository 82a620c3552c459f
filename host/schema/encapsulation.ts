/** Encapsulation of what a route or next hop sends (lightweight tunnels). linux/lwtunnel.h and the headers named below */
import {
  array,
  attributeSet,
  be16,
  be32,
  be64,
  binary,
  choice,
  enumeration,
  flags,
  ip,
  ipv4,
  ipv6,
  list,
  nest,
  string,
  struct,
  structure,
  u8,
  u16,
  u32,
  u64,
} from './definition.js';

/** LWTUNNEL_ENCAP_* */
export const encapTypes = {
  none: 0,
  mpls: 1,
  ip: 2,
  ila: 3,
  ip6: 4,
  seg6: 5,
  bpf: 6,
  'seg6-local': 7,
  rpl: 8,
  ioam6: 9,
  xfrm: 10,
} as const;

/** MPLS_IPTUNNEL_*, linux/mpls_iptunnel.h; `dst` is the stack of labels to put on, as RFC 3032 codes them. */
export const mplsEncap = attributeSet('encap-mpls', { dst: [1, array(be32)], ttl: [2, u8] });
/** LWTUNNEL_IP_OPT_GENEVE_* */
export const geneveOption = attributeSet('encap-opt-geneve', {
  class: [1, be16],
  type: [2, u8],
  data: [3, binary],
});
/** LWTUNNEL_IP_OPT_VXLAN_* */
export const vxlanOption = attributeSet('encap-opt-vxlan', { gbp: [1, u32] });
/** LWTUNNEL_IP_OPT_ERSPAN_* */
export const erspanOption = attributeSet('encap-opt-erspan', {
  ver: [1, u8],
  index: [2, be32],
  dir: [3, u8],
  hwid: [4, u8],
});
/** LWTUNNEL_IP_OPTS_*: what the tunnel's own header carries besides. */
export const tunnelOptions = attributeSet('encap-opts', {
  geneve: [1, list(nest(geneveOption))],
  vxlan: [2, nest(vxlanOption)],
  erspan: [3, nest(erspanOption)],
});
/** LWTUNNEL_IP_* */
export const ipEncap = attributeSet('encap-ip', {
  id: [1, be64],
  dst: [2, ip],
  src: [3, ip],
  ttl: [4, u8],
  tos: [5, u8],
  flags: [6, be16],
  opts: [8, nest(tunnelOptions)],
});
/** LWTUNNEL_IP6_* */
export const ip6Encap = attributeSet('encap-ip6', {
  id: [1, be64],
  dst: [2, ip],
  src: [3, ip],
  hoplimit: [4, u8],
  tc: [5, u8],
  flags: [6, be16],
  opts: [8, nest(tunnelOptions)],
});
/** ILA_ATTR_*, linux/ila.h */
export const ilaEncap = attributeSet('encap-ila', {
  locator: [1, be64],
  csumMode: [7, u8],
  identType: [8, u8],
  hookType: [9, u8],
});
/** SEG6_IPTUN_MODE_* */
export const seg6Modes = { inline: 0, encap: 1, l2encap: 2, 'encap-red': 3, 'l2encap-red': 4 } as const;
/** struct seg6_iptunnel_encap: `srh` is the segment routing header, RFC 8754. */
export const seg6IptunnelEncap = struct('seg6-iptunnel-encap', {
  mode: enumeration(u32, seg6Modes),
  srh: binary,
});
/** SEG6_IPTUNNEL_*, linux/seg6_iptunnel.h */
export const seg6Encap = attributeSet('encap-seg6', { srh: [1, structure(seg6IptunnelEncap)] });
/** SEG6_LOCAL_ACTION_* */
export const seg6LocalActions = {
  unspec: 0,
  end: 1,
  'end-x': 2,
  'end-t': 3,
  'end-dx2': 4,
  'end-dx6': 5,
  'end-dx4': 6,
  'end-dt6': 7,
  'end-dt4': 8,
  'end-b6': 9,
  'end-b6-encap': 10,
  'end-bm': 11,
  'end-s': 12,
  'end-as': 13,
  'end-am': 14,
  'end-bpf': 15,
  'end-dt46': 16,
} as const;
/** SEG6_LOCAL_BPF_* */
export const seg6LocalBpf = attributeSet('seg6-local-bpf', { prog: [1, u32], progName: [2, string] });
/** SEG6_LOCAL_CNT_* */
export const seg6LocalCounters = attributeSet('seg6-local-counters', {
  packets: [2, u64],
  bytes: [3, u64],
  errors: [4, u64],
});
/** SEG6_LOCAL_FLV_OP_*, of which each is a bit. */
export const seg6LocalFlavorOperations = { psp: 0x2, usp: 0x4, usd: 0x8, 'next-csid': 0x10 } as const;
/** SEG6_LOCAL_FLV_* */
export const seg6LocalFlavors = attributeSet('seg6-local-flavors', {
  operation: [1, flags(u32, seg6LocalFlavorOperations)],
  lcblockBits: [2, u8],
  lcnodeFnBits: [3, u8],
});
/** SEG6_LOCAL_*, linux/seg6_local.h */
export const seg6LocalEncap = attributeSet('encap-seg6-local', {
  action: [1, enumeration(u32, seg6LocalActions)],
  srh: [2, binary],
  table: [3, u32],
  nh4: [4, ipv4],
  nh6: [5, ipv6],
  iif: [6, u32],
  oif: [7, u32],
  bpf: [8, nest(seg6LocalBpf)],
  vrftable: [9, u32],
  counters: [10, nest(seg6LocalCounters)],
  flavors: [11, nest(seg6LocalFlavors)],
});
/** LWT_BPF_PROG_* */
export const bpfProgram = attributeSet('encap-bpf-program', { fd: [1, u32], name: [2, string] });
/** LWT_BPF_* */
export const bpfEncap = attributeSet('encap-bpf', {
  in: [1, nest(bpfProgram)],
  out: [2, nest(bpfProgram)],
  xmit: [3, nest(bpfProgram)],
  xmitHeadroom: [4, u32],
});
/** RPL_IPTUNNEL_*, linux/rpl_iptunnel.h; the source routing header of RFC 6554. */
export const rplEncap = attributeSet('encap-rpl', { srh: [1, binary] });
/** IOAM6_IPTUNNEL_MODE_* */
export const ioam6Modes = { inline: 1, encap: 2, auto: 3 } as const;
/** IOAM6_IPTUNNEL_*, linux/ioam6_iptunnel.h; done to `freqK` packets of every `freqN`. */
export const ioam6Encap = attributeSet('encap-ioam6', {
  mode: [1, enumeration(u8, ioam6Modes)],
  dst: [2, ipv6],
  trace: [3, binary],
  freqK: [4, u32],
  freqN: [5, u32],
  src: [6, ipv6],
});
/** LWT_XFRM_* */
export const xfrmEncap = attributeSet('encap-xfrm', { ifId: [1, u32], link: [2, u32] });

const encap = choice('encapType', {
  mpls: nest(mplsEncap),
  ip: nest(ipEncap),
  ila: nest(ilaEncap),
  ip6: nest(ip6Encap),
  seg6: nest(seg6Encap),
  bpf: nest(bpfEncap),
  'seg6-local': nest(seg6LocalEncap),
  rpl: nest(rplEncap),
  ioam6: nest(ioam6Encap),
  xfrm: nest(xfrmEncap),
});

/** The attributes that say the encapsulation's type and its settings, in a set where they have these numbers. */
export function encapsulation<const T extends number, const E extends number>(typeNumber: T, number: E) {
  return { encapType: [typeNumber, enumeration(u16, encapTypes)], encap: [number, encap] } as const;
}
