/** Parameters of the neighbour tables: RTM_NEWNEIGHTBL and its kin. Times in ms. linux/neighbour.h */
import {
  attributeSet,
  family,
  nest,
  pad,
  string,
  struct,
  structure,
  u8,
  u16,
  u32,
  u64,
} from './definition.js';

/** struct ndtmsg */
export const ndtmsg = struct('ndtmsg', { family: u8, pad0: pad(3) });
/** struct ndt_config */
export const ndtConfig = struct('ndt-config', {
  keyLen: u16,
  entrySize: u16,
  entries: u32,
  lastFlush: u32,
  lastRand: u32,
  hashRnd: u32,
  hashMask: u32,
  hashChainGc: u32,
  proxyQlen: u32,
});
/** struct ndt_stats */
export const ndtStats = struct('ndt-stats', {
  allocs: u64,
  destroys: u64,
  hashGrows: u64,
  resFailed: u64,
  lookups: u64,
  hits: u64,
  rcvProbesMcast: u64,
  rcvProbesUcast: u64,
  periodicGcRuns: u64,
  forcedGcRuns: u64,
  tableFulls: u64,
});
/** NDTPA_* */
export const neighbourParameters = attributeSet('ndtpa', {
  ifindex: [1, u32],
  refcnt: [2, u32],
  reachableTime: [3, u64],
  baseReachableTime: [4, u64],
  retransTime: [5, u64],
  gcStaletime: [6, u64],
  delayProbeTime: [7, u64],
  queueLen: [8, u32],
  appProbes: [9, u32],
  ucastProbes: [10, u32],
  mcastProbes: [11, u32],
  anycastDelay: [12, u64],
  proxyDelay: [13, u64],
  proxyQlen: [14, u32],
  locktime: [15, u64],
  queueLenbytes: [16, u32],
  mcastReprobes: [17, u32],
  intervalProbeTimeMs: [19, u64],
});
/** NDTA_* */
export const neighbourTableAttributes = attributeSet('neighbour-table', {
  name: [1, string],
  thresh1: [2, u32],
  thresh2: [3, u32],
  thresh3: [4, u32],
  config: [5, structure(ndtConfig)],
  parms: [6, nest(neighbourParameters)],
  stats: [7, structure(ndtStats)],
  gcInterval: [8, u64],
});

export const neighbourTable = family({
  name: 'neighbour-table',
  protocol: 'route',
  messages: {
    newneightbl: { number: 64, header: ndtmsg, attributes: neighbourTableAttributes },
    getneightbl: { number: 66, header: ndtmsg, attributes: neighbourTableAttributes },
    setneightbl: { number: 67, header: ndtmsg, attributes: neighbourTableAttributes },
  },
});
