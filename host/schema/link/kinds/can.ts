/** CAN controllers. linux/can/netlink.h */
import {
  array,
  attributeSet,
  bytes,
  enumeration,
  flags,
  nest,
  struct,
  structure,
  u16,
  u32,
} from '../../definition.js';

/** CAN_STATE_* */
export const canStates = {
  'error-active': 0,
  'error-warning': 1,
  'error-passive': 2,
  'bus-off': 3,
  stopped: 4,
  sleeping: 5,
} as const;
/** CAN_CTRLMODE_* */
export const canControlModes = {
  loopback: 0x1,
  listenonly: 0x2,
  '3-samples': 0x4,
  'one-shot': 0x8,
  'berr-reporting': 0x10,
  fd: 0x20,
  'presume-ack': 0x40,
  'fd-non-iso': 0x80,
  'cc-len8-dlc': 0x100,
  'tdc-auto': 0x200,
  'tdc-manual': 0x400,
} as const;

/** struct can_bittiming: `bitrate` in bits/s, `samplePoint` in tenths of a percent, `tq` in ns, segments in quanta. */
export const canBittiming = struct('can-bittiming', {
  bitrate: u32,
  samplePoint: u32,
  tq: u32,
  propSeg: u32,
  phaseSeg1: u32,
  phaseSeg2: u32,
  sjw: u32,
  brp: u32,
});
/** struct can_bittiming_const */
export const canBittimingConst = struct('can-bittiming-const', {
  name: bytes(16),
  tseg1Min: u32,
  tseg1Max: u32,
  tseg2Min: u32,
  tseg2Max: u32,
  sjwMax: u32,
  brpMin: u32,
  brpMax: u32,
  brpInc: u32,
});
/** struct can_clock: Hz */
export const canClock = struct('can-clock', { freq: u32 });
/** struct can_ctrlmode */
export const canCtrlmode = struct('can-ctrlmode', {
  mask: flags(u32, canControlModes),
  flags: flags(u32, canControlModes),
});
/** struct can_berr_counter */
export const canBerrCounter = struct('can-berr-counter', { txerr: u16, rxerr: u16 });

/** IFLA_CAN_TDC_* */
export const canTdcAttributes = attributeSet('can-tdc', {
  tdcvMin: [1, u32],
  tdcvMax: [2, u32],
  tdcoMin: [3, u32],
  tdcoMax: [4, u32],
  tdcfMin: [5, u32],
  tdcfMax: [6, u32],
  tdcv: [7, u32],
  tdco: [8, u32],
  tdcf: [9, u32],
});
/** IFLA_CAN_CTRLMODE_* */
export const canCtrlmodeExtAttributes = attributeSet('can-ctrlmode-ext', {
  supported: [1, flags(u32, canControlModes)],
});
/** IFLA_CAN_*; `restartMs` in ms, bit rates in bits/s, `termination` in ohms. */
export const canAttributes = attributeSet('can', {
  bittiming: [1, structure(canBittiming)],
  bittimingConst: [2, structure(canBittimingConst)],
  clock: [3, structure(canClock)],
  state: [4, enumeration(u32, canStates)],
  ctrlmode: [5, structure(canCtrlmode)],
  restartMs: [6, u32],
  restart: [7, u32],
  berrCounter: [8, structure(canBerrCounter)],
  dataBittiming: [9, structure(canBittiming)],
  dataBittimingConst: [10, structure(canBittimingConst)],
  termination: [11, u16],
  terminationConst: [12, array(u16)],
  bitrateConst: [13, array(u32)],
  dataBitrateConst: [14, array(u32)],
  bitrateMax: [15, u32],
  tdc: [16, nest(canTdcAttributes)],
  ctrlmodeExt: [17, nest(canCtrlmodeExtAttributes)],
});
