import type { DecodedMessage } from '../../codec/block.js';
import type { AttributesOf } from '../../schema/definition.js';
import { conntrackStatus, type conntrack as family } from '../../schema/netfilter/conntrack.js';
import { bits } from './names.js';

type Attributes = AttributesOf<(typeof family.messages)['new']>;
type Tuple = NonNullable<Attributes['tupleOrig']>;
type Counters = NonNullable<Attributes['countersOrig']>;

/** NLM_F_CREATE: the connection is new, not changed. */
const CREATE = 0x400;

/** IPPROTO_*, as conntrack writes them. */
const protocols: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  47: 'gre',
  58: 'icmpv6',
  132: 'sctp',
  136: 'udplite',
};

const tcpNames: Readonly<Record<string, string>> = { 'syn-sent2': 'SYN_SENT2' };
const stateText = (state: string): string => tcpNames[state] ?? state.toUpperCase().replaceAll('-', '_');

/** Which message answers which, ICMP type by ICMP type: in the reply the types are each other's. */
function tupleText({ tupleIp = {}, tupleProto = {}, tupleZone }: Tuple): string {
  const source = tupleIp.ipV4Src ?? tupleIp.ipV6Src;
  const target = tupleIp.ipV4Dst ?? tupleIp.ipV6Dst;
  let text = `src=${source} dst=${target} `;
  const p = tupleProto;
  switch (p.protoNum) {
    case 1:
      text += `type=${p.protoIcmpType} code=${p.protoIcmpCode} id=${p.protoIcmpId} `;
      break;
    case 58:
      text += `type=${p.protoIcmpv6Type} code=${p.protoIcmpv6Code} id=${p.protoIcmpv6Id} `;
      break;
    default:
      if (p.protoSrcPort !== undefined) text += `sport=${p.protoSrcPort} dport=${p.protoDstPort} `;
  }
  return tupleZone === undefined ? text : `${text}zone=${tupleZone} `;
}

function countersText(counters: Counters | undefined): string {
  return counters === undefined ? '' : `packets=${counters.packets} bytes=${counters.bytes} `;
}

/** A connection's line, as `conntrack -E` has it. */
export function connectionText({ name, flags, pid, attributes }: DecodedMessage): string {
  const a = attributes as Attributes;
  const what = name === 'delete' ? '[DESTROY]' : flags & CREATE ? '[NEW]' : '[UPDATE]';
  const protocol = a.tupleOrig?.tupleProto?.protoNum ?? 0;
  let text = `${what.padStart(9)} ${(protocols[protocol] ?? 'unknown').padEnd(8)} ${protocol} `;
  if (a.timeout !== undefined) text += `${a.timeout} `;
  const state = a.protoinfo?.protoinfoTcp?.tcpState ?? a.protoinfo?.protoinfoSctp?.sctpState;
  if (state !== undefined) text += `${stateText(String(state))} `;
  const status = a.status === undefined ? undefined : bits(conntrackStatus, a.status);
  if (a.tupleOrig !== undefined) text += tupleText(a.tupleOrig) + countersText(a.countersOrig);
  if (status !== undefined && !(status & conntrackStatus['seen-reply'])) text += '[UNREPLIED] ';
  if (a.tupleReply !== undefined) text += tupleText(a.tupleReply) + countersText(a.countersReply);
  if (status !== undefined && status & conntrackStatus['hw-offload']) text += '[HW_OFFLOAD] ';
  else if (status !== undefined && status & conntrackStatus.offload) text += '[OFFLOAD] ';
  else if (status !== undefined && status & conntrackStatus.assured) text += '[ASSURED] ';
  if (a.mark !== undefined && a.mark !== 0) text += `mark=${a.mark} `;
  if (a.zone !== undefined) text += `zone=${a.zone} `;
  if (pid !== 0) text += `[USERSPACE] portid=${pid} `;
  return `${text.trimEnd()}\n`;
}
