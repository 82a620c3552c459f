import { attributeSet, family, flags, ipv4, ipv6, nest, s32, u8, u16, u32 } from '../definition.js';
import { genlmsghdr } from './header.js';

/* Multipath TCP's path manager: linux/mptcp.h */

/** MPTCP_PM_ADDR_FLAG_* */
export const mptcpAddressFlags = {
  signal: 0x01,
  subflow: 0x02,
  backup: 0x04,
  fullmesh: 0x08,
  implicit: 0x10,
} as const;

/** MPTCP_PM_ADDR_ATTR_*; the port is in host order. */
export const mptcpAddressAttributes = attributeSet('mptcp-address', {
  family: [1, u16],
  id: [2, u8],
  addr4: [3, ipv4],
  addr6: [4, ipv6],
  port: [5, u16],
  flags: [6, flags(u32, mptcpAddressFlags)],
  ifIdx: [7, s32],
});

/** MPTCP_PM_ATTR_* */
export const mptcpAttributes = attributeSet('mptcp-attr', {
  addr: [1, nest(mptcpAddressAttributes)],
  rcvAddAddrs: [2, u32],
  subflows: [3, u32],
  token: [4, u32],
  locId: [5, u8],
  addrRemote: [6, nest(mptcpAddressAttributes)],
});

/** MPTCP_PM_CMD_*. The kernel's events have numbers of their own that collide with these; they are not described. */
export const mptcpPm = family({
  name: 'mptcp_pm',
  protocol: 'generic',
  messages: {
    addAddr: { number: 1, header: genlmsghdr, attributes: mptcpAttributes },
    delAddr: { number: 2, header: genlmsghdr, attributes: mptcpAttributes },
    getAddr: { number: 3, header: genlmsghdr, attributes: mptcpAttributes },
    flushAddrs: { number: 4, header: genlmsghdr, attributes: mptcpAttributes },
    setLimits: { number: 5, header: genlmsghdr, attributes: mptcpAttributes },
    getLimits: { number: 6, header: genlmsghdr, attributes: mptcpAttributes },
    setFlags: { number: 7, header: genlmsghdr, attributes: mptcpAttributes },
    announce: { number: 8, header: genlmsghdr, attributes: mptcpAttributes },
    remove: { number: 9, header: genlmsghdr, attributes: mptcpAttributes },
    subflowCreate: { number: 10, header: genlmsghdr, attributes: mptcpAttributes },
    subflowDestroy: { number: 11, header: genlmsghdr, attributes: mptcpAttributes },
  },
});
