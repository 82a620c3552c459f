/** Numbers that a network namespace gives to its peers: RTM_NEWNSID and its kin. linux/net_namespace.h */
import { attributeSet, family, s32, struct, u8, u32 } from './definition.js';

/** struct rtgenmsg */
export const rtgenmsg = struct('rtgenmsg', { family: u8 });

/** NETNSA_* */
export const nsidAttributes = attributeSet('nsid', {
  nsid: [1, s32],
  pid: [2, u32],
  fd: [3, u32],
  targetNsid: [4, s32],
  currentNsid: [5, s32],
});

export const nsid = family({
  name: 'nsid',
  protocol: 'route',
  messages: {
    newnsid: { number: 88, header: rtgenmsg, attributes: nsidAttributes },
    delnsid: { number: 89, header: rtgenmsg, attributes: nsidAttributes },
    getnsid: { number: 90, header: rtgenmsg, attributes: nsidAttributes },
  },
});
