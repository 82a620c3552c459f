import { printable } from '../../../inspect/printable.js';
import { natRangeFlags } from '../../../schema/netfilter/nftables-names.js';
import { bits } from '../names.js';
import { Unknown } from './elements.js';
import { quoted } from './types.js';

/* Statements that need nothing of what is in the registers. */

type Data = Readonly<Record<string, unknown>>;

const BURST = 5;
const units: Readonly<Record<number, string>> = {
  1: 'second',
  60: 'minute',
  3600: 'hour',
  86400: 'day',
  604800: 'week',
};
const KIB = 1024;

function bytesText(bytes: number): string {
  let left = bytes;
  let unit = 0;
  while (left !== 0 && left % KIB === 0 && unit < 2) {
    left /= KIB;
    unit++;
  }
  return `${left} ${['bytes', 'kbytes', 'mbytes'][unit]}`;
}

function limitText({ rate, unit, burst, type, flags }: Data): string {
  const over = (flags as string[] | undefined)?.includes('inv') ? 'over ' : '';
  const per = units[Number(unit)];
  if (per === undefined) throw new Unknown();
  if (type === 'pkt-bytes') {
    const more = Number(burst) > 0 ? ` burst ${bytesText(Number(burst))}` : '';
    return `limit rate ${over}${bytesText(Number(rate))}/${per}${more}`;
  }
  const more = Number(burst) === BURST || Number(burst) === 0 ? '' : ` burst ${burst} packets`;
  return `limit rate ${over}${rate}/${per}${more}`;
}

const levels: Readonly<Record<string, string>> = { warning: 'warn' };

function logText({ group, prefix, snaplen, qthreshold, level, flags }: Data): string {
  if (flags !== undefined && (flags as unknown[]).length > 0) throw new Unknown();
  let text = 'log';
  if (prefix !== undefined) text += ` prefix ${quoted(String(prefix))}`;
  if (group !== undefined) {
    text += ` group ${group}`;
    if (snaplen !== undefined && snaplen !== 0) text += ` snaplen ${snaplen}`;
    if (qthreshold !== undefined && qthreshold !== 0) text += ` queue-threshold ${qthreshold}`;
  } else if (level !== undefined && level !== 'warning') text += ` level ${levels[String(level)] ?? level}`;
  return text;
}

const icmpxCodes = ['no-route', 'port-unreachable', 'host-unreachable', 'admin-prohibited'];
const icmpCodes: Readonly<Record<number, string>> = {
  0: 'net-unreachable',
  1: 'host-unreachable',
  2: 'prot-unreachable',
  3: 'port-unreachable',
  9: 'net-prohibited',
  10: 'host-prohibited',
  13: 'admin-prohibited',
};
const icmpv6Codes: Readonly<Record<number, string>> = {
  0: 'no-route',
  1: 'admin-prohibited',
  3: 'addr-unreachable',
  4: 'port-unreachable',
};

function rejectText({ type, icmpCode }: Data, family: string): string {
  if (type === 'tcp-rst') return 'reject with tcp reset';
  const [word, names] =
    type === 'icmpx-unreach'
      ? (['icmpx', icmpxCodes] as const)
      : family === 'ip'
        ? (['icmp', icmpCodes] as const)
        : (['icmpv6', icmpv6Codes] as const);
  if (word !== 'icmpx' && family !== 'ip' && family !== 'ip6') throw new Unknown();
  const name = names[Number(icmpCode)];
  if (name === undefined) throw new Unknown();
  return name === 'port-unreachable' ? 'reject' : `reject with ${word} ${name}`;
}

/** ` random,persistent`, as translations end with. */
export function translationFlags(flags: unknown): string {
  const set = bits(natRangeFlags, (flags as (string | number)[] | undefined) ?? []);
  const names = [
    [natRangeFlags['proto-random'], 'random'],
    [natRangeFlags['proto-random-fully'], 'fully-random'],
    [natRangeFlags.persistent, 'persistent'],
  ] as const;
  const found = names.filter(([bit]) => (set & bit) !== 0).map(([, name]) => name);
  return found.length === 0 ? '' : ` ${found.join(',')}`;
}

/** A statement; undefined when it is none of those. Throws Unknown. */
export function statementText(name: string, data: Data, family: string): string | undefined {
  switch (name) {
    case 'counter':
      return `counter packets ${data.packets ?? 0} bytes ${data.bytes ?? 0}`;
    case 'notrack':
      return 'notrack';
    case 'limit':
      return limitText(data);
    case 'log':
      return logText(data);
    case 'reject':
      return rejectText(data, family);
    case 'connlimit':
      return `ct count ${(data.flags as string[] | undefined)?.includes('inv') ? 'over ' : ''}${data.count}`;
    case 'objref': {
      const { immType, immName } = data;
      if (immName === undefined || !['counter', 'quota', 'limit'].includes(String(immType)))
        throw new Unknown();
      return `${immType} name "${printable(String(immName))}"`;
    }
    default:
      return undefined;
  }
}
