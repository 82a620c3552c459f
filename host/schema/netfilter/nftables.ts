import {
  attributeSet,
  be16,
  be32,
  be64,
  binary,
  enumeration,
  family,
  flags,
  list,
  nest,
  string,
  u8,
} from '../definition.js';
import { beS32, nfgenmsg, protocolFamilies } from './common.js';
import {
  counterAttributes,
  dataAttributes,
  expressionAttributes,
  expressionListAttributes,
  verdictAttributes,
} from './nftables-expressions.js';
import * as names from './nftables-names.js';
import { objectData, objectType } from './nftables-objects.js';

/* Tables, chains, rules, sets, objects and flow tables: linux/netfilter/nf_tables.h. Numbers are in network byte order. */

/** NFTA_TABLE_* */
export const tableAttributes = attributeSet('table', {
  name: [1, string],
  flags: [2, flags(be32, names.tableFlags)],
  use: [3, be32],
  handle: [4, be64],
  userdata: [6, binary],
  owner: [7, be32],
});

/** NFTA_DEVICE_*; a prefix stands for every device whose name begins with it (Linux 6.18). */
export const hookDeviceAttributes = attributeSet('hook-dev', {
  name: [1, list(string)],
  prefix: [2, list(string)],
});

/** NFTA_HOOK_* */
export const hookAttributes = attributeSet('nft-hook', {
  num: [1, be32],
  priority: [2, beS32],
  dev: [3, string],
  devs: [4, nest(hookDeviceAttributes)],
});

/** NFTA_CHAIN_* */
export const chainAttributes = attributeSet('chain', {
  table: [1, string],
  handle: [2, be64],
  name: [3, string],
  hook: [4, nest(hookAttributes)],
  policy: [5, enumeration(be32, names.chainPolicies)],
  use: [6, be32],
  type: [7, string],
  counters: [8, nest(counterAttributes)],
  flags: [10, flags(be32, names.chainFlags)],
  id: [11, be32],
  userdata: [12, binary],
});

/** NFTA_RULE_COMPAT_* */
export const ruleCompatAttributes = attributeSet('rule-compat', {
  proto: [1, be32],
  flags: [2, flags(be32, names.ruleCompatFlags)],
});

/** NFTA_RULE_* */
export const ruleAttributes = attributeSet('rule', {
  table: [1, string],
  chain: [2, string],
  handle: [3, be64],
  expressions: [4, nest(expressionListAttributes)],
  compat: [5, nest(ruleCompatAttributes)],
  position: [6, be64],
  userdata: [7, binary],
  id: [9, be32],
  positionId: [10, be32],
  chainId: [11, be32],
});

/** NFTA_SET_FIELD_* */
export const setFieldAttributes = attributeSet('set-field', { len: [1, be32] });

/** NFTA_LIST_* of the fields that a concatenated key has */
export const setDescConcatAttributes = attributeSet('set-desc-concat', {
  elem: [1, list(nest(setFieldAttributes))],
});

/** NFTA_SET_DESC_* */
export const setDescAttributes = attributeSet('set-desc', {
  size: [1, be32],
  concat: [2, nest(setDescConcatAttributes)],
});

/** NFTA_SET_*; lengths in bytes, times in milliseconds. */
export const setAttributes = attributeSet('set', {
  table: [1, string],
  name: [2, string],
  flags: [3, flags(be32, names.setFlags)],
  keyType: [4, be32],
  keyLen: [5, be32],
  dataType: [6, enumeration(be32, names.dataTypes)],
  dataLen: [7, be32],
  policy: [8, enumeration(be32, names.setPolicies)],
  desc: [9, nest(setDescAttributes)],
  id: [10, be32],
  timeout: [11, be64],
  gcInterval: [12, be32],
  userdata: [13, binary],
  objType: [15, objectType],
  handle: [16, be64],
  expr: [17, nest(expressionAttributes)],
  expressions: [18, nest(expressionListAttributes)],
  type: [19, string],
  count: [20, be32],
});

/** NFTA_SET_ELEM_*; times in milliseconds. */
export const setelemAttributes = attributeSet('setelem', {
  key: [1, nest(dataAttributes)],
  data: [2, nest(dataAttributes)],
  flags: [3, flags(be32, names.setElemFlags)],
  timeout: [4, be64],
  expiration: [5, be64],
  userdata: [6, binary],
  expr: [7, nest(expressionAttributes)],
  objref: [9, string],
  keyEnd: [10, nest(dataAttributes)],
  expressions: [11, nest(expressionListAttributes)],
});

/** NFTA_LIST_* of set elements */
export const setelemListElemAttributes = attributeSet('setelem-list-elem', {
  elem: [1, list(nest(setelemAttributes))],
});

/** NFTA_SET_ELEM_LIST_* */
export const setelemListAttributes = attributeSet('setelem-list', {
  table: [1, string],
  set: [2, string],
  elements: [3, nest(setelemListElemAttributes)],
  setId: [4, be32],
});

/** NFTA_GEN_* */
export const genAttributes = attributeSet('gen', {
  id: [1, be32],
  procPid: [2, be32],
  procName: [3, string],
});

/** NFTA_OBJ_* */
export const objAttributes = attributeSet('obj', {
  table: [1, string],
  name: [2, string],
  type: [3, objectType],
  data: [4, objectData],
  use: [5, be32],
  handle: [6, be64],
  userdata: [8, binary],
});

/** NFTA_FLOWTABLE_HOOK_* */
export const flowtableHookAttributes = attributeSet('flowtable-hook', {
  num: [1, be32],
  priority: [2, beS32],
  devs: [3, nest(hookDeviceAttributes)],
});

/** NFTA_FLOWTABLE_* */
export const flowtableAttributes = attributeSet('flowtable', {
  table: [1, string],
  name: [2, string],
  hook: [3, nest(flowtableHookAttributes)],
  use: [4, be32],
  handle: [5, be64],
  flags: [7, flags(be32, names.flowtableFlags)],
});

/** NFTA_TRACE_*: one step of a traced packet; interfaces by index, the connection's state since Linux 6.16. */
export const traceAttributes = attributeSet('trace', {
  table: [1, string],
  chain: [2, string],
  ruleHandle: [3, be64],
  type: [4, enumeration(be32, names.traceTypes)],
  verdict: [5, nest(verdictAttributes)],
  id: [6, be32],
  llHeader: [7, binary],
  networkHeader: [8, binary],
  transportHeader: [9, binary],
  iif: [10, be32],
  iiftype: [11, be16],
  oif: [12, be32],
  oiftype: [13, be16],
  mark: [14, be32],
  nfproto: [15, enumeration(be32, protocolFamilies)],
  policy: [16, enumeration(be32, names.verdictCodes)],
  ctId: [18, be32],
  ctDirection: [19, enumeration(u8, names.ctDirections)],
  ctStatus: [20, be32],
  ctState: [21, be32],
});

/** NFTA_COMPAT_*, linux/netfilter/nf_tables_compat.h */
export const compatAttributes = attributeSet('compat', {
  name: [1, string],
  rev: [2, be32],
  type: [3, be32],
});

const NFTABLES = 10 << 8;

/** NFNL_SUBSYS_NFTABLES. What changes the ruleset goes between `batchbegin` and `batchend` of nfnetlinkBatch. */
export const nftables = family({
  name: 'nftables',
  protocol: 'netfilter',
  messages: {
    newtable: { number: NFTABLES | 0, header: nfgenmsg, attributes: tableAttributes },
    gettable: { number: NFTABLES | 1, header: nfgenmsg, attributes: tableAttributes },
    deltable: { number: NFTABLES | 2, header: nfgenmsg, attributes: tableAttributes },
    newchain: { number: NFTABLES | 3, header: nfgenmsg, attributes: chainAttributes },
    getchain: { number: NFTABLES | 4, header: nfgenmsg, attributes: chainAttributes },
    delchain: { number: NFTABLES | 5, header: nfgenmsg, attributes: chainAttributes },
    newrule: { number: NFTABLES | 6, header: nfgenmsg, attributes: ruleAttributes },
    getrule: { number: NFTABLES | 7, header: nfgenmsg, attributes: ruleAttributes },
    delrule: { number: NFTABLES | 8, header: nfgenmsg, attributes: ruleAttributes },
    newset: { number: NFTABLES | 9, header: nfgenmsg, attributes: setAttributes },
    getset: { number: NFTABLES | 10, header: nfgenmsg, attributes: setAttributes },
    delset: { number: NFTABLES | 11, header: nfgenmsg, attributes: setAttributes },
    newsetelem: { number: NFTABLES | 12, header: nfgenmsg, attributes: setelemListAttributes },
    getsetelem: { number: NFTABLES | 13, header: nfgenmsg, attributes: setelemListAttributes },
    delsetelem: { number: NFTABLES | 14, header: nfgenmsg, attributes: setelemListAttributes },
    newgen: { number: NFTABLES | 15, header: nfgenmsg, attributes: genAttributes },
    getgen: { number: NFTABLES | 16, header: nfgenmsg, attributes: genAttributes },
    trace: { number: NFTABLES | 17, header: nfgenmsg, attributes: traceAttributes },
    newobj: { number: NFTABLES | 18, header: nfgenmsg, attributes: objAttributes },
    getobj: { number: NFTABLES | 19, header: nfgenmsg, attributes: objAttributes },
    delobj: { number: NFTABLES | 20, header: nfgenmsg, attributes: objAttributes },
    getobjReset: { number: NFTABLES | 21, header: nfgenmsg, attributes: objAttributes },
    newflowtable: { number: NFTABLES | 22, header: nfgenmsg, attributes: flowtableAttributes },
    getflowtable: { number: NFTABLES | 23, header: nfgenmsg, attributes: flowtableAttributes },
    delflowtable: { number: NFTABLES | 24, header: nfgenmsg, attributes: flowtableAttributes },
    getruleReset: { number: NFTABLES | 25, header: nfgenmsg, attributes: ruleAttributes },
    destroytable: { number: NFTABLES | 26, header: nfgenmsg, attributes: tableAttributes },
    destroychain: { number: NFTABLES | 27, header: nfgenmsg, attributes: chainAttributes },
    destroyrule: { number: NFTABLES | 28, header: nfgenmsg, attributes: ruleAttributes },
    destroyset: { number: NFTABLES | 29, header: nfgenmsg, attributes: setAttributes },
    destroysetelem: { number: NFTABLES | 30, header: nfgenmsg, attributes: setelemListAttributes },
    destroyobj: { number: NFTABLES | 31, header: nfgenmsg, attributes: objAttributes },
    destroyflowtable: { number: NFTABLES | 32, header: nfgenmsg, attributes: flowtableAttributes },
    getsetelemReset: { number: NFTABLES | 33, header: nfgenmsg, attributes: setelemListAttributes },
  },
});

/** NFNL_SUBSYS_NFT_COMPAT: which revision of an xtables match (type 0) or target (type 1) the kernel has. */
export const nftCompat = family({
  name: 'nftCompat',
  protocol: 'netfilter',
  messages: {
    compatget: { number: 11 << 8, header: nfgenmsg, attributes: compatAttributes },
  },
});
