import { array, attributeSet, nest, s16, s32, s64, struct, structure, u32, u64 } from '../definition.js';

/* The network emulator: linux/pkt_sched.h. Probabilities are fractions of 2^32. */

/** struct tc_netem_qopt; delay and jitter in ticks of 64 ns, the limit in packets. */
export const tcNetemQopt = struct('tc-netem-qopt', {
  latency: u32,
  limit: u32,
  loss: u32,
  gap: u32,
  duplicate: u32,
  jitter: u32,
});

/** struct tc_netem_corr */
export const tcNetemCorr = struct('tc-netem-corr', { delayCorr: u32, lossCorr: u32, dupCorr: u32 });

/** struct tc_netem_reorder */
export const tcNetemReorder = struct('tc-netem-reorder', { probability: u32, correlation: u32 });

/** struct tc_netem_corrupt */
export const tcNetemCorrupt = struct('tc-netem-corrupt', { probability: u32, correlation: u32 });

/** struct tc_netem_gimodel: a loss model of four states. */
export const tcNetemGimodel = struct('tc-netem-gimodel', {
  p13: u32,
  p31: u32,
  p32: u32,
  p14: u32,
  p23: u32,
});

/** struct tc_netem_gemodel: Gilbert's and Elliot's loss model. */
export const tcNetemGemodel = struct('tc-netem-gemodel', { p: u32, r: u32, h: u32, k1: u32 });

/** NETEM_LOSS_* */
export const netemLossAttributes = attributeSet('tc-netem-loss', {
  gi: [1, structure(tcNetemGimodel)],
  ge: [2, structure(tcNetemGemodel)],
});

/** struct tc_netem_rate; the rate in bytes/s. */
export const tcNetemRate = struct('tc-netem-rate', {
  rate: u32,
  packetOverhead: s32,
  cellSize: u32,
  cellOverhead: s32,
});

/** struct tc_netem_slot; delays in nanoseconds. */
export const tcNetemSlot = struct('tc-netem-slot', {
  minDelay: s64,
  maxDelay: s64,
  maxPackets: s32,
  maxBytes: s32,
  distDelay: s64,
  distJitter: s64,
});

/** TCA_NETEM_*; the 64-bit delays are in nanoseconds. */
export const netemAttributes = attributeSet('tc-netem', {
  corr: [1, structure(tcNetemCorr)],
  delayDist: [2, array(s16)],
  reorder: [3, structure(tcNetemReorder)],
  corrupt: [4, structure(tcNetemCorrupt)],
  loss: [5, nest(netemLossAttributes)],
  rate: [6, structure(tcNetemRate)],
  ecn: [7, u32],
  rate64: [8, u64],
  latency64: [10, s64],
  jitter64: [11, s64],
  slot: [12, structure(tcNetemSlot)],
  slotDist: [13, array(s16)],
  prngSeed: [14, u64],
});
