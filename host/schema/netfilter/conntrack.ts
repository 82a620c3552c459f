import {
  attributeSet,
  be16,
  be32,
  be64,
  binary,
  enumeration,
  family,
  flags,
  ipv4,
  ipv6,
  nest,
  string,
  struct,
  structure,
  u8,
} from '../definition.js';
import { beS32, nfgenmsg } from './common.js';

/* Connections that the kernel tracks: linux/netfilter/nfnetlink_conntrack.h. Numbers are in network byte order. */

/** enum ip_conntrack_status, linux/netfilter/nf_conntrack_common.h */
export const conntrackStatus = {
  expected: 0x0001,
  'seen-reply': 0x0002,
  assured: 0x0004,
  confirmed: 0x0008,
  'src-nat': 0x0010,
  'dst-nat': 0x0020,
  'seq-adjust': 0x0040,
  'src-nat-done': 0x0080,
  'dst-nat-done': 0x0100,
  dying: 0x0200,
  'fixed-timeout': 0x0400,
  template: 0x0800,
  untracked: 0x1000,
  helper: 0x2000,
  offload: 0x4000,
  'hw-offload': 0x8000,
} as const;

/** enum tcp_conntrack, linux/netfilter/nf_conntrack_tcp.h */
export const tcpStates = {
  none: 0,
  'syn-sent': 1,
  'syn-recv': 2,
  established: 3,
  'fin-wait': 4,
  'close-wait': 5,
  'last-ack': 6,
  'time-wait': 7,
  close: 8,
  'syn-sent2': 9,
} as const;

/** IP_CT_TCP_FLAG_* and its like, linux/netfilter/nf_conntrack_tcp.h */
export const tcpFlags = {
  'window-scale': 0x01,
  'sack-perm': 0x02,
  'close-init': 0x04,
  'be-liberal': 0x08,
  'data-unacknowledged': 0x10,
  'maxack-set': 0x20,
  'challenge-ack': 0x40,
  'simultaneous-open': 0x80,
} as const;

/** enum sctp_conntrack, linux/netfilter/nf_conntrack_sctp.h */
export const sctpStates = {
  none: 0,
  closed: 1,
  'cookie-wait': 2,
  'cookie-echoed': 3,
  established: 4,
  'shutdown-sent': 5,
  'shutdown-recd': 6,
  'shutdown-ack-sent': 7,
  'heartbeat-sent': 8,
  'heartbeat-acked': 9,
} as const;

/** struct nf_ct_tcp_flags, linux/netfilter/nf_conntrack_tcp.h: the mask says which flags are meant when written. */
export const nfCtTcpFlags = struct('nf-ct-tcp-flags', {
  flags: flags(u8, tcpFlags),
  mask: flags(u8, tcpFlags),
});

/** CTA_IP_* */
export const tupleIpAttributes = attributeSet('tuple-ip', {
  ipV4Src: [1, ipv4],
  ipV4Dst: [2, ipv4],
  ipV6Src: [3, ipv6],
  ipV6Dst: [4, ipv6],
});

/** CTA_PROTO_*; `protoNum` is the IP protocol's number. */
export const tupleProtoAttributes = attributeSet('tuple-proto', {
  protoNum: [1, u8],
  protoSrcPort: [2, be16],
  protoDstPort: [3, be16],
  protoIcmpId: [4, be16],
  protoIcmpType: [5, u8],
  protoIcmpCode: [6, u8],
  protoIcmpv6Id: [7, be16],
  protoIcmpv6Type: [8, u8],
  protoIcmpv6Code: [9, u8],
});

/** CTA_TUPLE_*: what tells a connection, in one direction. */
export const tupleAttributes = attributeSet('tuple', {
  tupleIp: [1, nest(tupleIpAttributes)],
  tupleProto: [2, nest(tupleProtoAttributes)],
  tupleZone: [3, be16],
});

/** CTA_PROTOINFO_TCP_* */
export const protoinfoTcpAttributes = attributeSet('protoinfo-tcp', {
  tcpState: [1, enumeration(u8, tcpStates)],
  tcpWscaleOriginal: [2, u8],
  tcpWscaleReply: [3, u8],
  tcpFlagsOriginal: [4, structure(nfCtTcpFlags)],
  tcpFlagsReply: [5, structure(nfCtTcpFlags)],
});

/** CTA_PROTOINFO_DCCP_* */
export const protoinfoDccpAttributes = attributeSet('protoinfo-dccp', {
  dccpState: [1, u8],
  dccpRole: [2, u8],
  dccpHandshakeSeq: [3, be64],
});

/** CTA_PROTOINFO_SCTP_* */
export const protoinfoSctpAttributes = attributeSet('protoinfo-sctp', {
  sctpState: [1, enumeration(u8, sctpStates)],
  vtagOriginal: [2, be32],
  vtagReply: [3, be32],
});

/** CTA_PROTOINFO_* */
export const protoinfoAttributes = attributeSet('protoinfo', {
  protoinfoTcp: [1, nest(protoinfoTcpAttributes)],
  protoinfoDccp: [2, nest(protoinfoDccpAttributes)],
  protoinfoSctp: [3, nest(protoinfoSctpAttributes)],
});

/** CTA_HELP_* */
export const helpAttributes = attributeSet('help', {
  helpName: [1, string],
  helpInfo: [2, binary],
});

/** CTA_PROTONAT_* */
export const protonatAttributes = attributeSet('nat-proto', {
  natPortMin: [1, be16],
  natPortMax: [2, be16],
});

/** CTA_NAT_* */
export const natAttributes = attributeSet('nat', {
  natV4Minip: [1, ipv4],
  natV4Maxip: [2, ipv4],
  natProto: [3, nest(protonatAttributes)],
  natV6Minip: [4, ipv6],
  natV6Maxip: [5, ipv6],
});

/** CTA_COUNTERS_* */
export const countersAttributes = attributeSet('counter', {
  packets: [1, be64],
  bytes: [2, be64],
  packetsOld: [3, be32],
  bytesOld: [4, be32],
});

/** CTA_SEQADJ_* */
export const seqadjAttributes = attributeSet('seqadj', {
  correctionPos: [1, be32],
  offsetBefore: [2, beS32],
  offsetAfter: [3, beS32],
});

/** CTA_SECCTX_* */
export const secctxAttributes = attributeSet('secctx', { secctxName: [1, string] });

/** CTA_TIMESTAMP_*: nanoseconds since 1970. */
export const timestampAttributes = attributeSet('timestamp', {
  timestampStart: [1, be64],
  timestampStop: [2, be64],
});

/** CTA_SYNPROXY_* */
export const synproxyAttributes = attributeSet('synproxy', {
  isn: [1, be32],
  its: [2, be32],
  tsoff: [3, be32],
});

/** CTA_FILTER_* */
export const filterAttributes = attributeSet('filter', {
  filterOrigFlags: [1, be32],
  filterReplyFlags: [2, be32],
});

/** CTA_*; the timeout is in seconds. */
export const conntrackAttributes = attributeSet('conntrack', {
  tupleOrig: [1, nest(tupleAttributes)],
  tupleReply: [2, nest(tupleAttributes)],
  status: [3, flags(be32, conntrackStatus)],
  protoinfo: [4, nest(protoinfoAttributes)],
  help: [5, nest(helpAttributes)],
  natSrc: [6, nest(natAttributes)],
  timeout: [7, be32],
  mark: [8, be32],
  countersOrig: [9, nest(countersAttributes)],
  countersReply: [10, nest(countersAttributes)],
  use: [11, be32],
  id: [12, be32],
  natDst: [13, nest(natAttributes)],
  tupleMaster: [14, nest(tupleAttributes)],
  seqAdjOrig: [15, nest(seqadjAttributes)],
  seqAdjReply: [16, nest(seqadjAttributes)],
  secmark: [17, be32],
  zone: [18, be16],
  secctx: [19, nest(secctxAttributes)],
  timestamp: [20, nest(timestampAttributes)],
  markMask: [21, be32],
  labels: [22, binary],
  labelsMask: [23, binary],
  synproxy: [24, nest(synproxyAttributes)],
  filter: [25, nest(filterAttributes)],
  statusMask: [26, flags(be32, conntrackStatus)],
  timestampEvent: [27, be64],
});

/** CTA_STATS_*: counts of one processor, told by `header.resId`. */
export const conntrackStatsAttributes = attributeSet('conntrack-stats', {
  searched: [1, be32],
  found: [2, be32],
  new: [3, be32],
  invalid: [4, be32],
  ignore: [5, be32],
  delete: [6, be32],
  deleteList: [7, be32],
  insert: [8, be32],
  insertFailed: [9, be32],
  drop: [10, be32],
  earlyDrop: [11, be32],
  error: [12, be32],
  searchRestart: [13, be32],
  clashResolve: [14, be32],
  chainToolong: [15, be32],
});

/** CTA_STATS_GLOBAL_* */
export const conntrackGlobalStatsAttributes = attributeSet('conntrack-global-stats', {
  entries: [1, be32],
  maxEntries: [2, be32],
});

const CONNTRACK = 1 << 8;

/** NFNL_SUBSYS_CTNETLINK */
export const conntrack = family({
  name: 'conntrack',
  protocol: 'netfilter',
  messages: {
    new: { number: CONNTRACK | 0, header: nfgenmsg, attributes: conntrackAttributes },
    get: { number: CONNTRACK | 1, header: nfgenmsg, attributes: conntrackAttributes },
    delete: { number: CONNTRACK | 2, header: nfgenmsg, attributes: conntrackAttributes },
    getCtrzero: { number: CONNTRACK | 3, header: nfgenmsg, attributes: conntrackAttributes },
    getStatsCpu: { number: CONNTRACK | 4, header: nfgenmsg, attributes: conntrackStatsAttributes },
    getStats: { number: CONNTRACK | 5, header: nfgenmsg, attributes: conntrackGlobalStatsAttributes },
    getDying: { number: CONNTRACK | 6, header: nfgenmsg, attributes: conntrackAttributes },
    getUnconfirmed: { number: CONNTRACK | 7, header: nfgenmsg, attributes: conntrackAttributes },
  },
});
