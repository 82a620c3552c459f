/** Links (network interfaces): RTM_NEWLINK and its kin. linux/rtnetlink.h, linux/if_link.h */
import {
  attributeSet,
  binary,
  family,
  indexed,
  nest,
  pad,
  struct,
  structure,
  u8,
  u32,
} from '../definition.js';
import { linkinfoAttributes } from './linkinfo.js';
import { ifinfomsg, rtnlLinkStats64 } from './message.js';
import { linkSettings } from './settings.js';

const attributes = attributeSet('link', {
  ...linkSettings.attributes,
  linkinfo: [18, nest(linkinfoAttributes)],
});

type Attributes = typeof attributes;
/** Named, so that declarations refer to it instead of repeating it. */
export interface LinkAttributes extends Attributes {}
/** IFLA_* */
export const linkAttributes: LinkAttributes = attributes;

export const hwSInfoOneAttributes = attributeSet('hw-s-info-one', {
  request: [1, u8],
  used: [2, u8],
});

export const linkOffloadXstatsAttributes = attributeSet('link-offload-xstats', {
  cpuHit: [1, binary],
  hwSInfo: [2, indexed(nest(hwSInfoOneAttributes))],
  l3Stats: [3, binary],
});

export const statsAttributes = attributeSet('stats', {
  link64: [1, structure(rtnlLinkStats64)],
  linkXstats: [2, binary],
  linkXstatsSlave: [3, binary],
  linkOffloadXstats: [4, nest(linkOffloadXstatsAttributes)],
  afSpec: [5, binary],
});

/** struct if_stats_msg */
export const ifStatsMsg = struct('if_stats_msg', {
  family: u8,
  pad0: pad(3),
  ifindex: u32,
  filterMask: u32,
});

export const link = family({
  name: 'link',
  protocol: 'route',
  messages: {
    newlink: { number: 16, header: ifinfomsg, attributes: linkAttributes },
    dellink: { number: 17, header: ifinfomsg, attributes: linkAttributes },
    getlink: { number: 18, header: ifinfomsg, attributes: linkAttributes },
    setlink: { number: 19, header: ifinfomsg, attributes: linkAttributes },
    newstats: { number: 92, header: ifStatsMsg, attributes: statsAttributes },
    getstats: { number: 94, header: ifStatsMsg, attributes: statsAttributes },
    newlinkprop: { number: 108, header: ifinfomsg, attributes: linkAttributes },
    dellinkprop: { number: 109, header: ifinfomsg, attributes: linkAttributes },
    getlinkprop: { number: 110, header: ifinfomsg, attributes: linkAttributes },
  },
});
