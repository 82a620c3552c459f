import {
  type AcceptedSet,
  attributeSet,
  be16,
  be32,
  binary,
  bitfield32,
  bytes,
  choice,
  type DecodedSet,
  enumeration,
  family,
  flag,
  flags,
  type IndexedType,
  indexed,
  ipv4,
  ipv6,
  list,
  mac,
  nest,
  pad,
  s32,
  string,
  struct,
  structure,
  type Type,
  u8,
  u16,
  u32,
  u64,
} from '../definition.js';
import { statsAttributes, tcfT, tcRatespec } from './common.js';

/* What filters do with packets: linux/pkt_cls.h and linux/tc_act/*.h */

/** TC_ACT_*, linux/pkt_cls.h: what happens to a packet after an action. Jumps and chains are plain numbers. */
export const actionVerdicts = {
  unspec: -1,
  ok: 0,
  reclassify: 1,
  shot: 2,
  pipe: 3,
  stolen: 4,
  queued: 5,
  repeat: 6,
  redirect: 7,
  trap: 8,
} as const;

const verdict = enumeration(s32, actionVerdicts);

/** What each action's parameters begin with: tc_gen, linux/pkt_cls.h */
const gen = { index: u32, capab: u32, action: verdict, refcnt: s32, bindcnt: s32 } as const;

/** tc_gen, linux/pkt_cls.h */
export const tcGen = struct('tc-gen', gen);

const timesAndParms = { tm: [1, structure(tcfT)], parms: [2, structure(tcGen)] } as const;

/** struct tc_gact_p, linux/tc_act/tc_gact.h */
export const tcGactP = struct('tc-gact-p', { ptype: u16, pval: u16, paction: verdict });

/** TCA_GACT_*, linux/tc_act/tc_gact.h */
export const gactAttributes = attributeSet('tc-act-gact', {
  ...timesAndParms,
  prob: [3, structure(tcGactP)],
});

/** TCA_EGRESS_REDIR and its like, linux/tc_act/tc_mirred.h */
export const mirredActions = {
  'egress-redir': 1,
  'egress-mirror': 2,
  'ingress-redir': 3,
  'ingress-mirror': 4,
} as const;

/** struct tc_mirred, linux/tc_act/tc_mirred.h */
export const tcMirred = struct('tc-mirred', {
  ...gen,
  eaction: enumeration(s32, mirredActions),
  ifindex: u32,
});

/** TCA_MIRRED_*, linux/tc_act/tc_mirred.h */
export const mirredAttributes = attributeSet('tc-act-mirred', {
  tm: [1, structure(tcfT)],
  parms: [2, structure(tcMirred)],
  blockid: [4, u32],
});

/** struct tc_police, linux/pkt_cls.h */
export const tcPolice = struct('tc-police', {
  index: u32,
  action: verdict,
  limit: u32,
  burst: u32,
  mtu: u32,
  rate: structure(tcRatespec),
  peakrate: structure(tcRatespec),
  refcnt: s32,
  bindcnt: s32,
  capab: u32,
});

/** TCA_POLICE_*, linux/pkt_cls.h; the tables hold 256 u32, rates are in bytes/s and packets/s. */
export const policeAttributes = attributeSet('tc-police', {
  tbf: [1, structure(tcPolice)],
  rate: [2, binary],
  peakrate: [3, binary],
  avrate: [4, u32],
  result: [5, enumeration(s32, actionVerdicts)],
  tm: [6, structure(tcfT)],
  rate64: [8, u64],
  peakrate64: [9, u64],
  pktrate64: [10, u64],
  pktburst64: [11, u64],
});

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

/** TCA_ACT_BPF_*, linux/tc_act/tc_bpf.h; `ops` holds struct sock_filter, `tag` is 8 bytes. */
export const actBpfAttributes = attributeSet('tc-act-bpf', {
  ...timesAndParms,
  opsLen: [3, u16],
  ops: [4, binary],
  fd: [5, u32],
  name: [6, string],
  tag: [8, binary],
  id: [9, u32],
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

/** TCA_NAT_FLAG_EGRESS, linux/tc_act/tc_nat.h */
export const natFlags = { egress: 1 } as const;

/** struct tc_nat, linux/tc_act/tc_nat.h */
export const tcNat = struct('tc-nat', {
  ...gen,
  oldAddr: ipv4,
  newAddr: ipv4,
  mask: ipv4,
  flags: flags(u32, natFlags),
});

/** TCA_NAT_*, linux/tc_act/tc_nat.h */
export const actNatAttributes = attributeSet('tc-act-nat', {
  parms: [1, structure(tcNat)],
  tm: [2, structure(tcfT)],
});

/** struct tc_connmark, linux/tc_act/tc_connmark.h */
export const tcConnmark = struct('tc-connmark', { ...gen, zone: u16, pad: pad(2) });

/** TCA_CONNMARK_*, linux/tc_act/tc_connmark.h */
export const connmarkAttributes = attributeSet('tc-act-connmark', {
  parms: [1, structure(tcConnmark)],
  tm: [2, structure(tcfT)],
});

/** TCA_CT_ACT_*, linux/tc_act/tc_ct.h */
export const ctActions = { commit: 1, force: 2, clear: 4, nat: 8, 'nat-src': 16, 'nat-dst': 32 } as const;

/** TCA_CT_*, linux/tc_act/tc_ct.h */
export const ctAttributes = attributeSet('tc-act-ct', {
  parms: [1, structure(tcGen)],
  tm: [2, structure(tcfT)],
  action: [3, flags(u16, ctActions)],
  zone: [4, u16],
  mark: [5, u32],
  markMask: [6, u32],
  labels: [7, bytes(16)],
  labelsMask: [8, bytes(16)],
  natIpv4Min: [9, ipv4],
  natIpv4Max: [10, ipv4],
  natIpv6Min: [11, ipv6],
  natIpv6Max: [12, ipv6],
  natPortMin: [13, be16],
  natPortMax: [14, be16],
  helperName: [16, string],
  helperFamily: [17, u8],
  helperProto: [18, u8],
});

/** TCA_CTINFO_*, linux/tc_act/tc_ctinfo.h */
export const ctinfoAttributes = attributeSet('tc-act-ctinfo', {
  tm: [2, structure(tcfT)],
  act: [3, structure(tcGen)],
  zone: [4, u16],
  parmsDscpMask: [5, u32],
  parmsDscpStatemask: [6, u32],
  parmsCpmarkMask: [7, u32],
  statsDscpSet: [8, u64],
  statsDscpError: [9, u64],
  statsCpmarkSet: [10, u64],
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

/** TCA_SAMPLE_*, linux/tc_act/tc_sample.h: one in `rate` packets. */
export const sampleAttributes = attributeSet('tc-act-sample', {
  ...timesAndParms,
  rate: [3, u32],
  truncSize: [4, u32],
  psampleGroup: [5, u32],
});

/** TCA_DEF_*, linux/tc_act/tc_defact.h */
export const simpleAttributes = attributeSet('tc-act-simple', {
  ...timesAndParms,
  data: [3, string],
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

/** TCA_ACT_FLAGS_*, linux/pkt_cls.h */
export const actionFlags = { 'no-percpu-stats': 1, 'skip-hw': 2, 'skip-sw': 4 } as const;

/** TCA_ACT_HW_STATS_*, linux/pkt_cls.h */
export const actionHardwareStats = { immediate: 1, delayed: 2 } as const;

/** TCA_ACT_*, linux/pkt_cls.h: the kind chooses the options. */
export const actionAttributes = attributeSet('tc-act', {
  kind: [1, string],
  options: [
    2,
    choice('kind', {
      bpf: nest(actBpfAttributes),
      connmark: nest(connmarkAttributes),
      csum: nest(csumAttributes),
      ct: nest(ctAttributes),
      ctinfo: nest(ctinfoAttributes),
      gact: nest(gactAttributes),
      mirred: nest(mirredAttributes),
      mpls: nest(mplsAttributes),
      nat: nest(actNatAttributes),
      pedit: nest(peditAttributes),
      police: nest(policeAttributes),
      sample: nest(sampleAttributes),
      simple: nest(simpleAttributes),
      skbedit: nest(skbeditAttributes),
      skbmod: nest(skbmodAttributes),
      tunnel_key: nest(tunnelKeyAttributes),
      vlan: nest(vlanAttributes),
    }),
  ],
  index: [3, u32],
  stats: [4, nest(statsAttributes)],
  cookie: [6, binary],
  flags: [7, bitfield32(actionFlags)],
  hwStats: [8, bitfield32(actionHardwareStats)],
  usedHwStats: [9, bitfield32(actionHardwareStats)],
  inHwCount: [10, u32],
});

/** One action, decoded. */
export interface Action extends DecodedSet<typeof actionAttributes> {}
/** One action, as it is given. */
export interface ActionInput extends AcceptedSet<typeof actionAttributes> {}

/** A filter's actions, in the order they are taken. */
export const actions: Type<Action[], readonly ActionInput[], IndexedType> = indexed(nest(actionAttributes));

/** struct tcamsg, linux/rtnetlink.h */
export const tcamsg = struct('tcamsg', { family: u8, pad: pad(3) });

/** TCA_ACT_FLAG_*, linux/rtnetlink.h */
export const actionRootFlags = { 'large-dump-on': 1, 'terse-dump': 2 } as const;

/** TCA_ROOT_*, linux/rtnetlink.h; `timeDelta` in milliseconds. */
export const actionRootAttributes = attributeSet('tc-act-root', {
  tab: [1, actions],
  flags: [2, bitfield32(actionRootFlags)],
  count: [3, u32],
  timeDelta: [4, u32],
  extWarnMsg: [5, string],
});

/** Actions that filters share: RTM_*ACTION, linux/rtnetlink.h */
export const trafficAction = family({
  name: 'trafficAction',
  protocol: 'route',
  messages: {
    newaction: { number: 48, header: tcamsg, attributes: actionRootAttributes },
    delaction: { number: 49, header: tcamsg, attributes: actionRootAttributes },
    getaction: { number: 50, header: tcamsg, attributes: actionRootAttributes },
  },
});
