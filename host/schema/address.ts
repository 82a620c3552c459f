import { attributeSet, family, flags, ip, string, struct, structure, u8, u32 } from './definition.js';

/** ifa_flags and IFA_FLAGS, linux/if_addr.h */
export const addressFlags = {
  secondary: 0x01,
  nodad: 0x02,
  optimistic: 0x04,
  dadfailed: 0x08,
  homeaddress: 0x10,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
  managetempaddr: 0x100,
  noprefixroute: 0x200,
  mcautojoin: 0x400,
  'stable-privacy': 0x800,
} as const;

/** struct ifaddrmsg, linux/if_addr.h */
export const ifaddrmsg = struct('ifaddrmsg', {
  family: u8,
  prefixlen: u8,
  flags: flags(u8, addressFlags),
  scope: u8,
  index: u32,
});

/** struct ifa_cacheinfo: lifetimes in seconds, timestamps in hundredths of a second since boot. */
export const ifaCacheinfo = struct('ifa-cacheinfo', {
  ifaPrefered: u32,
  ifaValid: u32,
  cstamp: u32,
  tstamp: u32,
});

/** IFA_*, linux/if_addr.h */
export const addressAttributes = attributeSet('address', {
  address: [1, ip],
  local: [2, ip],
  label: [3, string],
  broadcast: [4, ip],
  anycast: [5, ip],
  cacheinfo: [6, structure(ifaCacheinfo)],
  multicast: [7, ip],
  flags: [8, flags(u32, addressFlags)],
  rtPriority: [9, u32],
  targetNetnsid: [10, u32],
  proto: [11, u8],
});

export const address = family({
  name: 'address',
  protocol: 'route',
  messages: {
    newaddr: { number: 20, header: ifaddrmsg, attributes: addressAttributes },
    deladdr: { number: 21, header: ifaddrmsg, attributes: addressAttributes },
    getaddr: { number: 22, header: ifaddrmsg, attributes: addressAttributes },
  },
});
