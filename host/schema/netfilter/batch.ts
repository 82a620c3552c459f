import { attributeSet, be32, family } from '../definition.js';
import { nfgenmsg } from './common.js';

/** NFNL_BATCH_*, linux/netfilter/nfnetlink.h */
export const batchAttributes = attributeSet('batch', {
  genid: [1, be32],
});

/**
 * What frames a transaction: NFNL_MSG_BATCH_BEGIN and _END, linux/netfilter/nfnetlink.h.
 * `header.resId` names the subsystem that the messages between them belong to (nftables: 10).
 */
export const nfnetlinkBatch = family({
  name: 'nfnetlinkBatch',
  protocol: 'netfilter',
  messages: {
    batchbegin: { number: 16, header: nfgenmsg, attributes: batchAttributes },
    batchend: { number: 17, header: nfgenmsg, attributes: batchAttributes },
  },
});
