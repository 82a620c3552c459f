import { choice, enumeration, nest, pad, s32, s64, struct, structure, u32, u64 } from '../definition.js';
import { cakeStatsAttributes } from './cake.js';

/* Statistics that only one kind has: linux/pkt_sched.h */

/** struct tc_choke_xstats */
export const tcChokeXstats = struct('tc-choke-xstats', {
  early: u32,
  pdrop: u32,
  other: u32,
  marked: u32,
  matched: u32,
});

/** struct tc_codel_xstats; times in microseconds. */
export const tcCodelXstats = struct('tc-codel-xstats', {
  maxpacket: u32,
  count: u32,
  lastcount: u32,
  ldelay: u32,
  dropNext: s32,
  dropOverlimit: u32,
  ecnMark: u32,
  dropping: u32,
  ceMark: u32,
});

const bands64 = struct('tc-fq-bands-64', { high: u64, medium: u64, low: u64 });
const bands32 = struct('tc-fq-bands-32', { high: u32, medium: u32, low: u32 });

/** struct tc_fq_qd_stats */
export const tcFqQdStats = struct('tc-fq-qd-stats', {
  gcFlows: u64,
  highprioPackets: u64,
  tcpRetrans: u64,
  throttled: u64,
  flowsPlimit: u64,
  pktsTooLong: u64,
  allocationErrors: u64,
  timeNextDelayedFlow: s64,
  flows: u32,
  inactiveFlows: u32,
  throttledFlows: u32,
  unthrottleLatencyNs: u32,
  ceMark: u64,
  horizonDrops: u64,
  horizonCaps: u64,
  fastpathPackets: u64,
  bandDrops: structure(bands64),
  bandPktCount: structure(bands32),
  pad: pad(4),
});

/** TCA_FQ_CODEL_XSTATS_* */
export const fqCodelXstatsTypes = { qdisc: 0, class: 1 } as const;

/** struct tc_fq_codel_xstats with struct tc_fq_codel_qd_stats */
export const tcFqCodelXstats = struct('tc-fq-codel-xstats', {
  type: enumeration(u32, fqCodelXstatsTypes),
  maxpacket: u32,
  dropOverlimit: u32,
  ecnMark: u32,
  newFlowCount: u32,
  newFlowsLen: u32,
  oldFlowsLen: u32,
  ceMark: u32,
  memoryUsage: u32,
  dropOvermemory: u32,
});

/** struct tc_fq_codel_xstats with struct tc_fq_codel_cl_stats; times in microseconds. */
export const tcFqCodelClassXstats = struct('tc-fq-codel-class-xstats', {
  type: enumeration(u32, fqCodelXstatsTypes),
  deficit: s32,
  ldelay: u32,
  count: u32,
  lastcount: u32,
  dropping: u32,
  dropNext: s32,
});

/** struct tc_fq_pie_xstats */
export const tcFqPieXstats = struct('tc-fq-pie-xstats', {
  packetsIn: u32,
  dropped: u32,
  overlimit: u32,
  overmemory: u32,
  ecnMark: u32,
  newFlowCount: u32,
  newFlowsLen: u32,
  oldFlowsLen: u32,
  memoryUsage: u32,
});

/** struct tc_hhf_xstats */
export const tcHhfXstats = struct('tc-hhf-xstats', {
  dropOverlimit: u32,
  hhOverlimit: u32,
  hhTotCount: u32,
  hhCurCount: u32,
});

/** struct tc_pie_xstats; the delay in milliseconds. */
export const tcPieXstats = struct('tc-pie-xstats', {
  prob: u64,
  delay: u32,
  avgDqRate: u32,
  dqRateEstimating: u32,
  packetsIn: u32,
  dropped: u32,
  overlimit: u32,
  maxq: u32,
  ecnMark: u32,
});

/** struct tc_red_xstats */
export const tcRedXstats = struct('tc-red-xstats', { early: u32, pdrop: u32, other: u32, marked: u32 });

/** struct tc_sfb_xstats */
export const tcSfbXstats = struct('tc-sfb-xstats', {
  earlydrop: u32,
  penaltydrop: u32,
  bucketdrop: u32,
  queuedrop: u32,
  childdrop: u32,
  marked: u32,
  maxqlen: u32,
  maxprob: u32,
  avgprob: u32,
});

/** struct tc_sfq_xstats, of its classes */
export const tcSfqXstats = struct('tc-sfq-xstats', { allot: s32 });

/** struct tc_htb_xstats, of its classes; the tokens are times in ticks. */
export const tcHtbXstats = struct('tc-htb-xstats', {
  lends: u32,
  borrows: u32,
  giants: u32,
  tokens: s32,
  ctokens: s32,
});

/** struct tc_hfsc_stats, of its classes */
export const tcHfscStats = struct('tc-hfsc-stats', { work: u64, rtwork: u64, period: u32, level: u32 });

/** struct tc_drr_stats, of its classes */
export const tcDrrStats = struct('tc-drr-stats', { deficit: u32 });

/** struct tc_qfq_stats, of its classes */
export const tcQfqStats = struct('tc-qfq-stats', { weight: u32, lmax: u32 });

/** TCA_XSTATS of a qdisc, chosen by its kind. */
export const qdiscXstats = choice('kind', {
  cake: nest(cakeStatsAttributes),
  choke: structure(tcChokeXstats),
  codel: structure(tcCodelXstats),
  fq: structure(tcFqQdStats),
  fq_codel: structure(tcFqCodelXstats),
  fq_pie: structure(tcFqPieXstats),
  hhf: structure(tcHhfXstats),
  pie: structure(tcPieXstats),
  red: structure(tcRedXstats),
  sfb: structure(tcSfbXstats),
});

/** TCA_XSTATS of a class, chosen by its qdisc's kind. */
export const classXstats = choice('kind', {
  drr: structure(tcDrrStats),
  fq_codel: structure(tcFqCodelClassXstats),
  hfsc: structure(tcHfscStats),
  htb: structure(tcHtbXstats),
  qfq: structure(tcQfqStats),
  sfq: structure(tcSfqXstats),
});
