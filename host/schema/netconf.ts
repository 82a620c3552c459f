/** Settings of address families on links, as notified: RTM_NEWNETCONF and its kin. linux/netconf.h */
import { attributeSet, family, s32, struct, u8 } from './definition.js';

/** struct netconfmsg */
export const netconfmsg = struct('netconfmsg', { family: u8 });

/** NETCONFA_*; `ifindex` is -1 for all links, -2 for the default. */
export const netconfAttributes = attributeSet('netconf', {
  ifindex: [1, s32],
  forwarding: [2, s32],
  rpFilter: [3, s32],
  mcForwarding: [4, s32],
  proxyNeigh: [5, s32],
  ignoreRoutesWithLinkdown: [6, s32],
  input: [7, s32],
  bcForwarding: [8, s32],
  forceForwarding: [9, s32],
});

export const netconf = family({
  name: 'netconf',
  protocol: 'route',
  messages: {
    newnetconf: { number: 80, header: netconfmsg, attributes: netconfAttributes },
    delnetconf: { number: 81, header: netconfmsg, attributes: netconfAttributes },
    getnetconf: { number: 82, header: netconfmsg, attributes: netconfAttributes },
  },
});
