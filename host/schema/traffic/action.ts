import {
  type AcceptedSet,
  attributeSet,
  be16,
  binary,
  bitfield32,
  bytes,
  choice,
  type DecodedSet,
  enumeration,
  family,
  flags,
  type IndexedType,
  indexed,
  ipv4,
  ipv6,
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
import { actionVerdicts, gen, tcGen, timesAndParms, verdict } from './action-common.js';
import {
  csumAttributes,
  mplsAttributes,
  peditAttributes,
  skbeditAttributes,
  skbmodAttributes,
  tunnelKeyAttributes,
  vlanAttributes,
} from './action-packets.js';
import { statsAttributes, tcfT, tcRatespec } from './common.js';

/* What filters do with packets: linux/pkt_cls.h and linux/tc_act/*.h */

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
