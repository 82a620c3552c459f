/** Kind of a link and what is particular to it (IFLA_LINKINFO). linux/if_link.h, drivers/net/veth.c */
import {
  type AcceptedSet,
  type AttributeSet,
  attributeSet,
  binary,
  choice,
  type DecodedSet,
  embedded,
  enumeration,
  nest,
  string,
  u8,
  u16,
  u32,
} from '../definition.js';
import { bondAttributes, bondPortAttributes } from './kinds/bond.js';
import { bridgeAttributes, bridgePortAttributes } from './kinds/bridge.js';
import { canAttributes } from './kinds/can.js';
import {
  batadvAttributes,
  hsrAttributes,
  ipvlanAttributes,
  macvlanAttributes,
  tunAttributes,
  vlanAttributes,
  vrfAttributes,
  vrfPortAttributes,
} from './kinds/devices.js';
import {
  geneveAttributes,
  greAttributes,
  ip6tnlAttributes,
  iptunAttributes,
  vtiAttributes,
  xfrmAttributes,
} from './kinds/tunnels.js';
import { vxlanAttributes } from './kinds/vxlan.js';
import { ifinfomsg } from './message.js';
import { linkSettings } from './settings.js';

/**
 * The other end of a veth or netkit pair: a whole link message without its nlmsghdr. Its own kind cannot be told:
 * it is the pair's.
 */
const peerOf = embedded<typeof ifinfomsg, DecodedSet<typeof linkSettings>, AcceptedSet<typeof linkSettings>>(
  ifinfomsg,
  (): AttributeSet => linkSettings,
);

/** VETH_INFO_*, linux/veth.h; VXCAN_INFO_* have the same numbers. */
export const vethAttributes = attributeSet('veth', { peer: [1, peerOf] });

/** NETKIT_*: what happens to packets while no program is attached. */
export const netkitPolicy = { forward: 0, blackhole: 2 } as const;
export const netkitMode = { l2: 0, l3: 1 } as const;
export const netkitScrub = { none: 0, default: 1 } as const;
/** IFLA_NETKIT_* */
export const netkitAttributes = attributeSet('netkit', {
  peerInfo: [1, peerOf],
  primary: [2, u8],
  policy: [3, enumeration(u32, netkitPolicy)],
  peerPolicy: [4, enumeration(u32, netkitPolicy)],
  mode: [5, enumeration(u32, netkitMode)],
  scrub: [6, enumeration(u32, netkitScrub)],
  peerScrub: [7, enumeration(u32, netkitScrub)],
  headroom: [8, u16],
  tailroom: [9, u16],
});

/** Kinds that take no settings (dummy, ifb, wireguard, …) have none of the attributes. */
const nothing = attributeSet('none', {});

/** IFLA_INFO_* */
export const linkinfoAttributes = attributeSet('linkinfo', {
  kind: [1, string],
  data: [
    2,
    choice('kind', {
      batadv: nest(batadvAttributes),
      bond: nest(bondAttributes),
      bridge: nest(bridgeAttributes),
      can: nest(canAttributes),
      dummy: nest(nothing),
      erspan: nest(greAttributes),
      geneve: nest(geneveAttributes),
      gre: nest(greAttributes),
      gretap: nest(greAttributes),
      hsr: nest(hsrAttributes),
      ifb: nest(nothing),
      ip6erspan: nest(greAttributes),
      ip6gre: nest(greAttributes),
      ip6gretap: nest(greAttributes),
      ip6tnl: nest(ip6tnlAttributes),
      ipip: nest(iptunAttributes),
      ipvlan: nest(ipvlanAttributes),
      ipvtap: nest(ipvlanAttributes),
      macvlan: nest(macvlanAttributes),
      macvtap: nest(macvlanAttributes),
      netkit: nest(netkitAttributes),
      nlmon: nest(nothing),
      sit: nest(iptunAttributes),
      tun: nest(tunAttributes),
      veth: nest(vethAttributes),
      vlan: nest(vlanAttributes),
      vrf: nest(vrfAttributes),
      vti: nest(vtiAttributes),
      vti6: nest(vtiAttributes),
      vxcan: nest(vethAttributes),
      vxlan: nest(vxlanAttributes),
      wireguard: nest(nothing),
      xfrm: nest(xfrmAttributes),
    }),
  ],
  xstats: [3, binary],
  slaveKind: [4, string],
  slaveData: [
    5,
    choice('slaveKind', {
      bond: nest(bondPortAttributes),
      bridge: nest(bridgePortAttributes),
      vrf: nest(vrfPortAttributes),
    }),
  ],
});
