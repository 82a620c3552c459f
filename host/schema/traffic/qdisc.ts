import {
  type AcceptedSet,
  type AttributeSet,
  array,
  attributeSet,
  binary,
  bitfield32,
  bytes,
  choice,
  type DecodedSet,
  embedded,
  enumeration,
  flag,
  flags,
  list,
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
import { cakeAttributes } from './cake.js';
import { tcRatespec } from './common.js';
import { netemAttributes, tcNetemQopt } from './netem.js';
import { cbsAttributes, etfAttributes, taprioAttributes, tcMqprioQopt } from './qdisc-time.js';

/* Queueing disciplines: linux/pkt_sched.h. Ticks are of 64 ns (see /proc/net/psched); probabilities are fractions of 2^32. */

/** struct tc_fifo_qopt: bytes for bfifo, packets for the others. */
export const tcFifoQopt = struct('tc-fifo-qopt', { limit: u32 });

/** struct tc_prio_qopt: the band for each of the 16 priorities. */
export const tcPrioQopt = struct('tc-prio-qopt', { bands: u32, priomap: bytes(16) });

/** struct tc_multiq_qopt */
export const tcMultiqQopt = struct('tc-multiq-qopt', { bands: u16, maxBands: u16 });

/** TCQ_PLUG_* */
export const plugActions = { buffer: 0, 'release-one': 1, 'release-indefinite': 2, limit: 3 } as const;

/** struct tc_plug_qopt; the limit is in bytes. */
export const tcPlugQopt = struct('tc-plug-qopt', { action: enumeration(s32, plugActions), limit: u32 });

/** struct tc_tbf_qopt; limit and mtu in bytes, the buffer is the burst's time in ticks. */
export const tcTbfQopt = struct('tc-tbf-qopt', {
  rate: structure(tcRatespec),
  peakrate: structure(tcRatespec),
  limit: u32,
  buffer: u32,
  mtu: u32,
});

/** TCA_TBF_*; rates in bytes/s, bursts in bytes, the tables hold 256 u32 of ticks. */
export const tbfAttributes = attributeSet('tc-tbf', {
  parms: [1, structure(tcTbfQopt)],
  rtab: [2, binary],
  ptab: [3, binary],
  rate64: [4, u64],
  prate64: [5, u64],
  burst: [6, u32],
  pburst: [7, u32],
});

/** struct tc_sfq_qopt; the quantum in bytes, the perturbation period in seconds. */
export const tcSfqQopt = struct('tc-sfq-qopt', {
  quantum: u32,
  perturbPeriod: s32,
  limit: u32,
  divisor: u32,
  flows: u32,
});

/** struct tc_sfqred_stats */
export const tcSfqredStats = struct('tc-sfqred-stats', {
  probDrop: u32,
  forcedDrop: u32,
  probMark: u32,
  forcedMark: u32,
  probMarkHead: u32,
  forcedMarkHead: u32,
});

/** TC_RED_* */
export const redFlags = { ecn: 1, harddrop: 2, adaptative: 4, nodrop: 8 } as const;

/** struct tc_sfq_qopt_v1; lengths in bytes. */
export const tcSfqQoptV1 = struct('tc-sfq-qopt-v1', {
  v0: structure(tcSfqQopt),
  depth: u32,
  headdrop: u32,
  limit: u32,
  qthMin: u32,
  qthMax: u32,
  Wlog: u8,
  Plog: u8,
  ScellLog: u8,
  flags: flags(u8, redFlags),
  maxP: u32,
  stats: structure(tcSfqredStats),
});

/** struct tc_red_qopt and struct tc_choke_qopt; lengths in bytes (choke: packets). */
export const tcRedQopt = struct('tc-red-qopt', {
  limit: u32,
  qthMin: u32,
  qthMax: u32,
  Wlog: u8,
  Plog: u8,
  ScellLog: u8,
  flags: flags(u8, redFlags),
});

/** TCA_RED_* */
export const redAttributes = attributeSet('tc-red', {
  parms: [1, structure(tcRedQopt)],
  stab: [2, binary],
  maxP: [3, u32],
  flags: [4, bitfield32(redFlags)],
  earlyDropBlock: [5, u32],
  markBlock: [6, u32],
});

/** TCA_CHOKE_* */
export const chokeAttributes = attributeSet('tc-choke', {
  parms: [1, structure(tcRedQopt)],
  stab: [2, binary],
  maxP: [3, u32],
});

/** struct tc_gred_qopt: one virtual queue. */
export const tcGredQopt = struct('tc-gred-qopt', {
  limit: u32,
  qthMin: u32,
  qthMax: u32,
  DP: u32,
  backlog: u32,
  qave: u32,
  forced: u32,
  early: u32,
  other: u32,
  pdrop: u32,
  Wlog: u8,
  Plog: u8,
  ScellLog: u8,
  prio: u8,
  packets: u32,
  bytesin: u32,
});

/** struct tc_gred_sopt */
export const tcGredSopt = struct('tc-gred-sopt', {
  DPs: u32,
  defDP: u32,
  grio: u8,
  flags: flags(u8, redFlags),
  pad: pad(2),
});

/** TCA_GRED_VQ_* */
export const gredVqEntryAttributes = attributeSet('tca-gred-vq-entry', {
  dp: [2, u32],
  statBytes: [3, u64],
  statPackets: [4, u32],
  statBacklog: [5, u32],
  statProbDrop: [6, u32],
  statProbMark: [7, u32],
  statForcedDrop: [8, u32],
  statForcedMark: [9, u32],
  statPdrop: [10, u32],
  statOther: [11, u32],
  flags: [12, flags(u32, redFlags)],
});

/** TCA_GRED_VQ_ENTRY */
export const gredVqListAttributes = attributeSet('tca-gred-vq-list', {
  entry: [1, list(nest(gredVqEntryAttributes))],
});

/** TCA_GRED_*; when dumped, `parms` holds one of them for each virtual queue. */
export const gredAttributes = attributeSet('tc-gred', {
  parms: [1, array(structure(tcGredQopt))],
  stab: [2, binary],
  dps: [3, structure(tcGredSopt)],
  maxP: [4, array(u32)],
  limit: [5, u32],
  vqList: [6, nest(gredVqListAttributes)],
});

/** struct tc_htb_opt; the buffers are the bursts' times in ticks, the quantum in bytes. */
export const tcHtbOpt = struct('tc-htb-opt', {
  rate: structure(tcRatespec),
  ceil: structure(tcRatespec),
  buffer: u32,
  cbuffer: u32,
  quantum: u32,
  level: u32,
  prio: u32,
});

/** struct tc_htb_glob; the version is 3. */
export const tcHtbGlob = struct('tc-htb-glob', {
  version: u32,
  rate2quantum: u32,
  defcls: u32,
  debug: u32,
  directPkts: u32,
});

/** TCA_HTB_*, of the qdisc (`init`) and of its classes (`parms`); rates in bytes/s, the tables hold 256 u32 of ticks. */
export const htbAttributes = attributeSet('tc-htb', {
  parms: [1, structure(tcHtbOpt)],
  init: [2, structure(tcHtbGlob)],
  ctab: [3, binary],
  rtab: [4, binary],
  directQlen: [5, u32],
  rate64: [6, u64],
  ceil64: [7, u64],
  offload: [9, flag],
});

/** struct tc_hfsc_qopt */
export const tcHfscQopt = struct('tc-hfsc-qopt', { defcls: u16 });

/** TCA_DRR_*, of its classes */
export const drrAttributes = attributeSet('tc-drr', { quantum: [1, u32] });

/** TCA_ETS_QUANTA_BAND: bytes for each band. */
export const etsQuantaAttributes = attributeSet('tc-ets-quanta', { quantaBand: [4, list(u32)] });

/** TCA_ETS_PRIOMAP_BAND: the band for each priority. */
export const etsPriomapAttributes = attributeSet('tc-ets-priomap', { priomapBand: [6, list(u8)] });

/** TCA_ETS_* */
export const etsAttributes = attributeSet('tc-ets', {
  nbands: [1, u8],
  nstrict: [2, u8],
  quanta: [3, nest(etsQuantaAttributes)],
  quantaBand: [4, u32],
  priomap: [5, nest(etsPriomapAttributes)],
  priomapBand: [6, u8],
});

/** TCA_CODEL_*; times in microseconds, the limit in packets. */
export const codelAttributes = attributeSet('tc-codel', {
  target: [1, u32],
  limit: [2, u32],
  interval: [3, u32],
  ecn: [4, u32],
  ceThreshold: [5, u32],
});

/** TCA_FQ_CODEL_*; times in microseconds, the limit in packets, the memory limit in bytes. */
export const fqCodelAttributes = attributeSet('tc-fq-codel', {
  target: [1, u32],
  limit: [2, u32],
  interval: [3, u32],
  ecn: [4, u32],
  flows: [5, u32],
  quantum: [6, u32],
  ceThreshold: [7, u32],
  dropBatchSize: [8, u32],
  memoryLimit: [9, u32],
  ceThresholdSelector: [10, u8],
  ceThresholdMask: [11, u8],
});

/** TCA_FQ_*; limits in packets, rates in bytes/s, times in microseconds. */
export const fqAttributes = attributeSet('tc-fq', {
  plimit: [1, u32],
  flowPlimit: [2, u32],
  quantum: [3, u32],
  initialQuantum: [4, u32],
  rateEnable: [5, u32],
  flowDefaultRate: [6, u32],
  flowMaxRate: [7, u32],
  bucketsLog: [8, u32],
  flowRefillDelay: [9, u32],
  orphanMask: [10, u32],
  lowRateThreshold: [11, u32],
  ceThreshold: [12, u32],
  timerSlack: [13, u32],
  horizon: [14, u32],
  horizonDrop: [15, u8],
  priomap: [16, structure(tcPrioQopt)],
  weights: [17, array(s32)],
  offloadHorizon: [18, u32],
});

/** TCA_PIE_*; the target and the update interval in microseconds, the limit in packets. */
export const pieAttributes = attributeSet('tc-pie', {
  target: [1, u32],
  limit: [2, u32],
  tupdate: [3, u32],
  alpha: [4, u32],
  beta: [5, u32],
  ecn: [6, u32],
  bytemode: [7, u32],
  dqRateEstimator: [8, u32],
});

/** TCA_FQ_PIE_*; units as of pie. */
export const fqPieAttributes = attributeSet('tc-fq-pie', {
  limit: [1, u32],
  flows: [2, u32],
  target: [3, u32],
  tupdate: [4, u32],
  alpha: [5, u32],
  beta: [6, u32],
  quantum: [7, u32],
  memoryLimit: [8, u32],
  ecnProb: [9, u32],
  ecn: [10, u32],
  bytemode: [11, u32],
  dqRateEstimator: [12, u32],
});

/** TCA_HHF_*; timeouts in microseconds. */
export const hhfAttributes = attributeSet('tc-hhf', {
  backlogLimit: [1, u32],
  quantum: [2, u32],
  hhFlowsLimit: [3, u32],
  resetTimeout: [4, u32],
  admitBytes: [5, u32],
  evictTimeout: [6, u32],
  nonHhWeight: [7, u32],
});

/** struct tc_sfb_qopt; times in milliseconds. */
export const tcSfbQopt = struct('tc-sfb-qopt', {
  rehashInterval: u32,
  warmupTime: u32,
  max: u32,
  binSize: u32,
  increment: u32,
  decrement: u32,
  limit: u32,
  penaltyRate: u32,
  penaltyBurst: u32,
});

/** TCA_SFB_* */
export const sfbAttributes = attributeSet('tc-sfb', { parms: [1, structure(tcSfbQopt)] });

/** ingress and clsact have no options. */
export const ingressAttributes = attributeSet('tc-ingress', {});

/** TCA_OPTIONS of a qdisc, chosen by its kind; noqueue and mq have none. */
export const qdiscOptions = choice('kind', {
  bfifo: structure(tcFifoQopt),
  cake: nest(cakeAttributes),
  cbs: nest(cbsAttributes),
  choke: nest(chokeAttributes),
  clsact: nest(ingressAttributes),
  codel: nest(codelAttributes),
  drr: nest(drrAttributes),
  etf: nest(etfAttributes),
  ets: nest(etsAttributes),
  fq: nest(fqAttributes),
  fq_codel: nest(fqCodelAttributes),
  fq_pie: nest(fqPieAttributes),
  gred: nest(gredAttributes),
  hfsc: structure(tcHfscQopt),
  hhf: nest(hhfAttributes),
  htb: nest(htbAttributes),
  ingress: nest(ingressAttributes),
  mqprio: structure(tcMqprioQopt),
  multiq: structure(tcMultiqQopt),
  netem: embedded<
    typeof tcNetemQopt,
    DecodedSet<typeof netemAttributes>,
    AcceptedSet<typeof netemAttributes>
  >(tcNetemQopt, (): AttributeSet => netemAttributes),
  pfifo: structure(tcFifoQopt),
  pfifo_fast: structure(tcPrioQopt),
  pfifo_head_drop: structure(tcFifoQopt),
  pie: nest(pieAttributes),
  plug: structure(tcPlugQopt),
  prio: structure(tcPrioQopt),
  red: nest(redAttributes),
  sfb: nest(sfbAttributes),
  sfq: structure(tcSfqQoptV1),
  skbprio: structure(tcFifoQopt),
  taprio: nest(taprioAttributes),
  tbf: nest(tbfAttributes),
});
