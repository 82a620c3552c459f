import {
  array,
  attributeSet,
  binary,
  flag,
  flags,
  keyed,
  list,
  nest,
  s32,
  string,
  u8,
  u32,
  u64,
  uint,
} from '../definition.js';

/* What ethtool's messages are about. A field that the driver does not know is left out of replies. */

/** ETHTOOL_FLAG_*, linux/ethtool_netlink.h */
export const ethtoolHeaderFlags = { 'compact-bitsets': 1, 'omit-reply': 2, stats: 4 } as const;

/** ETHTOOL_A_HEADER_*, linux/ethtool_netlink.h: a request says which device it is about by index or by name */
export const ethtoolHeaderAttributes = attributeSet('ethtool-header', {
  devIndex: [1, u32],
  devName: [2, string],
  flags: [3, flags(u32, ethtoolHeaderFlags)],
  phyIndex: [4, u32],
});

/** ETHTOOL_A_BITSET_BIT_*, linux/ethtool_netlink.h */
export const bitsetBitAttributes = attributeSet('bitset-bit', {
  index: [1, u32],
  name: [2, string],
  value: [3, flag],
});

/** ETHTOOL_A_BITSET_BITS_*, linux/ethtool_netlink.h */
export const bitsetBitsAttributes = attributeSet('bitset-bits', {
  bit: [1, list(nest(bitsetBitAttributes))],
});

/** ETHTOOL_A_BITSET_*, linux/ethtool_netlink.h: bits by name, or with the `compact-bitsets` flag as two maps of u32 */
export const bitsetAttributes = attributeSet('bitset', {
  nomask: [1, flag],
  size: [2, u32],
  bits: [3, nest(bitsetBitsAttributes)],
  value: [4, binary],
  mask: [5, binary],
});

/** ETHTOOL_A_STRING_*, linux/ethtool_netlink.h */
export const stringAttributes = attributeSet('string', {
  index: [1, u32],
  value: [2, string],
});

/** ETHTOOL_A_STRINGS_*, linux/ethtool_netlink.h */
export const stringsAttributes = attributeSet('strings', {
  string: [1, list(nest(stringAttributes))],
});

/** ETHTOOL_A_STRINGSET_*, linux/ethtool_netlink.h */
export const stringsetAttributes = attributeSet('stringset', {
  id: [1, u32],
  count: [2, u32],
  strings: [3, nest(stringsAttributes)],
});

/** ETHTOOL_A_STRINGSETS_*, linux/ethtool_netlink.h */
export const stringsetsAttributes = attributeSet('stringsets', {
  stringset: [1, list(nest(stringsetAttributes))],
});

/** ETHTOOL_A_STRSET_*, linux/ethtool_netlink.h: without a device in its header: the strings that all devices share */
export const strsetAttributes = attributeSet('strset', {
  header: [1, nest(ethtoolHeaderAttributes)],
  stringsets: [2, nest(stringsetsAttributes)],
  countsOnly: [3, flag],
});

/** ETHTOOL_A_LINKINFO_*, linux/ethtool_netlink.h */
export const linkinfoAttributes = attributeSet('linkinfo', {
  header: [1, nest(ethtoolHeaderAttributes)],
  port: [2, u8],
  phyaddr: [3, u8],
  tpMdix: [4, u8],
  tpMdixCtrl: [5, u8],
  transceiver: [6, u8],
});

/** ETHTOOL_A_LINKMODES_*, linux/ethtool_netlink.h; the speed in Mbit/s */
export const linkmodesAttributes = attributeSet('linkmodes', {
  header: [1, nest(ethtoolHeaderAttributes)],
  autoneg: [2, u8],
  ours: [3, nest(bitsetAttributes)],
  peer: [4, nest(bitsetAttributes)],
  speed: [5, u32],
  duplex: [6, u8],
  masterSlaveCfg: [7, u8],
  masterSlaveState: [8, u8],
  lanes: [9, u32],
  rateMatching: [10, u8],
});

/** ETHTOOL_A_LINKSTATE_*, linux/ethtool_netlink.h */
export const linkstateAttributes = attributeSet('linkstate', {
  header: [1, nest(ethtoolHeaderAttributes)],
  link: [2, u8],
  sqi: [3, u32],
  sqiMax: [4, u32],
  extState: [5, u8],
  extSubstate: [6, u8],
  extDownCnt: [7, u32],
});

/** ETHTOOL_A_DEBUG_*, linux/ethtool_netlink.h */
export const debugAttributes = attributeSet('debug', {
  header: [1, nest(ethtoolHeaderAttributes)],
  msgmask: [2, nest(bitsetAttributes)],
});

/** ETHTOOL_A_WOL_*, linux/ethtool_netlink.h */
export const wolAttributes = attributeSet('wol', {
  header: [1, nest(ethtoolHeaderAttributes)],
  modes: [2, nest(bitsetAttributes)],
  sopass: [3, binary],
});

/** ETHTOOL_A_FEATURES_*, linux/ethtool_netlink.h */
export const featuresAttributes = attributeSet('features', {
  header: [1, nest(ethtoolHeaderAttributes)],
  hw: [2, nest(bitsetAttributes)],
  wanted: [3, nest(bitsetAttributes)],
  active: [4, nest(bitsetAttributes)],
  nochange: [5, nest(bitsetAttributes)],
});

/** ETHTOOL_A_PRIVFLAGS_*, linux/ethtool_netlink.h */
export const privflagsAttributes = attributeSet('privflags', {
  header: [1, nest(ethtoolHeaderAttributes)],
  flags: [2, nest(bitsetAttributes)],
});

/** ETHTOOL_A_RINGS_*, linux/ethtool_netlink.h: descriptors; buffer lengths in bytes */
export const ringsAttributes = attributeSet('rings', {
  header: [1, nest(ethtoolHeaderAttributes)],
  rxMax: [2, u32],
  rxMiniMax: [3, u32],
  rxJumboMax: [4, u32],
  txMax: [5, u32],
  rx: [6, u32],
  rxMini: [7, u32],
  rxJumbo: [8, u32],
  tx: [9, u32],
  rxBufLen: [10, u32],
  tcpDataSplit: [11, u8],
  cqeSize: [12, u32],
  txPush: [13, u8],
  rxPush: [14, u8],
  txPushBufLen: [15, u32],
  txPushBufLenMax: [16, u32],
});

/** ETHTOOL_A_CHANNELS_*, linux/ethtool_netlink.h */
export const channelsAttributes = attributeSet('channels', {
  header: [1, nest(ethtoolHeaderAttributes)],
  rxMax: [2, u32],
  txMax: [3, u32],
  otherMax: [4, u32],
  combinedMax: [5, u32],
  rxCount: [6, u32],
  txCount: [7, u32],
  otherCount: [8, u32],
  combinedCount: [9, u32],
});

/** ETHTOOL_A_IRQ_MODERATION_*, linux/ethtool_netlink.h */
export const irqModerationAttributes = attributeSet('irq-moderation', {
  usec: [1, u32],
  pkts: [2, u32],
  comps: [3, u32],
});

/** ETHTOOL_A_PROFILE_*, linux/ethtool_netlink.h */
export const profileAttributes = attributeSet('profile', {
  irqModeration: [1, list(nest(irqModerationAttributes))],
});

/** ETHTOOL_A_COALESCE_*, linux/ethtool_netlink.h; times in microseconds, rates in packets/s */
export const coalesceAttributes = attributeSet('coalesce', {
  header: [1, nest(ethtoolHeaderAttributes)],
  rxUsecs: [2, u32],
  rxMaxFrames: [3, u32],
  rxUsecsIrq: [4, u32],
  rxMaxFramesIrq: [5, u32],
  txUsecs: [6, u32],
  txMaxFrames: [7, u32],
  txUsecsIrq: [8, u32],
  txMaxFramesIrq: [9, u32],
  statsBlockUsecs: [10, u32],
  useAdaptiveRx: [11, u8],
  useAdaptiveTx: [12, u8],
  pktRateLow: [13, u32],
  rxUsecsLow: [14, u32],
  rxMaxFramesLow: [15, u32],
  txUsecsLow: [16, u32],
  txMaxFramesLow: [17, u32],
  pktRateHigh: [18, u32],
  rxUsecsHigh: [19, u32],
  rxMaxFramesHigh: [20, u32],
  txUsecsHigh: [21, u32],
  txMaxFramesHigh: [22, u32],
  rateSampleInterval: [23, u32],
  useCqeModeTx: [24, u8],
  useCqeModeRx: [25, u8],
  txAggrMaxBytes: [26, u32],
  txAggrMaxFrames: [27, u32],
  txAggrTimeUsecs: [28, u32],
  rxProfile: [29, nest(profileAttributes)],
  txProfile: [30, nest(profileAttributes)],
});

/** ETHTOOL_A_PAUSE_STAT_*, linux/ethtool_netlink.h */
export const pauseStatAttributes = attributeSet('pause-stat', {
  txFrames: [2, u64],
  rxFrames: [3, u64],
});

/** ETHTOOL_A_PAUSE_*, linux/ethtool_netlink.h */
export const pauseAttributes = attributeSet('pause', {
  header: [1, nest(ethtoolHeaderAttributes)],
  autoneg: [2, u8],
  rx: [3, u8],
  tx: [4, u8],
  stats: [5, nest(pauseStatAttributes)],
  statsSrc: [6, u32],
});

/** ETHTOOL_A_EEE_*, linux/ethtool_netlink.h; the timer in microseconds */
export const eeeAttributes = attributeSet('eee', {
  header: [1, nest(ethtoolHeaderAttributes)],
  modesOurs: [2, nest(bitsetAttributes)],
  modesPeer: [3, nest(bitsetAttributes)],
  active: [4, u8],
  enabled: [5, u8],
  txLpiEnabled: [6, u8],
  txLpiTimer: [7, u32],
});

/** ETHTOOL_A_TS_STAT_*, linux/ethtool_netlink.h */
export const tsStatAttributes = attributeSet('ts-stat', {
  txPkts: [1, uint],
  txLost: [2, uint],
  txErr: [3, uint],
});

/** ETHTOOL_A_TSINFO_*, linux/ethtool_netlink.h */
export const tsinfoAttributes = attributeSet('tsinfo', {
  header: [1, nest(ethtoolHeaderAttributes)],
  timestamping: [2, nest(bitsetAttributes)],
  txTypes: [3, nest(bitsetAttributes)],
  rxFilters: [4, nest(bitsetAttributes)],
  phcIndex: [5, u32],
  stats: [6, nest(tsStatAttributes)],
});

/** ETHTOOL_A_FEC_STAT_*, linux/ethtool_netlink.h; the sum, then one count for each lane */
export const fecStatAttributes = attributeSet('fec-stat', {
  corrected: [2, array(u64)],
  uncorr: [3, array(u64)],
  corrBits: [4, array(u64)],
});

/** ETHTOOL_A_FEC_*, linux/ethtool_netlink.h */
export const fecAttributes = attributeSet('fec', {
  header: [1, nest(ethtoolHeaderAttributes)],
  modes: [2, nest(bitsetAttributes)],
  auto: [3, u8],
  active: [4, u32],
  stats: [5, nest(fecStatAttributes)],
});

/** ETHTOOL_A_MODULE_EEPROM_*, linux/ethtool_netlink.h */
export const moduleEepromAttributes = attributeSet('module-eeprom', {
  header: [1, nest(ethtoolHeaderAttributes)],
  offset: [2, u32],
  length: [3, u32],
  page: [4, u8],
  bank: [5, u8],
  i2cAddress: [6, u8],
  data: [7, binary],
});

/** ETHTOOL_A_MODULE_*, linux/ethtool_netlink.h */
export const moduleAttributes = attributeSet('module', {
  header: [1, nest(ethtoolHeaderAttributes)],
  powerModePolicy: [2, u8],
  powerMode: [3, u8],
});

/** ETHTOOL_A_PHC_VCLOCKS_*, linux/ethtool_netlink.h */
export const phcVclocksAttributes = attributeSet('phc-vclocks', {
  header: [1, nest(ethtoolHeaderAttributes)],
  num: [2, u32],
  index: [3, array(s32)],
});

/** ETHTOOL_A_RSS_*, linux/ethtool_netlink.h */
export const rssAttributes = attributeSet('rss', {
  header: [1, nest(ethtoolHeaderAttributes)],
  context: [2, u32],
  hfunc: [3, u32],
  indir: [4, array(u32)],
  hkey: [5, binary],
  inputXfrm: [6, u32],
  startContext: [7, u32],
});

/** ETHTOOL_A_STATS_GRP_HIST_*, linux/ethtool_netlink.h: a count of frames by length in bytes. */
export const statsHistogramAttributes = attributeSet('stats-grp-hist', {
  histBktLow: [7, u32],
  histBktHi: [8, u32],
  histVal: [9, u64],
});

/** ETHTOOL_A_STATS_GRP_*, linux/ethtool_netlink.h: each `stat` is one count by its number; the string set `ssId` has their names. */
export const statsGrpAttributes = attributeSet('stats-grp', {
  id: [2, u32],
  ssId: [3, u32],
  stat: [4, list(keyed(u64))],
  histRx: [5, list(nest(statsHistogramAttributes))],
  histTx: [6, list(nest(statsHistogramAttributes))],
});

/** ETHTOOL_A_STATS_*, linux/ethtool_netlink.h */
export const statsAttributes = attributeSet('stats', {
  header: [2, nest(ethtoolHeaderAttributes)],
  groups: [3, nest(bitsetAttributes)],
  grp: [4, list(nest(statsGrpAttributes))],
  src: [5, u32],
});
