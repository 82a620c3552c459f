import { enumeration, s32, struct, structure, u32 } from '../definition.js';
import { tcfT } from './common.js';

/* What the parameters of actions have in common: linux/pkt_cls.h */

/** TC_ACT_*, linux/pkt_cls.h: what happens to a packet after an action. Jumps and chains are plain numbers. */
export const actionVerdicts = {
  unspec: -1,
  ok: 0,
  reclassify: 1,
  shot: 2,
  pipe: 3,
  stolen: 4,
  queued: 5,
  repeat: 6,
  redirect: 7,
  trap: 8,
} as const;

export const verdict = enumeration(s32, actionVerdicts);

/** What each action's parameters begin with: tc_gen, linux/pkt_cls.h */
export const gen = { index: u32, capab: u32, action: verdict, refcnt: s32, bindcnt: s32 } as const;

/** tc_gen, linux/pkt_cls.h */
export const tcGen = struct('tc-gen', gen);

export const timesAndParms = { tm: [1, structure(tcfT)], parms: [2, structure(tcGen)] } as const;
