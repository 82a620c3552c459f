import {
  attributeSet,
  be16,
  be32,
  be64,
  binary,
  bytes,
  flags,
  ipv4,
  ipv6,
  list,
  mac,
  nest,
  string,
  u8,
  u16,
  u32,
} from '../definition.js';
import { actions } from './action.js';

/* The flower classifier: linux/pkt_cls.h. A key without its mask is matched whole. */

/** TCA_CLS_FLAGS_*, linux/pkt_cls.h */
export const classifierFlags = {
  'skip-hw': 1,
  'skip-sw': 2,
  'in-hw': 4,
  'not-in-hw': 8,
  verbose: 16,
} as const;

/** TCA_FLOWER_KEY_FLAGS_*, linux/pkt_cls.h */
export const flowerKeyFlags = {
  frag: 1,
  firstfrag: 2,
  tuncsum: 4,
  tundf: 8,
  tunoam: 16,
  tuncrit: 32,
} as const;

/** TCA_FLOWER_KEY_CT_FLAGS_*, linux/pkt_cls.h */
export const flowerKeyCtFlags = {
  new: 1,
  established: 2,
  related: 4,
  tracked: 8,
  invalid: 16,
  reply: 32,
} as const;

/** TCA_FLOWER_KEY_ENC_OPT_GENEVE_*, linux/pkt_cls.h */
export const flowerGeneveAttributes = attributeSet('tc-flower-key-enc-opt-geneve', {
  class: [1, be16],
  type: [2, u8],
  data: [3, binary],
});

/** TCA_FLOWER_KEY_ENC_OPT_VXLAN_*, linux/pkt_cls.h */
export const flowerVxlanAttributes = attributeSet('tc-flower-key-enc-opt-vxlan', { gbp: [1, u32] });

/** TCA_FLOWER_KEY_ENC_OPT_ERSPAN_*, linux/pkt_cls.h */
export const flowerErspanAttributes = attributeSet('tc-flower-key-enc-opt-erspan', {
  ver: [1, u8],
  index: [2, be32],
  dir: [3, u8],
  hwid: [4, u8],
});

/** TCA_FLOWER_KEY_ENC_OPT_GTP_*, linux/pkt_cls.h */
export const flowerGtpAttributes = attributeSet('tc-flower-key-enc-opt-gtp', {
  pduType: [1, u8],
  qfi: [2, u8],
});

/** TCA_FLOWER_KEY_ENC_OPT_PFCP_*, linux/pkt_cls.h, Linux 6.10 */
export const flowerPfcpAttributes = attributeSet('tc-flower-key-enc-opt-pfcp', {
  type: [1, u8],
  seid: [2, be64],
});

/** TCA_FLOWER_KEY_ENC_OPTS_*, linux/pkt_cls.h */
export const flowerTunnelOptionsAttributes = attributeSet('tc-flower-key-enc-opts', {
  geneve: [1, list(nest(flowerGeneveAttributes))],
  vxlan: [2, nest(flowerVxlanAttributes)],
  erspan: [3, nest(flowerErspanAttributes)],
  gtp: [4, nest(flowerGtpAttributes)],
  pfcp: [5, nest(flowerPfcpAttributes)],
});

/** TCA_FLOWER_KEY_MPLS_OPT_LSE_*, linux/pkt_cls.h: one entry of the label stack. */
export const flowerMplsLseAttributes = attributeSet('tc-flower-key-mpls-opt', {
  lseDepth: [1, u8],
  lseTtl: [2, u8],
  lseBos: [3, u8],
  lseTc: [4, u8],
  lseLabel: [5, u32],
});

/** TCA_FLOWER_KEY_MPLS_OPTS_*, linux/pkt_cls.h */
export const flowerMplsOptionsAttributes = attributeSet('tc-flower-key-mpls-opts', {
  lse: [1, list(nest(flowerMplsLseAttributes))],
});

/** TCA_FLOWER_KEY_CFM_*, linux/pkt_cls.h */
export const flowerCfmAttributes = attributeSet('tc-flower-key-cfm', {
  mdLevel: [1, u8],
  opcode: [2, u8],
});

/** TCA_FLOWER_*, linux/pkt_cls.h; VLAN ids and the MPLS label are in host order (the header says otherwise). */
export const flowerAttributes = attributeSet('tc-flower', {
  classid: [1, u32],
  indev: [2, string],
  act: [3, actions],
  keyEthDst: [4, mac],
  keyEthDstMask: [5, mac],
  keyEthSrc: [6, mac],
  keyEthSrcMask: [7, mac],
  keyEthType: [8, be16],
  keyIpProto: [9, u8],
  keyIpv4Src: [10, ipv4],
  keyIpv4SrcMask: [11, ipv4],
  keyIpv4Dst: [12, ipv4],
  keyIpv4DstMask: [13, ipv4],
  keyIpv6Src: [14, ipv6],
  keyIpv6SrcMask: [15, ipv6],
  keyIpv6Dst: [16, ipv6],
  keyIpv6DstMask: [17, ipv6],
  keyTcpSrc: [18, be16],
  keyTcpDst: [19, be16],
  keyUdpSrc: [20, be16],
  keyUdpDst: [21, be16],
  flags: [22, flags(u32, classifierFlags)],
  keyVlanId: [23, u16],
  keyVlanPrio: [24, u8],
  keyVlanEthType: [25, be16],
  keyEncKeyId: [26, be32],
  keyEncIpv4Src: [27, ipv4],
  keyEncIpv4SrcMask: [28, ipv4],
  keyEncIpv4Dst: [29, ipv4],
  keyEncIpv4DstMask: [30, ipv4],
  keyEncIpv6Src: [31, ipv6],
  keyEncIpv6SrcMask: [32, ipv6],
  keyEncIpv6Dst: [33, ipv6],
  keyEncIpv6DstMask: [34, ipv6],
  keyTcpSrcMask: [35, be16],
  keyTcpDstMask: [36, be16],
  keyUdpSrcMask: [37, be16],
  keyUdpDstMask: [38, be16],
  keySctpSrcMask: [39, be16],
  keySctpDstMask: [40, be16],
  keySctpSrc: [41, be16],
  keySctpDst: [42, be16],
  keyEncUdpSrcPort: [43, be16],
  keyEncUdpSrcPortMask: [44, be16],
  keyEncUdpDstPort: [45, be16],
  keyEncUdpDstPortMask: [46, be16],
  keyFlags: [47, flags(be32, flowerKeyFlags)],
  keyFlagsMask: [48, flags(be32, flowerKeyFlags)],
  keyIcmpv4Code: [49, u8],
  keyIcmpv4CodeMask: [50, u8],
  keyIcmpv4Type: [51, u8],
  keyIcmpv4TypeMask: [52, u8],
  keyIcmpv6Code: [53, u8],
  keyIcmpv6CodeMask: [54, u8],
  keyIcmpv6Type: [55, u8],
  keyIcmpv6TypeMask: [56, u8],
  keyArpSip: [57, ipv4],
  keyArpSipMask: [58, ipv4],
  keyArpTip: [59, ipv4],
  keyArpTipMask: [60, ipv4],
  keyArpOp: [61, u8],
  keyArpOpMask: [62, u8],
  keyArpSha: [63, mac],
  keyArpShaMask: [64, mac],
  keyArpTha: [65, mac],
  keyArpThaMask: [66, mac],
  keyMplsTtl: [67, u8],
  keyMplsBos: [68, u8],
  keyMplsTc: [69, u8],
  keyMplsLabel: [70, u32],
  keyTcpFlags: [71, be16],
  keyTcpFlagsMask: [72, be16],
  keyIpTos: [73, u8],
  keyIpTosMask: [74, u8],
  keyIpTtl: [75, u8],
  keyIpTtlMask: [76, u8],
  keyCvlanId: [77, u16],
  keyCvlanPrio: [78, u8],
  keyCvlanEthType: [79, be16],
  keyEncIpTos: [80, u8],
  keyEncIpTosMask: [81, u8],
  keyEncIpTtl: [82, u8],
  keyEncIpTtlMask: [83, u8],
  keyEncOpts: [84, nest(flowerTunnelOptionsAttributes)],
  keyEncOptsMask: [85, nest(flowerTunnelOptionsAttributes)],
  inHwCount: [86, u32],
  keyPortSrcMin: [87, be16],
  keyPortSrcMax: [88, be16],
  keyPortDstMin: [89, be16],
  keyPortDstMax: [90, be16],
  keyCtState: [91, flags(u16, flowerKeyCtFlags)],
  keyCtStateMask: [92, flags(u16, flowerKeyCtFlags)],
  keyCtZone: [93, u16],
  keyCtZoneMask: [94, u16],
  keyCtMark: [95, u32],
  keyCtMarkMask: [96, u32],
  keyCtLabels: [97, bytes(16)],
  keyCtLabelsMask: [98, bytes(16)],
  keyMplsOpts: [99, nest(flowerMplsOptionsAttributes)],
  keyHash: [100, u32],
  keyHashMask: [101, u32],
  keyNumOfVlans: [102, u8],
  keyPppoeSid: [103, be16],
  keyPppProto: [104, be16],
  keyL2tpv3Sid: [105, be32],
  l2Miss: [106, u8],
  keyCfm: [107, nest(flowerCfmAttributes)],
  keySpi: [108, be32],
  keySpiMask: [109, be32],
  keyEncFlags: [110, flags(be32, flowerKeyFlags)],
  keyEncFlagsMask: [111, flags(be32, flowerKeyFlags)],
});
