import {
  attributeSet,
  be16,
  be32,
  binary,
  enumeration,
  flag,
  flags,
  ipv4,
  ipv6,
  list,
  mac,
  nest,
  pad,
  s32,
  struct,
  structure,
  u8,
  u16,
  u32,
  u64,
} from '../definition.js';
import { gen, timesAndParms } from './action-common.js';
import { tcfT } from './common.js';

/* Actions that change packets: linux/tc_act/*.h */

/** SKBEDIT_F_*, linux/tc_act/tc_skbedit.h */
export const skbeditFlags = {
  priority: 0x01,
  'queue-mapping': 0x02,
  mark: 0x04,
  ptype: 0x08,
  mask: 0x10,
  inheritdsfield: 0x20,
  'txq-skbhash': 0x40,
} as const;

/** TCA_SKBEDIT_*, linux/tc_act/tc_skbedit.h; `flags` is a union of `skbeditFlags`. */
export const skbeditAttributes = attributeSet('tc-act-skbedit', {
  ...timesAndParms,
  priority: [3, u32],
  queueMapping: [4, u16],
  mark: [5, u32],
  ptype: [7, u16],
  mask: [8, u32],
  flags: [9, u64],
  queueMappingMax: [10, u16],
});

/** TCA_VLAN_ACT_*, linux/tc_act/tc_vlan.h */
export const vlanActions = { pop: 1, push: 2, modify: 3, 'pop-eth': 4, 'push-eth': 5 } as const;

/** struct tc_vlan, linux/tc_act/tc_vlan.h */
export const tcVlan = struct('tc-vlan', { ...gen, vAction: enumeration(s32, vlanActions) });

/** TCA_VLAN_*, linux/tc_act/tc_vlan.h; the protocol is an EtherType. */
export const vlanAttributes = attributeSet('tc-act-vlan', {
  tm: [1, structure(tcfT)],
  parms: [2, structure(tcVlan)],
  pushVlanId: [3, u16],
  pushVlanProtocol: [4, be16],
  pushVlanPriority: [6, u8],
  pushEthDst: [7, mac],
  pushEthSrc: [8, mac],
});

/** struct tc_pedit_key, linux/tc_act/tc_pedit.h; mask and value as the packet has them. See `peditKeys` for many. */
export const tcPeditKey = struct('tc-pedit-key', {
  mask: be32,
  val: be32,
  off: u32,
  at: u32,
  offmask: u32,
  shift: u32,
});

/** struct tc_pedit_sel, linux/tc_act/tc_pedit.h: `nkeys` tc_pedit_key follow in `keys`. */
export const tcPeditSel = struct('tc-pedit-sel', {
  ...gen,
  nkeys: u8,
  flags: u8,
  pad: pad(2),
  keys: binary,
});

/** enum pedit_header_type, linux/tc_act/tc_pedit.h */
export const peditHeaderTypes = { network: 0, eth: 1, ip4: 2, ip6: 3, tcp: 4, udp: 5 } as const;

/** enum pedit_cmd, linux/tc_act/tc_pedit.h */
export const peditCommands = { set: 0, add: 1 } as const;

/** TCA_PEDIT_KEY_EX_*, linux/tc_act/tc_pedit.h */
export const peditKeyExAttributes = attributeSet('tc-act-pedit-key-ex', {
  htype: [1, enumeration(u16, peditHeaderTypes)],
  cmd: [2, enumeration(u16, peditCommands)],
});

/** The extended keys in TCA_PEDIT_KEYS_EX, as many as `nkeys` says. */
export const peditKeysExAttributes = attributeSet('tc-act-pedit-keys-ex', {
  keyEx: [6, list(nest(peditKeyExAttributes))],
});

/** TCA_PEDIT_*, linux/tc_act/tc_pedit.h */
export const peditAttributes = attributeSet('tc-act-pedit', {
  tm: [1, structure(tcfT)],
  parms: [2, structure(tcPeditSel)],
  parmsEx: [4, structure(tcPeditSel)],
  keysEx: [5, nest(peditKeysExAttributes)],
});

/** TCA_CSUM_UPDATE_FLAG_*, linux/tc_act/tc_csum.h */
export const csumUpdateFlags = {
  ipv4hdr: 1,
  icmp: 2,
  igmp: 4,
  tcp: 8,
  udp: 16,
  udplite: 32,
  sctp: 64,
} as const;

/** struct tc_csum, linux/tc_act/tc_csum.h */
export const tcCsum = struct('tc-csum', { ...gen, updateFlags: flags(u32, csumUpdateFlags) });

/** TCA_CSUM_*, linux/tc_act/tc_csum.h */
export const csumAttributes = attributeSet('tc-act-csum', {
  parms: [1, structure(tcCsum)],
  tm: [2, structure(tcfT)],
});

/** TCA_TUNNEL_KEY_ACT_*, linux/tc_act/tc_tunnel_key.h */
export const tunnelKeyActions = { set: 1, release: 2 } as const;

/** struct tc_tunnel_key, linux/tc_act/tc_tunnel_key.h */
export const tcTunnelKey = struct('tc-tunnel-key', {
  ...gen,
  tAction: enumeration(s32, tunnelKeyActions),
});

/** TCA_TUNNEL_KEY_ENC_OPT_GENEVE_*, linux/tc_act/tc_tunnel_key.h */
export const tunnelKeyGeneveAttributes = attributeSet('tc-act-tunnel-key-geneve', {
  class: [1, be16],
  type: [2, u8],
  data: [3, binary],
});

/** TCA_TUNNEL_KEY_ENC_OPT_VXLAN_*, linux/tc_act/tc_tunnel_key.h */
export const tunnelKeyVxlanAttributes = attributeSet('tc-act-tunnel-key-vxlan', { gbp: [1, u32] });

/** TCA_TUNNEL_KEY_ENC_OPT_ERSPAN_*, linux/tc_act/tc_tunnel_key.h */
export const tunnelKeyErspanAttributes = attributeSet('tc-act-tunnel-key-erspan', {
  ver: [1, u8],
  index: [2, be32],
  dir: [3, u8],
  hwid: [4, u8],
});

/** TCA_TUNNEL_KEY_ENC_OPTS_*, linux/tc_act/tc_tunnel_key.h */
export const tunnelKeyOptionsAttributes = attributeSet('tc-act-tunnel-key-opts', {
  geneve: [1, list(nest(tunnelKeyGeneveAttributes))],
  vxlan: [2, nest(tunnelKeyVxlanAttributes)],
  erspan: [3, nest(tunnelKeyErspanAttributes)],
});

/** TCA_TUNNEL_KEY_*, linux/tc_act/tc_tunnel_key.h */
export const tunnelKeyAttributes = attributeSet('tc-act-tunnel-key', {
  tm: [1, structure(tcfT)],
  parms: [2, structure(tcTunnelKey)],
  encIpv4Src: [3, ipv4],
  encIpv4Dst: [4, ipv4],
  encIpv6Src: [5, ipv6],
  encIpv6Dst: [6, ipv6],
  encKeyId: [7, be32],
  encDstPort: [9, be16],
  noCsum: [10, u8],
  encOpts: [11, nest(tunnelKeyOptionsAttributes)],
  encTos: [12, u8],
  encTtl: [13, u8],
  noFrag: [14, flag],
});

/** TCA_MPLS_ACT_*, linux/tc_act/tc_mpls.h */
export const mplsActions = { pop: 1, push: 2, modify: 3, 'dec-ttl': 4, 'mac-push': 5 } as const;

/** struct tc_mpls, linux/tc_act/tc_mpls.h */
export const tcMpls = struct('tc-mpls', { ...gen, mAction: enumeration(s32, mplsActions) });

/** TCA_MPLS_*, linux/tc_act/tc_mpls.h; the protocol is an EtherType. */
export const mplsAttributes = attributeSet('tc-act-mpls', {
  tm: [1, structure(tcfT)],
  parms: [2, structure(tcMpls)],
  proto: [4, be16],
  label: [5, u32],
  tc: [6, u8],
  ttl: [7, u8],
  bos: [8, u8],
});

/** SKBMOD_F_*, linux/tc_act/tc_skbmod.h */
export const skbmodFlags = { dmac: 1, smac: 2, etype: 4, swapmac: 8, ecn: 16 } as const;

/** struct tc_skbmod, linux/tc_act/tc_skbmod.h; `flags` is a union of `skbmodFlags`. */
export const tcSkbmod = struct('tc-skbmod', { ...gen, pad: pad(4), flags: u64 });

/** TCA_SKBMOD_*, linux/tc_act/tc_skbmod.h */
export const skbmodAttributes = attributeSet('tc-act-skbmod', {
  tm: [1, structure(tcfT)],
  parms: [2, structure(tcSkbmod)],
  dmac: [3, mac],
  smac: [4, mac],
  etype: [5, u16],
});
