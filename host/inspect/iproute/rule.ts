import type { Rule } from '../../network/rules.js';
import { compact, hex, type Json, type PrintOptions } from './common.js';
import { protocols, services, tables, transports } from './names.js';

/** No prefix is too short, no group is meant. */
const NONE = 0xffff_ffff;
/** RTPROT_KERNEL */
const KERNEL = 2;

function prefixJson(key: 'src' | 'dst', prefix: string | undefined): Json {
  if (prefix === undefined) return key === 'src' ? { src: 'all' } : {};
  const [address = '', length] = prefix.split('/');
  const whole = address.includes(':') ? 128 : 32;
  return Number(length) === whole ? { [key]: address } : { [key]: address, [`${key}len`]: Number(length) };
}

function portsJson(key: 'sport' | 'dport', range: { start: number; end: number } | undefined): Json {
  if (range === undefined) return {};
  const { start, end } = range;
  return start === end ? { [key]: start } : { [`${key}_start`]: start, [`${key}_end`]: end };
}

function targetJson({ action, table, goto: to, l3mdev, suppressPrefixlen, suppressIfgroup }: Rule): Json {
  if (action === 'goto') return { goto: to };
  if (action === 'nop') return { nop: null };
  if (action !== 'to-tbl') return { action };
  return {
    table: l3mdev || table === 0 ? undefined : tables.of(table),
    l3mdev: l3mdev ? null : undefined,
    suppress_prefixlen: suppressPrefixlen === NONE ? undefined : suppressPrefixlen,
    suppress_ifgroup: suppressIfgroup === NONE ? undefined : suppressIfgroup,
  };
}

function markJson({ fwmark, fwmask }: Rule): Json {
  if (fwmark === undefined && fwmask === undefined) return {};
  const whole = fwmask === undefined || fwmask === 0xffff_ffff;
  return { fwmark: hex(fwmark ?? 0), fwmask: whole ? undefined : hex(fwmask) };
}

/** A rule as `ip -j rule` prints it. */
export function ruleJson(rule: Rule, { details }: PrintOptions = {}): Json {
  const { priority, src, dst, tos, iifname, oifname, flags, uidRange, ipProto, protocol, tunId } = rule;
  const marks = new Set(flags as readonly (string | number)[]);
  return compact({
    priority,
    not: marks.has('invert') ? null : undefined,
    ...prefixJson('src', src),
    ...prefixJson('dst', dst),
    tos: tos === 0 ? undefined : services.of(tos),
    ...markJson(rule),
    iif: iifname,
    iif_detached: marks.has('iif-detached') ? null : undefined,
    oif: oifname,
    oif_detached: marks.has('oif-detached') ? null : undefined,
    uid_start: uidRange?.start,
    uid_end: uidRange?.end,
    ipproto: ipProto === undefined ? undefined : (transports[ipProto] ?? String(ipProto)),
    ...portsJson('sport', rule.sportRange),
    ...portsJson('dport', rule.dportRange),
    tun_id: tunId === undefined ? undefined : Number(tunId),
    ...targetJson(rule),
    protocol:
      protocol === undefined || !(details || (protocol !== 0 && protocol !== KERNEL))
        ? undefined
        : protocols.of(protocol),
  });
}
