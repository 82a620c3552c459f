/** Names for the numbers in nf_tables messages: enumerations and flag words of linux/netfilter/nf_tables.h. */

/** enum nft_registers: where expressions leave values for those after them. The first five are 16 bytes each, the `reg32-` ones 4. */
export const registers = {
  verdict: 0,
  'reg-1': 1,
  'reg-2': 2,
  'reg-3': 3,
  'reg-4': 4,
  'reg32-00': 8,
  'reg32-01': 9,
  'reg32-02': 10,
  'reg32-03': 11,
  'reg32-04': 12,
  'reg32-05': 13,
  'reg32-06': 14,
  'reg32-07': 15,
  'reg32-08': 16,
  'reg32-09': 17,
  'reg32-10': 18,
  'reg32-11': 19,
  'reg32-12': 20,
  'reg32-13': 21,
  'reg32-14': 22,
  'reg32-15': 23,
} as const;

/** enum nft_verdicts and NF_DROP … NF_REPEAT (linux/netfilter.h), which share one number space. */
export const verdictCodes = {
  continue: 0xffff_ffff,
  break: 0xffff_fffe,
  jump: 0xffff_fffd,
  goto: 0xffff_fffc,
  return: 0xffff_fffb,
  drop: 0,
  accept: 1,
  stolen: 2,
  queue: 3,
  repeat: 4,
} as const;

/** The verdicts that a base chain's policy can be. */
export const chainPolicies = { drop: 0, accept: 1 } as const;

/** enum nft_table_flags */
export const tableFlags = { dormant: 1, owner: 2, persist: 4 } as const;

/** enum nft_chain_flags */
export const chainFlags = { base: 1, 'hw-offload': 2, binding: 4 } as const;

/** enum nft_rule_compat_flags */
export const ruleCompatFlags = { unused: 1, inv: 2 } as const;

/** enum nft_set_flags */
export const setFlags = {
  anonymous: 0x1,
  constant: 0x2,
  interval: 0x4,
  map: 0x8,
  timeout: 0x10,
  eval: 0x20,
  object: 0x40,
  concat: 0x80,
  expr: 0x100,
} as const;

/** enum nft_set_policies */
export const setPolicies = { performance: 0, memory: 1 } as const;

/** enum nft_set_elem_flags */
export const setElemFlags = { 'interval-end': 1, catchall: 2 } as const;

/** enum nft_data_types: what a map's values are; any number below is userspace's own type. */
export const dataTypes = { value: 0, verdict: 0xffff_ff00 } as const;

/** NFT_OBJECT_* */
export const objectTypes = {
  unspec: 0,
  counter: 1,
  quota: 2,
  'ct-helper': 3,
  limit: 4,
  connlimit: 5,
  tunnel: 6,
  'ct-timeout': 7,
  secmark: 8,
  'ct-expect': 9,
  synproxy: 10,
} as const;

/** enum nft_flowtable_flags */
export const flowtableFlags = { 'hw-offload': 1, counter: 2 } as const;

/** enum nft_trace_types */
export const traceTypes = { unspec: 0, policy: 1, return: 2, rule: 3 } as const;

/** enum nft_bitwise_ops; `and`, `or` and `xor` of two registers came with Linux 6.13. */
export const bitwiseOps = { bool: 0, lshift: 1, rshift: 2, and: 3, or: 4, xor: 5 } as const;

/** enum nft_byteorder_ops */
export const byteorderOps = { ntoh: 0, hton: 1 } as const;

/** enum nft_cmp_ops */
export const cmpOps = { eq: 0, neq: 1, lt: 2, lte: 3, gt: 4, gte: 5 } as const;

/** enum nft_range_ops */
export const rangeOps = { eq: 0, neq: 1 } as const;

/** enum nft_lookup_flags */
export const lookupFlags = { invert: 1 } as const;

/** enum nft_dynset_ops */
export const dynsetOps = { add: 0, update: 1, delete: 2 } as const;

/** enum nft_dynset_flags */
export const dynsetFlags = { inv: 1, expr: 2 } as const;

/** enum nft_payload_bases */
export const payloadBases = {
  'll-header': 0,
  'network-header': 1,
  'transport-header': 2,
  'inner-header': 3,
  'tun-header': 4,
} as const;

/** enum nft_payload_csum_types */
export const payloadCsumTypes = { none: 0, inet: 1, sctp: 2 } as const;

/** enum nft_payload_csum_flags */
export const payloadCsumFlags = { 'l4csum-pseudohdr': 1 } as const;

/** enum nft_exthdr_flags */
export const exthdrFlags = { present: 1 } as const;

/** enum nft_exthdr_op */
export const exthdrOps = { ipv6: 0, tcpopt: 1, ipv4: 2, sctp: 3, dccp: 4 } as const;

/** enum nft_meta_keys */
export const metaKeys = {
  len: 0,
  protocol: 1,
  priority: 2,
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  iftype: 8,
  oiftype: 9,
  skuid: 10,
  skgid: 11,
  nftrace: 12,
  rtclassid: 13,
  secmark: 14,
  nfproto: 15,
  'l4-proto': 16,
  'bri-iifname': 17,
  'bri-oifname': 18,
  pkttype: 19,
  cpu: 20,
  iifgroup: 21,
  oifgroup: 22,
  cgroup: 23,
  prandom: 24,
  secpath: 25,
  iifkind: 26,
  oifkind: 27,
  'bri-iifpvid': 28,
  'bri-iifvproto': 29,
  'time-ns': 30,
  'time-day': 31,
  'time-hour': 32,
  sdif: 33,
  sdifname: 34,
  'bri-broute': 35,
  'bri-iifhwaddr': 36,
} as const;

/** enum nft_rt_keys */
export const rtKeys = { classid: 0, nexthop4: 1, nexthop6: 2, tcpmss: 3, xfrm: 4 } as const;

/** enum nft_hash_types */
export const hashTypes = { jenkins: 0, sym: 1 } as const;

/** enum nft_socket_keys */
export const socketKeys = { transparent: 0, mark: 1, wildcard: 2, cgroupv2: 3 } as const;

/** enum nft_ct_keys */
export const ctKeys = {
  state: 0,
  direction: 1,
  status: 2,
  mark: 3,
  secmark: 4,
  expiration: 5,
  helper: 6,
  l3protocol: 7,
  src: 8,
  dst: 9,
  protocol: 10,
  'proto-src': 11,
  'proto-dst': 12,
  labels: 13,
  pkts: 14,
  bytes: 15,
  avgpkt: 16,
  zone: 17,
  eventmask: 18,
  'src-ip': 19,
  'dst-ip': 20,
  'src-ip6': 21,
  'dst-ip6': 22,
  'ct-id': 23,
} as const;

/** enum ip_conntrack_dir, linux/netfilter/nf_conntrack_tuple_common.h */
export const ctDirections = { original: 0, reply: 1 } as const;

/** enum nft_limit_type */
export const limitTypes = { pkts: 0, 'pkt-bytes': 1 } as const;

/** enum nft_limit_flags */
export const limitFlags = { inv: 1 } as const;

/** enum nft_connlimit_flags */
export const connlimitFlags = { inv: 1 } as const;

/** enum nft_log_level */
export const logLevels = {
  emerg: 0,
  alert: 1,
  crit: 2,
  err: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 7,
  audit: 8,
} as const;

/** NF_LOG_*, linux/netfilter/nf_log.h */
export const logFlags = {
  tcpseq: 0x01,
  tcpopt: 0x02,
  ipopt: 0x04,
  uid: 0x08,
  nflog: 0x10,
  macdecode: 0x20,
} as const;

/** NFT_QUEUE_FLAG_* */
export const queueFlags = { bypass: 1, 'cpu-fanout': 2 } as const;

/** enum nft_quota_flags */
export const quotaFlags = { invert: 1, depleted: 2 } as const;

/** enum nft_reject_types */
export const rejectTypes = { 'icmp-unreach': 0, 'tcp-rst': 1, 'icmpx-unreach': 2 } as const;

/** enum nft_reject_inet_code: `icmpCode` of a reject whose type is `icmpx-unreach`. */
export const rejectInetCodes = {
  'no-route': 0,
  'port-unreach': 1,
  'host-unreach': 2,
  'admin-prohibited': 3,
} as const;

/** enum nft_nat_types */
export const natTypes = { snat: 0, dnat: 1 } as const;

/** NF_NAT_RANGE_*, linux/netfilter/nf_nat.h */
export const natRangeFlags = {
  'map-ips': 0x01,
  'proto-specified': 0x02,
  'proto-random': 0x04,
  persistent: 0x08,
  'proto-random-fully': 0x10,
  'proto-offset': 0x20,
  netmap: 0x40,
} as const;

/** enum nft_fib_result */
export const fibResults = { unspec: 0, oif: 1, oifname: 2, addrtype: 3 } as const;

/** enum nft_fib_flags */
export const fibFlags = { saddr: 1, daddr: 2, mark: 4, iif: 8, oif: 16, present: 32 } as const;

/** enum nft_osf_flags */
export const osfFlags = { version: 1 } as const;

/** NF_SYNPROXY_OPT_*, linux/netfilter/nf_synproxy.h */
export const synproxyFlags = {
  mss: 0x01,
  wscale: 0x02,
  'sack-perm': 0x04,
  timestamp: 0x08,
  ecn: 0x10,
} as const;

/** enum nft_xfrm_keys */
export const xfrmKeys = {
  unspec: 0,
  'daddr-ip4': 1,
  'daddr-ip6': 2,
  'saddr-ip4': 3,
  'saddr-ip6': 4,
  reqid: 5,
  spi: 6,
} as const;

/** XFRM_POLICY_IN and _OUT, linux/xfrm.h */
export const xfrmDirections = { in: 0, out: 1 } as const;

/** enum nft_ng_types */
export const numgenTypes = { incremental: 0, random: 1 } as const;

/** enum nft_tunnel_flags */
export const tunnelFlags = { 'zero-csum-tx': 1, 'dont-fragment': 2, 'seq-number': 4 } as const;

/** enum nft_tunnel_keys */
export const tunnelKeys = { path: 0, id: 1 } as const;

/** enum nft_tunnel_mode */
export const tunnelModes = { none: 0, rx: 1, tx: 2 } as const;

/** enum nft_inner_type, Linux 6.2 */
export const innerTypes = { unspec: 0, vxlan: 1, geneve: 2 } as const;

/** enum nft_inner_flags, Linux 6.2 */
export const innerFlags = { hdrsize: 1, ll: 2, nh: 4, th: 8 } as const;
