import { type Prefix, parsePrefix } from '../network/values.js';
import type { AcceptedSet } from '../schema/definition.js';
import { conntrackStatus } from '../schema/netfilter/conntrack.js';
import type { expressionAttributes } from '../schema/netfilter/nftables-expressions.js';

/** One expression of a rule, as the kernel takes it: `{ name: 'counter', data: {} }`. */
export type Expression = AcceptedSet<typeof expressionAttributes>;

/** Where expressions leave values for those behind them. */
const REGISTER = 1;
const VERDICT = 0;

/** Bytes of a name of a link, padded with NULs as the kernel compares them; `*` at the end stands for the rest. */
export function linkName(name: string): Uint8Array {
  const wildcard = name.endsWith('*');
  const text = wildcard ? name.slice(0, -1) : name;
  const out = new Uint8Array(wildcard ? text.length : 16);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

/** A number as the host keeps it. */
export function word(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value, true);
  return out;
}

export function meta(key: string): Expression {
  return { name: 'meta', data: { key, dreg: REGISTER } } as Expression;
}

export function payload(
  base: 'll-header' | 'network-header' | 'transport-header',
  offset: number,
  len: number,
): Expression {
  return { name: 'payload', data: { base, offset, len, dreg: REGISTER } };
}

export function compare(
  value: Uint8Array,
  op: 'eq' | 'neq' | 'lt' | 'lte' | 'gt' | 'gte' = 'eq',
): Expression {
  return { name: 'cmp', data: { sreg: REGISTER, op, data: { value } } };
}

/** The register with all but the bits of `mask` cleared. */
export function masked(mask: Uint8Array): Expression {
  const xor = new Uint8Array(mask.length);
  return {
    name: 'bitwise',
    data: { sreg: REGISTER, dreg: REGISTER, len: mask.length, mask: { value: mask }, xor: { value: xor } },
  };
}

type Sense = 'eq' | 'neq';

export const iifname = (name: string, op: Sense = 'eq'): Expression[] => [
  meta('iifname'),
  compare(linkName(name), op),
];
export const oifname = (name: string, op: Sense = 'eq'): Expression[] => [
  meta('oifname'),
  compare(linkName(name), op),
];

/** In tables of family inet or bridge: only packets of that protocol. */
export const nfproto = (family: number): Expression[] => [meta('nfproto'), compare(Uint8Array.of(family))];
/** IPPROTO_*: 6 TCP, 17 UDP, 132 SCTP. */
export const l4proto = (protocol: number): Expression[] => [
  meta('l4-proto'),
  compare(Uint8Array.of(protocol)),
];

/** Offsets of the addresses in the headers, in bytes. */
const addresses = { 2: { source: 12, destination: 16 }, 10: { source: 8, destination: 24 } } as const;

function address(side: 'source' | 'destination', prefix: string | Prefix, op: Sense): Expression[] {
  const { family, address: bytes, length } = typeof prefix === 'string' ? parsePrefix(prefix, side) : prefix;
  const offset = addresses[family as 2 | 10][side];
  if (length % 8 === 0 && length > 0) {
    const octets = length / 8;
    return [payload('network-header', offset, octets), compare(bytes.slice(0, octets), op)];
  }
  const mask = bytes.map((_, i) => (0xff << (8 - Math.max(0, Math.min(8, length - i * 8)))) & 0xff);
  const network = bytes.map((byte, i) => byte & (mask[i] as number));
  return [payload('network-header', offset, bytes.length), masked(mask), compare(network, op)];
}

/** Packets from an address or prefix. */
export const source = (prefix: string | Prefix, op: Sense = 'eq'): Expression[] =>
  address('source', prefix, op);
/** Packets to an address or prefix. */
export const destination = (prefix: string | Prefix, op: Sense = 'eq'): Expression[] =>
  address('destination', prefix, op);

/** A port as headers have it. */
export const portBytes = (port: number): Uint8Array => Uint8Array.of(port >> 8, port & 0xff);

/** The register against a value, or against all from a first to a last one. Both are as long as the register. */
export function within(first: Uint8Array, last: Uint8Array = first, op: Sense = 'eq'): Expression[] {
  if (first.every((byte, i) => byte === last[i])) return [compare(first, op)];
  if (op === 'neq') {
    return [
      {
        name: 'range',
        data: { sreg: REGISTER, op: 'neq', fromData: { value: first }, toData: { value: last } },
      },
    ];
  }
  return [compare(first, 'gte'), compare(last, 'lte')];
}

/** Packets to a port, or to one of a range, of the transport protocol matched before. */
export const destinationPort = (first: number, last = first): Expression[] => [
  payload('transport-header', 2, 2),
  ...within(portBytes(first), portBytes(last)),
];

/** The port that the first packet of a connection went to, before it was translated. */
export const originalDestinationPort = (): Expression => ({
  name: 'ct',
  data: { key: 'proto-dst', direction: 'original', dreg: REGISTER },
});

/** Packets whose destination was translated. */
export const translated = (): Expression[] => [
  { name: 'ct', data: { key: 'status', dreg: REGISTER } },
  masked(word(conntrackStatus['dst-nat'])),
  compare(new Uint8Array(4), 'neq'),
];

/** RTN_LOCAL, linux/rtnetlink.h */
const LOCAL = 2;

/** Packets from or to the host's own addresses, as its routes tell. */
export const isLocal = (side: 'saddr' | 'daddr', op: Sense = 'eq'): Expression[] => [
  { name: 'fib', data: { dreg: REGISTER, result: 'addrtype', flags: [side] } },
  compare(word(LOCAL), op),
];

/** enum ip_conntrack_info as a bit of the state, linux/netfilter/nf_conntrack_common.h */
const states = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const;

/** Packets of connections in one of these states. */
export function connectionState(...wanted: (keyof typeof states)[]): Expression[] {
  const bits = wanted.reduce((all, name) => all | states[name], 0);
  return [
    { name: 'ct', data: { key: 'state', dreg: REGISTER } },
    masked(word(bits)),
    compare(new Uint8Array(4), 'neq'),
  ];
}

export const counter = (): Expression => ({ name: 'counter', data: { bytes: 0, packets: 0 } });
/** Source address translation to the address of the outgoing link. */
export const masquerade = (): Expression => ({ name: 'masq', data: {} });

/** Source address translation to an address of choice, in tables of its own family or of family inet. */
export function sourceTranslation(address: string): Expression[] {
  const { family, address: bytes } = parsePrefix(address, 'address');
  return [
    { name: 'immediate', data: { dreg: REGISTER, data: { value: bytes } } },
    { name: 'nat', data: { type: 'snat', family, regAddrMin: REGISTER } },
  ];
}

/** Where the port of a translation is kept, while REGISTER has its address. */
const PORT_REGISTER = 2;

/**
 * Destination address translation, in tables of the address's own family. `port` is the new one, or a map from the old
 * ones (`Transaction.addAnonymousSet`); without it the port stays.
 */
export function destinationTranslation(address: string, port?: number | SetOfRule): Expression[] {
  const { family, address: bytes } = parsePrefix(address, 'address');
  const immediate = (dreg: number, value: Uint8Array): Expression => ({
    name: 'immediate',
    data: { dreg, data: { value } },
  });
  const ports: Expression[] =
    port === undefined
      ? []
      : typeof port === 'number'
        ? [immediate(PORT_REGISTER, portBytes(port))]
        : [
            {
              name: 'payload',
              data: { base: 'transport-header', offset: 2, len: 2, dreg: PORT_REGISTER },
            },
            {
              name: 'lookup',
              data: { set: port.set, setId: port.id, sreg: PORT_REGISTER, dreg: PORT_REGISTER },
            },
          ];
  return [
    immediate(REGISTER, bytes),
    ...ports,
    {
      name: 'nat',
      data: {
        type: 'dnat',
        family: family === 2 ? 'ipv4' : 'ipv6',
        regAddrMin: REGISTER,
        ...(port === undefined ? {} : { regProtoMin: PORT_REGISTER }),
      },
    },
  ];
}

function verdict(
  code: 'accept' | 'drop' | 'return' | 'jump' | 'goto' | 'continue',
  chain?: string,
): Expression {
  return {
    name: 'immediate',
    data: { dreg: VERDICT, data: { verdict: { code, ...(chain === undefined ? {} : { chain }) } } },
  };
}
export const accept = (): Expression => verdict('accept');
export const drop = (): Expression => verdict('drop');
export const returnToCaller = (): Expression => verdict('return');
export const jump = (chain: string): Expression => verdict('jump', chain);
export const goTo = (chain: string): Expression => verdict('goto', chain);

/** A set without a name of its own, which lives and dies with the rule that uses it. */
export interface SetOfRule {
  readonly set: string;
  /** Number of the set within its transaction. */
  readonly id: number;
}

/** Looks the register up in a set: the rule goes on when it is there (or, inverted, is not). */
export function lookup(set: string | SetOfRule, { invert = false, verdictMap = false } = {}): Expression {
  return {
    name: 'lookup',
    data: {
      ...(typeof set === 'string' ? { set } : { set: set.set, setId: set.id }),
      sreg: REGISTER,
      ...(verdictMap ? { dreg: VERDICT } : {}),
      ...(invert ? { flags: ['invert'] as const } : {}),
    },
  } as Expression;
}

/** Names of a rule's own sets, and their numbers, are the kernel's choice. */
const unknowable = new Set(['set', 'setId']);

function covers(wanted: unknown, present: unknown): boolean {
  if (wanted instanceof Uint8Array) {
    return (
      present instanceof Uint8Array &&
      wanted.length === present.length &&
      wanted.every((byte, i) => byte === present[i])
    );
  }
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(present) &&
      wanted.length === present.length &&
      wanted.every((item, i) => covers(item, present[i]))
    );
  }
  if (typeof wanted !== 'object' || wanted === null) return wanted === present;
  if (typeof present !== 'object' || present === null) return false;
  return Object.entries(wanted).every(
    ([key, value]) => unknowable.has(key) || covers(value, (present as Record<string, unknown>)[key]),
  );
}

/** Does a rule that the kernel told have these expressions? What is in sets of its own is not compared. */
export function sameExpressions(wanted: readonly Expression[], present: readonly unknown[] = []): boolean {
  return covers(wanted, present);
}
