import { parseIp } from '../codec/text.js';
import { NetloomError } from '../netlink/errors.js';
import { parsePrefix } from '../network/values.js';
import type { Expression } from './expressions.js';
import * as x from './expressions.js';
import type { ElementInput, TableReference, Transaction } from './transaction.js';

/** `ERR_NFT_SYNTAX`: a text is not of the language, or of a part of it that is not known here. */
export class MatchSyntaxError extends NetloomError {
  override readonly name = 'MatchSyntaxError';
}

function wrong(message: string): MatchSyntaxError {
  return new MatchSyntaxError('ERR_NFT_SYNTAX', message);
}

/** Makes the expressions of a match; sets that it needs are added to the transaction, before the rule. */
export type Match = (transaction: Transaction, table: TableReference) => Expression[];

type Bytes = Uint8Array;
/** A value of a match: from a first to a last one. */
export interface Span {
  readonly first: Bytes;
  readonly last: Bytes;
}

/** What a match looks at, and how it gets into the register. */
export interface Loaded {
  readonly load: readonly Expression[];
  /** Bytes in the register. */
  readonly length: number;
  /** nft's number of the type, for its listings of sets: 7 IPv4 address, 13 port … */
  readonly type: number;
  /** Is it a number or text of the host's, not of a packet's? */
  readonly hostOrder?: boolean;
}

/** Something with a name in the language, and what values of it look like. */
interface Subject extends Loaded {
  /** Is a smaller number a smaller text of bytes? Only then ranges make sense. */
  readonly ordered: boolean;
  value(text: string): Span;
  /** A single value, where that is said in another way than one of several. */
  single?(text: string, op: 'eq' | 'neq'): Expression[] | undefined;
}

function one(bytes: Bytes): Span {
  return { first: bytes, last: bytes };
}

function numberOf(text: string, most: number): number {
  const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value <= most)) throw wrong(`"${text}" is no number from 0 to ${most}`);
  return value;
}

function address(side: 'saddr' | 'daddr', family: 'ip' | 'ip6'): Subject {
  const length = family === 'ip' ? 4 : 16;
  const offset = (family === 'ip' ? 12 : 8) + (side === 'daddr' ? length : 0);
  return {
    load: [x.payload('network-header', offset, length)],
    length,
    type: family === 'ip' ? 7 : 8,
    ordered: true,
    single: (text, op) =>
      !text.includes('/') ? undefined : side === 'saddr' ? x.source(text, op) : x.destination(text, op),
    value: (text) => {
      const [host = '', bits, ...more] = text.split('/');
      const bytes = parseIp(host);
      if (bytes?.length !== length || more.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) {
        throw wrong(`"${text}" is no address of family ${family}`);
      }
      if (bits === undefined) return one(bytes);
      if (Number(bits) > length * 8) throw wrong(`"${text}" is no address of family ${family}`);
      const prefix = parsePrefix(text, 'conditions');
      const mask = bytes.map(
        (_, i) => (0xff << (8 - Math.max(0, Math.min(8, prefix.length - i * 8)))) & 0xff,
      );
      return {
        first: bytes.map((byte, i) => byte & (mask[i] as number)),
        last: bytes.map((byte, i) => byte | (~(mask[i] as number) & 0xff)),
      };
    },
  };
}

const protocols: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  'ipv6-icmp': 58,
  sctp: 132,
  udplite: 136,
};

const protocolOf = (text: string): Span =>
  one(Uint8Array.of(Object.hasOwn(protocols, text) ? (protocols[text] as number) : numberOf(text, 255)));

const PORT_TYPE = 13;
const PROTOCOL_TYPE = 12;
const MARK_TYPE = 19;
const NAME_TYPE = 41;
const NUMBER_TYPE = 4;
const NAME_LENGTH = 16;

function port(side: 'sport' | 'dport', protocol?: number): Subject {
  const only = protocol === undefined ? [] : x.l4proto(protocol);
  return {
    load: [...only, x.payload('transport-header', side === 'sport' ? 0 : 2, 2)],
    length: 2,
    type: PORT_TYPE,
    ordered: true,
    value: (text) => one(x.portBytes(numberOf(text, 0xffff))),
  };
}

function linkName(key: 'iifname' | 'oifname'): Subject {
  return {
    load: [x.meta(key)],
    length: NAME_LENGTH,
    type: NAME_TYPE,
    hostOrder: true,
    ordered: false,
    value: (text) => {
      const wildcard = text.endsWith('*');
      const plain = new TextEncoder().encode(wildcard ? text.slice(0, -1) : text);
      if (plain.length === 0 || plain.length >= NAME_LENGTH) throw wrong(`"${text}" is no name of a link`);
      // of a wildcard only the beginning is compared
      const bytes = new Uint8Array(wildcard ? plain.length : NAME_LENGTH);
      bytes.set(plain);
      return one(bytes);
    },
  };
}

function hostNumber(load: Expression, type: number): Subject {
  const value = (text: string): Span => one(x.word(numberOf(text, 0xffff_ffff)));
  return { load: [load], length: 4, type, hostOrder: true, ordered: false, value };
}

function protocolField(load: Expression): Subject {
  return { load: [load], length: 1, type: PROTOCOL_TYPE, ordered: false, value: protocolOf };
}

/** RTN_*, linux/rtnetlink.h */
const routeTypes: Readonly<Record<string, number>> = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
};

function routeType(side: 'saddr' | 'daddr'): Subject {
  return {
    load: x.isLocal(side).slice(0, 1),
    length: 4,
    type: NUMBER_TYPE,
    hostOrder: true,
    ordered: false,
    value: (text) => {
      const type = Object.hasOwn(routeTypes, text) ? routeTypes[text] : undefined;
      if (type === undefined) throw wrong(`"${text}" is no type of a route`);
      return one(x.word(type));
    },
  };
}

/** What can be matched, by the words that say it. */
const subjects: Readonly<Record<string, Subject>> = {
  'ip saddr': address('saddr', 'ip'),
  'ip daddr': address('daddr', 'ip'),
  'ip6 saddr': address('saddr', 'ip6'),
  'ip6 daddr': address('daddr', 'ip6'),
  'ip protocol': protocolField(x.payload('network-header', 9, 1)),
  'ip6 nexthdr': protocolField(x.payload('network-header', 6, 1)),
  'meta l4proto': protocolField(x.meta('l4-proto')),
  'tcp dport': port('dport', protocols.tcp),
  'tcp sport': port('sport', protocols.tcp),
  'udp dport': port('dport', protocols.udp),
  'udp sport': port('sport', protocols.udp),
  'sctp dport': port('dport', protocols.sctp),
  'sctp sport': port('sport', protocols.sctp),
  'th dport': port('dport'),
  'th sport': port('sport'),
  iifname: linkName('iifname'),
  oifname: linkName('oifname'),
  'meta iifname': linkName('iifname'),
  'meta oifname': linkName('oifname'),
  'meta mark': hostNumber(x.meta('mark'), MARK_TYPE),
  mark: hostNumber(x.meta('mark'), MARK_TYPE),
  'ct mark': hostNumber({ name: 'ct', data: { key: 'mark', dreg: 1 } }, MARK_TYPE),
  'meta iifgroup': hostNumber(x.meta('iifgroup'), NUMBER_TYPE),
  iifgroup: hostNumber(x.meta('iifgroup'), NUMBER_TYPE),
  'fib saddr type': routeType('saddr'),
  'fib daddr type': routeType('daddr'),
};
const WORDS_OF_SUBJECT = 3;

const operators: Readonly<Record<string, 'eq' | 'neq'>> = { '==': 'eq', eq: 'eq', '!=': 'neq', ne: 'neq' };

function tokensOf(text: string): string[] {
  return text.match(/"[^"]*"|[{},]|[=!]=|[^\s{},"=!]+/g) ?? [];
}

function unquoted(token: string): string {
  return token.startsWith('"') ? token.slice(1, -1) : token;
}

function spanOf(subject: Subject, token: string): Span {
  const text = unquoted(token);
  const dash = subject.ordered ? text.indexOf('-') : -1;
  if (dash < 0) return subject.value(text);
  const { first } = subject.value(text.slice(0, dash));
  const { last } = subject.value(text.slice(dash + 1));
  if (Buffer.compare(first, last) > 0) throw wrong(`"${text}" ends before it begins`);
  return { first, last };
}

/** The value behind another; undefined behind the last. */
function next(bytes: Bytes): Bytes | undefined {
  const out = bytes.slice();
  for (let i = out.length - 1; i >= 0; i--) {
    out[i] = ((out[i] as number) + 1) & 0xff;
    if (out[i] !== 0) return out;
  }
  return undefined;
}

/** Elements of a set of intervals: each begins one, or ends it. */
function intervals(spans: readonly Span[]): ElementInput[] {
  const sorted = [...spans].sort((a, b) => Buffer.compare(a.first, b.first));
  const merged: Span[] = [];
  for (const span of sorted) {
    const before = merged.at(-1);
    const behind = before === undefined ? undefined : next(before.last);
    if (before === undefined || (behind !== undefined && Buffer.compare(span.first, behind) > 0)) {
      merged.push(span);
    } else if (Buffer.compare(span.last, before.last) > 0) {
      merged[merged.length - 1] = { first: before.first, last: span.last };
    }
  }
  const zero = merged[0]?.first.map(() => 0) as Bytes;
  const elements: ElementInput[] =
    Buffer.compare(zero, merged[0]?.first as Bytes) === 0 ? [] : [{ key: zero, intervalEnd: true }];
  for (const { first, last } of merged) {
    const end = next(last);
    elements.push({ key: first });
    if (end !== undefined) elements.push({ key: end, intervalEnd: true });
  }
  return elements;
}

/**
 * Matches one of several values, or none of them: by comparing when there is one, else with a set. Values may overlap.
 * Throws MatchSyntaxError.
 */
export function matchAny(subject: Loaded, op: 'eq' | 'neq', spans: readonly Span[]): Match {
  const [first, ...others] = spans;
  if (first === undefined) throw wrong('a set without elements');
  if (others.length === 0) return () => [...subject.load, ...x.within(first.first, first.last, op)];
  if (spans.some((span) => span.first.length !== subject.length)) throw wrong('a wildcard in a set');
  const interval = spans.some((span) => Buffer.compare(span.first, span.last) !== 0);
  const elements = interval ? intervals(spans) : spans.map((span) => ({ key: span.first }));
  const { length: keyLength, type: keyType, load, hostOrder = false } = subject;
  return (transaction, table) => {
    const set = transaction.addAnonymousSet({ ...table, keyLength, keyType, interval, hostOrder }, elements);
    return [...load, x.lookup(set, { invert: op === 'neq' })];
  };
}

const states = ['new', 'established', 'related', 'invalid', 'untracked'] as const;

/**
 * Reads matches of a rule in nft(8)'s language: `ip saddr != { 10.0.0.0/8, 192.168.0.1 } tcp sport 1024-65535`. Known
 * are addresses, ports, protocols, names of links (`eth*`), marks, states of connections, and `fib saddr type`. They
 * are for a table of one family. Throws MatchSyntaxError.
 */
export function parseMatches(text: string, family: 'ip' | 'ip6'): Match {
  const tokens = tokensOf(text);
  if (tokens.join('').replaceAll(/\s/g, '') !== text.replaceAll(/\s/g, '')) {
    throw wrong(`"${text}" cannot be read`);
  }
  const foreign = family === 'ip' ? 'ip6' : 'ip';
  const matches: Match[] = [];
  let at = 0;
  const take = (): string => {
    const token = tokens[at++];
    if (token === undefined) throw wrong(`"${text}" ends too early`);
    return token;
  };
  const operator = (): 'eq' | 'neq' => {
    const op = operators[tokens[at] ?? ''];
    if (op !== undefined) at++;
    return op ?? 'eq';
  };
  const values = (): string[] => {
    if (tokens[at] !== '{') {
      const list = [take()];
      while (tokens[at] === ',') {
        at++;
        list.push(take());
      }
      return list;
    }
    const list: string[] = [];
    for (at++; tokens[at] !== '}'; ) {
      list.push(take());
      if (tokens[at] === ',') at++;
      else if (tokens[at] !== '}') throw wrong(`"${text}": a set that is not closed`);
    }
    at++;
    return list;
  };
  while (at < tokens.length) {
    if (tokens[at] === 'ct' && tokens[at + 1] === 'state') {
      at += 2;
      if (operator() === 'neq') throw wrong(`"${text}": ct state with != is not known`);
      const wanted = values().map((name) => {
        const state = states.find((known) => known === name);
        if (state === undefined) throw wrong(`"${name}" is no state of a connection`);
        return state;
      });
      matches.push(() => x.connectionState(...wanted));
      continue;
    }
    if (tokens[at] === foreign) throw wrong(`"${text}": ${foreign} in a table of family ${family}`);
    const words = [WORDS_OF_SUBJECT, 2, 1].find((n) =>
      Object.hasOwn(subjects, tokens.slice(at, at + n).join(' ')),
    );
    if (words === undefined) {
      throw wrong(`"${tokens.slice(at, at + 2).join(' ')}" is no match that is known here`);
    }
    const subject = subjects[tokens.slice(at, at + words).join(' ')] as Subject;
    at += words;
    const op = operator();
    const list = values();
    const spans = list.map((token) => spanOf(subject, token));
    const single = list.length === 1 ? subject.single?.(unquoted(list[0] ?? ''), op) : undefined;
    if (single !== undefined) matches.push(() => single);
    else matches.push(matchAny(subject, op, spans));
  }
  return (transaction, table) => matches.flatMap((match) => match(transaction, table));
}
