import {
  type AnyType,
  attributeSet,
  bitfield32,
  family,
  flag,
  nest,
  string,
  structure,
  u8,
  u32,
} from '../definition.js';
import { classOptions } from './class.js';
import { gnetEstimator, stabAttributes, statsAttributes, tcmsg, tcStats } from './common.js';
import { filterOptions } from './filter.js';
import { qdiscOptions } from './qdisc.js';
import { classXstats, qdiscXstats } from './xstats.js';

/** TCA_DUMP_FLAGS_*, linux/rtnetlink.h */
export const dumpFlags = { terse: 1 } as const;

/** TCA_*, linux/rtnetlink.h, but for what the kind chooses. */
function trafficAttributes<O extends AnyType, X extends AnyType>(name: string, options: O, xstats: X) {
  return attributeSet(name, {
    kind: [1, string],
    options: [2, options],
    stats: [3, structure(tcStats)],
    xstats: [4, xstats],
    rate: [5, structure(gnetEstimator)],
    fcnt: [6, u32],
    stats2: [7, nest(statsAttributes)],
    stab: [8, nest(stabAttributes)],
    dumpInvisible: [10, flag],
    chain: [11, u32],
    hwOffload: [12, u8],
    ingressBlock: [13, u32],
    egressBlock: [14, u32],
    dumpFlags: [15, bitfield32(dumpFlags)],
    extWarnMsg: [16, string],
  });
}

/** TCA_* of a qdisc */
export const qdiscAttributes = trafficAttributes('tc-qdisc', qdiscOptions, qdiscXstats);
/** TCA_* of a class */
export const classAttributes = trafficAttributes('tc-class', classOptions, classXstats);
/** TCA_* of a filter, and of a chain */
export const filterAttributes = trafficAttributes('tc-filter', filterOptions, qdiscXstats);

/** Traffic control: RTM_*QDISC, RTM_*TCLASS, RTM_*TFILTER and RTM_*CHAIN, linux/rtnetlink.h */
export const tc = family({
  name: 'tc',
  protocol: 'route',
  messages: {
    newqdisc: { number: 36, header: tcmsg, attributes: qdiscAttributes },
    delqdisc: { number: 37, header: tcmsg, attributes: qdiscAttributes },
    getqdisc: { number: 38, header: tcmsg, attributes: qdiscAttributes },
    newtclass: { number: 40, header: tcmsg, attributes: classAttributes },
    deltclass: { number: 41, header: tcmsg, attributes: classAttributes },
    gettclass: { number: 42, header: tcmsg, attributes: classAttributes },
    newtfilter: { number: 44, header: tcmsg, attributes: filterAttributes },
    deltfilter: { number: 45, header: tcmsg, attributes: filterAttributes },
    gettfilter: { number: 46, header: tcmsg, attributes: filterAttributes },
    newchain: { number: 100, header: tcmsg, attributes: filterAttributes },
    delchain: { number: 101, header: tcmsg, attributes: filterAttributes },
    getchain: { number: 102, header: tcmsg, attributes: filterAttributes },
  },
});
