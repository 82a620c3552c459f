import {
  attributeSet,
  binary,
  pad,
  s8,
  s16,
  s32,
  struct,
  structure,
  u8,
  u16,
  u32,
  u64,
} from '../definition.js';

/** struct tcmsg, linux/rtnetlink.h. `info` of a filter: its priority << 16 | its protocol in network byte order. */
export const tcmsg = struct('tcmsg', {
  family: u8,
  pad: pad(3),
  ifindex: s32,
  handle: u32,
  parent: u32,
  info: u32,
});

/** TC_H_*, linux/pkt_sched.h: parents with a meaning of their own; other handles are major << 16 | minor. */
export const trafficHandles = {
  unspec: 0,
  root: 0xffff_ffff,
  ingress: 0xffff_fff1,
  clsact: 0xffff_fff1,
  'clsact-ingress': 0xffff_fff2,
  'clsact-egress': 0xffff_fff3,
} as const;

/** enum tc_link_layer, linux/pkt_sched.h */
export const linkLayers = { unaware: 0, ethernet: 1, atm: 2 } as const;

/** struct tc_stats, linux/pkt_sched.h: the old statistics, which `stats2` replaces. */
export const tcStats = struct('tc-stats', {
  bytes: u64,
  packets: u32,
  drops: u32,
  overlimits: u32,
  bps: u32,
  pps: u32,
  qlen: u32,
  backlog: u32,
  pad: pad(4),
});

/** struct tc_ratespec, linux/pkt_sched.h; the rate in bytes/s, 0xffffffff when the 64-bit attribute says it. */
export const tcRatespec = struct('tc-ratespec', {
  cellLog: u8,
  linklayer: u8,
  overhead: u16,
  cellAlign: s16,
  mpu: u16,
  rate: u32,
});

/** struct tc_sizespec, linux/pkt_sched.h */
export const tcSizespec = struct('tc-sizespec', {
  cellLog: u8,
  sizeLog: u8,
  cellAlign: s16,
  overhead: s32,
  linklayer: u32,
  mpu: u32,
  mtu: u32,
  tsize: u32,
});

/** TCA_STAB_*, linux/pkt_sched.h; the table holds `tsize` u16. */
export const stabAttributes = attributeSet('tca-stab', {
  base: [1, structure(tcSizespec)],
  data: [2, binary],
});

/** struct gnet_estimator, linux/gen_stats.h */
export const gnetEstimator = struct('gnet-estimator', { interval: s8, ewmaLog: u8 });

/** struct gnet_stats_basic, linux/gen_stats.h */
export const gnetStatsBasic = struct('gnet-stats-basic', { bytes: u64, packets: u32, pad: pad(4) });

/** struct gnet_stats_rate_est, linux/gen_stats.h: bytes/s and packets/s. */
export const gnetStatsRateEst = struct('gnet-stats-rate-est', { bps: u32, pps: u32 });

/** struct gnet_stats_rate_est64, linux/gen_stats.h: bytes/s and packets/s. */
export const gnetStatsRateEst64 = struct('gnet-stats-rate-est64', { bps: u64, pps: u64 });

/** struct gnet_stats_queue, linux/gen_stats.h */
export const gnetStatsQueue = struct('gnet-stats-queue', {
  qlen: u32,
  backlog: u32,
  drops: u32,
  requeues: u32,
  overlimits: u32,
});

/** TCA_STATS_*, linux/gen_stats.h; `app` holds the same bytes as the message's `xstats`. */
export const statsAttributes = attributeSet('tca-stats', {
  basic: [1, structure(gnetStatsBasic)],
  rateEst: [2, structure(gnetStatsRateEst)],
  queue: [3, structure(gnetStatsQueue)],
  app: [4, binary],
  rateEst64: [5, structure(gnetStatsRateEst64)],
  basicHw: [7, structure(gnetStatsBasic)],
  pkt64: [8, u64],
});

/** struct tcf_t, linux/pkt_cls.h: hundredths of a second since each. */
export const tcfT = struct('tcf-t', { install: u64, lastuse: u64, expires: u64, firstuse: u64 });
