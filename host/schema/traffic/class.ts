import { attributeSet, choice, nest, struct, structure, u32 } from '../definition.js';
import { drrAttributes, etsQuantaAttributes, htbAttributes } from './qdisc.js';

/* Classes below classful qdiscs: linux/pkt_sched.h */

/** struct tc_service_curve; slopes in bytes/s, `d` in microseconds. */
export const tcServiceCurve = struct('tc-service-curve', { m1: u32, d: u32, m2: u32 });

/** TCA_HFSC_* */
export const hfscAttributes = attributeSet('tc-hfsc', {
  rsc: [1, structure(tcServiceCurve)],
  fsc: [2, structure(tcServiceCurve)],
  usc: [3, structure(tcServiceCurve)],
});

/** TCA_QFQ_* */
export const qfqAttributes = attributeSet('tc-qfq', {
  weight: [1, u32],
  lmax: [2, u32],
});

/** TCA_OPTIONS of a class, chosen by its qdisc's kind; a class of ets has `quantaBand` alone. */
export const classOptions = choice('kind', {
  drr: nest(drrAttributes),
  ets: nest(etsQuantaAttributes),
  hfsc: nest(hfscAttributes),
  htb: nest(htbAttributes),
  qfq: nest(qfqAttributes),
});
