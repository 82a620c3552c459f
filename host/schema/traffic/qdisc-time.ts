import {
  type AttributeSet,
  attributeSet,
  bytes,
  circularNest,
  flags,
  list,
  nest,
  pad,
  s32,
  s64,
  struct,
  structure,
  u8,
  u32,
} from '../definition.js';

/* Qdiscs of time-sensitive networking, and the hardware's queues: linux/pkt_sched.h */

/** struct tc_mqprio_qopt: `count` and `offset` are 16 u16 each. */
export const tcMqprioQopt = struct('tc-mqprio-qopt', {
  numTc: u8,
  prioTcMap: bytes(16),
  hw: u8,
  count: bytes(32),
  offset: bytes(32),
});

/** struct tc_cbs_qopt; credits in bytes, slopes in kbit/s. */
export const tcCbsQopt = struct('tc-cbs-qopt', {
  offload: u8,
  pad: pad(3),
  hicredit: s32,
  locredit: s32,
  idleslope: s32,
  sendslope: s32,
});

/** TCA_CBS_* */
export const cbsAttributes = attributeSet('tc-cbs', { parms: [1, structure(tcCbsQopt)] });

/** TC_ETF_* */
export const etfFlags = { 'deadline-mode-on': 1, 'offload-on': 2, 'skip-sock-check': 4 } as const;

/** struct tc_etf_qopt; delta in nanoseconds. */
export const tcEtfQopt = struct('tc-etf-qopt', { delta: s32, clockid: s32, flags: flags(u32, etfFlags) });

/** TCA_ETF_* */
export const etfAttributes = attributeSet('tc-etf', { parms: [1, structure(tcEtfQopt)] });

/** TCA_TAPRIO_SCHED_ENTRY_*; the interval in nanoseconds. */
export const taprioSchedEntryAttributes = attributeSet('tc-taprio-sched-entry', {
  index: [1, u32],
  cmd: [2, u8],
  gateMask: [3, u32],
  interval: [4, u32],
});

/** TCA_TAPRIO_SCHED_ENTRY */
export const taprioSchedEntryListAttributes = attributeSet('tc-taprio-sched-entry-list', {
  entry: [1, list(nest(taprioSchedEntryAttributes))],
});

/** TCA_TAPRIO_TC_ENTRY_* */
export const taprioTcEntryAttributes = attributeSet('tc-taprio-tc-entry', {
  index: [1, u32],
  maxSdu: [2, u32],
  fp: [3, u32],
});

/** TCA_TAPRIO_ATTR_FLAG_* */
export const taprioFlags = { 'txtime-assist': 1, 'full-offload': 2 } as const;

/** TCA_TAPRIO_ATTR_*; times in nanoseconds. */
export const taprioAttributes = attributeSet('tc-taprio', {
  priomap: [1, structure(tcMqprioQopt)],
  schedEntryList: [2, nest(taprioSchedEntryListAttributes)],
  schedBaseTime: [3, s64],
  schedSingleEntry: [4, nest(taprioSchedEntryAttributes)],
  schedClockid: [5, s32],
  adminSched: [7, circularNest<Record<string, unknown>>((): AttributeSet => taprioAttributes)],
  schedCycleTime: [8, s64],
  schedCycleTimeExtension: [9, s64],
  flags: [10, flags(u32, taprioFlags)],
  txtimeDelay: [11, u32],
  tcEntry: [12, list(nest(taprioTcEntryAttributes))],
});
