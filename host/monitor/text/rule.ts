import type { DecodedMessage } from '../../codec/block.js';
import type { AttributesOf, HeaderOf } from '../../schema/definition.js';
import { routeProtocols } from '../../schema/route.js';
import { type rule as family, ruleActions, ruleFlags } from '../../schema/rule.js';
import {
  bits,
  fieldName,
  groupName,
  ipProtocolName,
  numberOf,
  protocolName,
  realmName,
  tableName,
} from './names.js';

type Message = (typeof family.messages)['newrule'];
type Attributes = AttributesOf<Message>;

const INVERT = 0x2;
const UNRESOLVED = 0x4;
const IIF_DETACHED = 0x8;
const OIF_DETACHED = 0x10;
const ALL = 0xffff_ffff;
const hostLengths: Readonly<Record<number, number>> = { 2: 32, 10: 128, 128: 32, 129: 128 };

function prefix(address: string | undefined, length: number, host: number | undefined): string {
  if (address === undefined) return length === 0 ? '' : `0/${length}`;
  return length === host ? address : `${address}/${length}`;
}

function ports(range: { start: number; end: number }): string {
  return range.start === range.end ? String(range.start) : `${range.start}-${range.end}`;
}

function lookup(a: Attributes, short: number): string {
  const table = a.table ?? short;
  if (table === 0) return '';
  let text = ` lookup ${tableName(table)}`;
  if (a.suppressPrefixlen !== undefined && a.suppressPrefixlen !== ALL) {
    text += ` suppress_prefixlength ${a.suppressPrefixlen}`;
  }
  if (a.suppressIfgroup !== undefined && a.suppressIfgroup !== ALL) {
    text += ` suppress_ifgroup ${groupName(a.suppressIfgroup)}`;
  }
  return text;
}

/** A policy rule's line, as `ip monitor` has it. */
export function ruleText({ header, attributes }: DecodedMessage, details = false): string {
  const h = header as unknown as HeaderOf<Message>;
  const a = attributes as Attributes;
  const flags = bits(ruleFlags, h.flags);
  const host = hostLengths[h.family];
  let text = `${a.priority ?? 0}:\t`;
  if (flags & INVERT) text += 'not ';
  text += `from ${prefix(a.src, h.srcLen, host) || 'all'}`;
  const to = prefix(a.dst, h.dstLen, host);
  if (to !== '') text += ` to ${to}`;
  if (h.tos !== 0) text += ` tos ${fieldName(h.tos)}`;
  if (a.fwmark !== undefined || a.fwmask !== undefined) {
    text += ` fwmark 0x${(a.fwmark ?? 0).toString(16)}`;
    if (a.fwmask !== undefined && a.fwmask !== ALL) text += `/0x${a.fwmask.toString(16)}`;
  }
  if (a.iifname !== undefined) text += ` iif ${a.iifname}${flags & IIF_DETACHED ? ' [detached]' : ''}`;
  if (a.oifname !== undefined) text += ` oif ${a.oifname}${flags & OIF_DETACHED ? ' [detached]' : ''}`;
  if (a.l3mdev) text += ' lookup [l3mdev-table]';
  if (a.uidRange !== undefined) text += ` uidrange ${a.uidRange.start}-${a.uidRange.end}`;
  if (a.ipProto !== undefined) text += ` ipproto ${ipProtocolName(a.ipProto)}`;
  if (a.sportRange !== undefined) text += ` sport ${ports(a.sportRange)}`;
  if (a.dportRange !== undefined) text += ` dport ${ports(a.dportRange)}`;
  if (a.tunId !== undefined) text += ` tun_id ${a.tunId}`;
  text += lookup(a, h.table);
  if (a.flow !== undefined) {
    const from = a.flow >>> 16;
    text += ` realms ${from === 0 ? '' : `${realmName(from)}/`}${realmName(a.flow & 0xffff)}`;
  }
  const action = numberOf(ruleActions, h.action);
  if (action === ruleActions.goto) {
    text += ` goto ${a.goto ?? 'none'}${flags & UNRESOLVED ? ' [unresolved]' : ''}`;
  } else if (action !== ruleActions['to-tbl']) text += ` ${h.action}`;
  const protocol = a.protocol ?? 0;
  if (details || (protocol !== 0 && protocol !== routeProtocols.kernel))
    text += ` proto ${protocolName(protocol)}`;
  return `${text}\n`;
}
