import {
  type AttributeSet,
  attributeSet,
  be16,
  be32,
  be64,
  binary,
  choice,
  circularNest,
  enumeration,
  flags,
  list,
  nest,
  string,
  u8,
} from '../definition.js';
import { protocolFamilies } from './common.js';
import * as names from './nftables-names.js';

/*
 * The expressions that rules, sets and set elements are made of: attribute sets of linux/netfilter/nf_tables.h.
 * Numbers are in network byte order throughout; a register is one of `registers`.
 */

/** NFTA_VERDICT_* */
export const verdictAttributes = attributeSet('verdict', {
  code: [1, enumeration(be32, names.verdictCodes)],
  chain: [2, string],
  chainId: [3, be32],
});

/** NFTA_DATA_*: bytes of a register (at most 64), or a verdict. */
export const dataAttributes = attributeSet('data', {
  value: [1, binary],
  verdict: [2, nest(verdictAttributes)],
});

/** An expression below another one: circular, so that its data's type is not told here. */
export interface InnerExpression {
  name?: string;
  data?: Record<string, unknown> | Uint8Array;
}
/** Expressions below another one, as NFTA_LIST_ELEM. */
export interface InnerExpressionList {
  elem?: readonly InnerExpression[];
}

/** NFTA_IMMEDIATE_* */
export const immediateAttributes = attributeSet('expr-immediate', {
  dreg: [1, be32],
  data: [2, nest(dataAttributes)],
});

/** NFTA_BITWISE_*; dreg = (sreg & mask) ^ xor, a shift by `data`, or an operation with `sreg2` (Linux 6.13). */
export const bitwiseAttributes = attributeSet('expr-bitwise', {
  sreg: [1, be32],
  dreg: [2, be32],
  len: [3, be32],
  mask: [4, nest(dataAttributes)],
  xor: [5, nest(dataAttributes)],
  op: [6, enumeration(be32, names.bitwiseOps)],
  data: [7, nest(dataAttributes)],
  sreg2: [8, be32],
});

/** NFTA_BYTEORDER_* */
export const byteorderAttributes = attributeSet('expr-byteorder', {
  sreg: [1, be32],
  dreg: [2, be32],
  op: [3, enumeration(be32, names.byteorderOps)],
  len: [4, be32],
  size: [5, be32],
});

/** NFTA_CMP_* */
export const cmpAttributes = attributeSet('expr-cmp', {
  sreg: [1, be32],
  op: [2, enumeration(be32, names.cmpOps)],
  data: [3, nest(dataAttributes)],
});

/** NFTA_RANGE_* */
export const rangeAttributes = attributeSet('expr-range', {
  sreg: [1, be32],
  op: [2, enumeration(be32, names.rangeOps)],
  fromData: [3, nest(dataAttributes)],
  toData: [4, nest(dataAttributes)],
});

/** NFTA_LOOKUP_* */
export const lookupAttributes = attributeSet('expr-lookup', {
  set: [1, string],
  sreg: [2, be32],
  dreg: [3, be32],
  setId: [4, be32],
  flags: [5, flags(be32, names.lookupFlags)],
});

/** NFTA_DYNSET_*; the timeout is in milliseconds. */
export const dynsetAttributes = attributeSet('expr-dynset', {
  setName: [1, string],
  setId: [2, be32],
  op: [3, enumeration(be32, names.dynsetOps)],
  sregKey: [4, be32],
  sregData: [5, be32],
  timeout: [6, be64],
  expr: [7, circularNest<InnerExpression>((): AttributeSet => expressionAttributes)],
  flags: [9, flags(be32, names.dynsetFlags)],
  expressions: [10, circularNest<InnerExpressionList>((): AttributeSet => expressionListAttributes)],
});

/** NFTA_PAYLOAD_*; offset and length in bytes. */
export const payloadAttributes = attributeSet('expr-payload', {
  dreg: [1, be32],
  base: [2, enumeration(be32, names.payloadBases)],
  offset: [3, be32],
  len: [4, be32],
  sreg: [5, be32],
  csumType: [6, enumeration(be32, names.payloadCsumTypes)],
  csumOffset: [7, be32],
  csumFlags: [8, flags(be32, names.payloadCsumFlags)],
});

/** NFTA_EXTHDR_* */
export const exthdrAttributes = attributeSet('expr-exthdr', {
  dreg: [1, be32],
  type: [2, u8],
  offset: [3, be32],
  len: [4, be32],
  flags: [5, flags(be32, names.exthdrFlags)],
  op: [6, enumeration(be32, names.exthdrOps)],
  sreg: [7, be32],
});

/** NFTA_META_* */
export const metaAttributes = attributeSet('expr-meta', {
  dreg: [1, be32],
  key: [2, enumeration(be32, names.metaKeys)],
  sreg: [3, be32],
});

/** NFTA_RT_* */
export const rtAttributes = attributeSet('expr-rt', {
  dreg: [1, be32],
  key: [2, enumeration(be32, names.rtKeys)],
});

/** NFTA_HASH_*; the set's name and id are deprecated. */
export const hashAttributes = attributeSet('expr-hash', {
  sreg: [1, be32],
  dreg: [2, be32],
  len: [3, be32],
  modulus: [4, be32],
  seed: [5, be32],
  offset: [6, be32],
  type: [7, enumeration(be32, names.hashTypes)],
  setName: [8, string],
  setId: [9, be32],
});

/** NFTA_SOCKET_* */
export const socketAttributes = attributeSet('expr-socket', {
  key: [1, enumeration(be32, names.socketKeys)],
  dreg: [2, be32],
  level: [3, be32],
});

/** NFTA_CT_* */
export const ctAttributes = attributeSet('expr-ct', {
  dreg: [1, be32],
  key: [2, enumeration(be32, names.ctKeys)],
  direction: [3, enumeration(u8, names.ctDirections)],
  sreg: [4, be32],
});

/** NFTA_FLOW_* */
export const flowOffloadAttributes = attributeSet('expr-flow-offload', {
  name: [1, string],
});

/** NFTA_LIMIT_*: `rate` packets or bytes in `unit` seconds. */
export const limitAttributes = attributeSet('expr-limit', {
  rate: [1, be64],
  unit: [2, be64],
  burst: [3, be32],
  type: [4, enumeration(be32, names.limitTypes)],
  flags: [5, flags(be32, names.limitFlags)],
});

/** NFTA_CONNLIMIT_* */
export const connlimitAttributes = attributeSet('expr-connlimit', {
  count: [1, be32],
  flags: [2, flags(be32, names.connlimitFlags)],
});

/** NFTA_COUNTER_* */
export const counterAttributes = attributeSet('counter', {
  bytes: [1, be64],
  packets: [2, be64],
});

/** NFTA_LAST_*: `msecs` milliseconds ago, if `set`. */
export const lastAttributes = attributeSet('expr-last', {
  set: [1, be32],
  msecs: [2, be64],
});

/** NFTA_LOG_* */
export const logAttributes = attributeSet('expr-log', {
  group: [1, be16],
  prefix: [2, string],
  snaplen: [3, be32],
  qthreshold: [4, be16],
  level: [5, enumeration(be32, names.logLevels)],
  flags: [6, flags(be32, names.logFlags)],
});

/** NFTA_QUEUE_* */
export const queueAttributes = attributeSet('expr-queue', {
  num: [1, be16],
  total: [2, be16],
  flags: [3, flags(be16, names.queueFlags)],
  sregQnum: [4, be32],
});

/** NFTA_QUOTA_* */
export const quotaAttributes = attributeSet('quota', {
  bytes: [1, be64],
  flags: [2, flags(be32, names.quotaFlags)],
  consumed: [4, be64],
});

/** NFTA_REJECT_*; with type `icmpx-unreach` the code is one of `rejectInetCodes`. */
export const rejectAttributes = attributeSet('expr-reject', {
  type: [1, enumeration(be32, names.rejectTypes)],
  icmpCode: [2, u8],
});

/** NFTA_NAT_* */
export const natAttributes = attributeSet('expr-nat', {
  type: [1, enumeration(be32, names.natTypes)],
  family: [2, enumeration(be32, protocolFamilies)],
  regAddrMin: [3, be32],
  regAddrMax: [4, be32],
  regProtoMin: [5, be32],
  regProtoMax: [6, be32],
  flags: [7, flags(be32, names.natRangeFlags)],
});

/** NFTA_TPROXY_* */
export const tproxyAttributes = attributeSet('expr-tproxy', {
  family: [1, enumeration(be32, protocolFamilies)],
  regAddr: [2, be32],
  regPort: [3, be32],
});

/** NFTA_MASQ_* */
export const masqAttributes = attributeSet('expr-masq', {
  flags: [1, flags(be32, names.natRangeFlags)],
  regProtoMin: [2, be32],
  regProtoMax: [3, be32],
});

/** NFTA_REDIR_* */
export const redirAttributes = attributeSet('expr-redir', {
  regProtoMin: [1, be32],
  regProtoMax: [2, be32],
  flags: [3, flags(be32, names.natRangeFlags)],
});

/** NFTA_DUP_* */
export const dupAttributes = attributeSet('expr-dup', {
  sregAddr: [1, be32],
  sregDev: [2, be32],
});

/** NFTA_FWD_* */
export const fwdAttributes = attributeSet('expr-fwd', {
  sregDev: [1, be32],
  sregAddr: [2, be32],
  nfproto: [3, enumeration(be32, protocolFamilies)],
});

/** NFTA_OBJREF_* */
export const objrefAttributes = attributeSet('expr-objref', {
  immType: [1, enumeration(be32, names.objectTypes)],
  immName: [2, string],
  setSreg: [3, be32],
  setName: [4, string],
  setId: [5, be32],
});

/** NFTA_FIB_* */
export const fibAttributes = attributeSet('expr-fib', {
  dreg: [1, be32],
  result: [2, enumeration(be32, names.fibResults)],
  flags: [3, flags(be32, names.fibFlags)],
});

/** NFTA_OSF_* */
export const osfAttributes = attributeSet('expr-osf', {
  dreg: [1, be32],
  ttl: [2, u8],
  flags: [3, flags(be32, names.osfFlags)],
});

/** NFTA_SYNPROXY_* */
export const synproxyAttributes = attributeSet('synproxy', {
  mss: [1, be16],
  wscale: [2, u8],
  flags: [3, flags(be32, names.synproxyFlags)],
});

/** NFTA_XFRM_* */
export const xfrmAttributes = attributeSet('expr-xfrm', {
  dreg: [1, be32],
  key: [2, enumeration(be32, names.xfrmKeys)],
  dir: [3, enumeration(u8, names.xfrmDirections)],
  spnum: [4, be32],
});

/** NFTA_NG_*; the set's name and id are deprecated. */
export const numgenAttributes = attributeSet('expr-numgen', {
  dreg: [1, be32],
  modulus: [2, be32],
  type: [3, enumeration(be32, names.numgenTypes)],
  offset: [4, be32],
  setName: [5, string],
  setId: [6, be32],
});

/** NFTA_TUNNEL_* */
export const tunnelAttributes = attributeSet('expr-tunnel', {
  key: [1, enumeration(be32, names.tunnelKeys)],
  dreg: [2, be32],
  mode: [3, enumeration(be32, names.tunnelModes)],
});

/** NFTA_MATCH_*, linux/netfilter/nf_tables_compat.h: an xtables match of revision `rev`. */
export const matchAttributes = attributeSet('expr-match', {
  name: [1, string],
  rev: [2, be32],
  info: [3, binary],
});

/** NFTA_TARGET_*, linux/netfilter/nf_tables_compat.h: an xtables target of revision `rev`. */
export const targetAttributes = attributeSet('expr-target', {
  name: [1, string],
  rev: [2, be32],
  info: [3, binary],
});

/** NFTA_INNER_*, Linux 6.2: an expression that looks into the packet a tunnel carries. */
export const innerAttributes = attributeSet('expr-inner', {
  num: [1, be32],
  type: [2, enumeration(be32, names.innerTypes)],
  flags: [3, flags(be32, names.innerFlags)],
  hdrsize: [4, be32],
  expr: [5, circularNest<InnerExpression>((): AttributeSet => expressionAttributes)],
});

/** `notrack` has no attributes. */
export const notrackAttributes = attributeSet('expr-notrack', {});

/** NFTA_EXPR_*: the name chooses what `data` holds. */
export const expressionAttributes = attributeSet('expr', {
  name: [1, string],
  data: [
    2,
    choice('name', {
      bitwise: nest(bitwiseAttributes),
      byteorder: nest(byteorderAttributes),
      cmp: nest(cmpAttributes),
      connlimit: nest(connlimitAttributes),
      counter: nest(counterAttributes),
      ct: nest(ctAttributes),
      dup: nest(dupAttributes),
      dynset: nest(dynsetAttributes),
      exthdr: nest(exthdrAttributes),
      fib: nest(fibAttributes),
      flow_offload: nest(flowOffloadAttributes),
      fwd: nest(fwdAttributes),
      hash: nest(hashAttributes),
      immediate: nest(immediateAttributes),
      inner: nest(innerAttributes),
      last: nest(lastAttributes),
      limit: nest(limitAttributes),
      log: nest(logAttributes),
      lookup: nest(lookupAttributes),
      masq: nest(masqAttributes),
      match: nest(matchAttributes),
      meta: nest(metaAttributes),
      nat: nest(natAttributes),
      notrack: nest(notrackAttributes),
      numgen: nest(numgenAttributes),
      objref: nest(objrefAttributes),
      osf: nest(osfAttributes),
      payload: nest(payloadAttributes),
      queue: nest(queueAttributes),
      quota: nest(quotaAttributes),
      range: nest(rangeAttributes),
      redir: nest(redirAttributes),
      reject: nest(rejectAttributes),
      rt: nest(rtAttributes),
      socket: nest(socketAttributes),
      synproxy: nest(synproxyAttributes),
      target: nest(targetAttributes),
      tproxy: nest(tproxyAttributes),
      tunnel: nest(tunnelAttributes),
      xfrm: nest(xfrmAttributes),
    }),
  ],
});

/** NFTA_LIST_*: expressions, in their order. */
export const expressionListAttributes = attributeSet('expr-list', {
  elem: [1, list(nest(expressionAttributes))],
});
