import { formatIpv4, formatIpv6 } from '../../codec/text.js';
import type { Netfilter, Rule } from '../../netfilter/netfilter.js';
import type { TableFamily } from '../../netfilter/transaction.js';
import type { PublishedPort } from './model.js';

type Published = Omit<PublishedPort, 'at' | 'to'>;

/** What a register holds, as far as published ports are concerned. */
type Held =
  | { readonly field: 'protocol' | 'address' | 'port' }
  | { readonly value: Uint8Array }
  | { readonly mapped: readonly Span[] }
  | undefined;

/** Ports of the host, and the port that the first becomes. */
interface Span {
  readonly first: number;
  readonly last: number;
  readonly to?: number;
  /** Where a map tells it too: the address. */
  readonly address?: string;
}

interface Expression {
  readonly name?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

const protocolNames: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp', 33: 'dccp' };

/** Offsets of the destination's address: struct iphdr, struct ipv6hdr. */
const destinations: Readonly<Record<number, number>> = { 16: 4, 24: 16 };

function addressText(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return formatIpv4(bytes, 0);
  return bytes.length === 16 ? formatIpv6(bytes, 0) : undefined;
}

const portOf = (bytes: Uint8Array | undefined, at = 0): number | undefined =>
  bytes === undefined || bytes.length < at + 2
    ? undefined
    : ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

/** Elements of sets that rules look into: ports, and what ports become. */
export type SpansOf = (set: string) => Promise<readonly Span[]>;

const bytesOf = (data: unknown): Uint8Array | undefined => {
  const { value } = (data ?? {}) as { value?: unknown };
  return value instanceof Uint8Array ? value : undefined;
};

/** NF_NAT_RANGE_MAP_IPS, NF_NAT_RANGE_PROTO_SPECIFIED; linux/netfilter/nf_nat.h */
const MAP_IPS = 1;
const PROTO_SPECIFIED = 2;

/** Follows one rule, expression by expression, up to the translation of a destination. */
class RuleReader {
  readonly #registers = new Map<number, Held>();
  readonly #family: TableFamily;
  readonly #spansOf: SpansOf;
  #protocol: string | undefined;
  #address: string | undefined;
  #spans: readonly Span[] = [];
  readonly found: Published[] = [];

  constructor(family: TableFamily, spansOf: SpansOf) {
    this.#family = family;
    this.#spansOf = spansOf;
  }

  async read({ name, data = {} }: Expression): Promise<void> {
    switch (name) {
      case 'meta':
        this.#registers.set(Number(data.dreg), data.key === 'l4-proto' ? { field: 'protocol' } : undefined);
        return;
      case 'payload':
        this.#registers.set(Number(data.dreg), payloadField(data));
        return;
      case 'immediate': {
        const value = bytesOf(data.data);
        this.#registers.set(Number(data.dreg), value === undefined ? undefined : { value });
        return;
      }
      case 'cmp':
        this.#compare(data);
        return;
      case 'range':
        this.#span(data, portOf(bytesOf(data.fromData)), portOf(bytesOf(data.toData)));
        return;
      case 'lookup':
        await this.#lookUp(data);
        return;
      case 'match':
        this.#match(data);
        return;
      case 'nat':
        this.#translate(data);
        return;
      case 'target':
        if (data.name === 'DNAT' && data.info instanceof Uint8Array)
          this.#target(data.info, Number(data.rev ?? 0));
    }
  }

  #field(register: unknown): string | undefined {
    const held = this.#registers.get(Number(register));
    return held !== undefined && 'field' in held ? held.field : undefined;
  }

  #compare({ sreg, op, data }: Readonly<Record<string, unknown>>): void {
    const field = this.#field(sreg);
    const value = bytesOf(data);
    if (field === undefined || value === undefined) return;
    if (field === 'port') {
      const port = portOf(value);
      if (port === undefined) return;
      if (op === 'eq') this.#spans = [{ first: port, last: port }];
      // a span is told by its two ends, one after the other
      else if (op === 'gte') this.#spans = [{ first: port, last: 65_535 }];
      else if (op === 'lte') this.#spans = this.#spans.map(({ first }) => ({ first, last: port }));
    } else if (op === 'eq' && field === 'protocol') {
      this.#protocol = protocolNames[value[0] as number];
    } else if (op === 'eq') {
      this.#address = addressText(value);
    }
  }

  #span(
    { sreg, op }: Readonly<Record<string, unknown>>,
    first: number | undefined,
    last: number | undefined,
  ): void {
    if (this.#field(sreg) !== 'port' || op !== 'eq' || first === undefined || last === undefined) return;
    this.#spans = [{ first, last }];
  }

  async #lookUp({ set, sreg, dreg }: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.#field(sreg) !== 'port' || typeof set !== 'string') return;
    const spans = await this.#spansOf(set);
    if (dreg === undefined) this.#spans = spans;
    else this.#registers.set(Number(dreg), { mapped: spans });
  }

  /** xt_multiport, revision 1: struct xt_multiport_v1 { flags, count, ports[15], pflags[15], invert } */
  #match({ name, rev, info }: Readonly<Record<string, unknown>>): void {
    if (name !== 'multiport' || rev !== 1 || !(info instanceof Uint8Array) || info.length < 48) return;
    const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
    const SOURCE = 0;
    if (info[0] === SOURCE || info[47] !== 0) return;
    const spans: Span[] = [];
    for (let i = 0; i < Math.min(info[1] as number, 15); i++) {
      const first = view.getUint16(2 + 2 * i, true);
      const last = info[32 + i] ? view.getUint16(2 + 2 * ++i, true) : first;
      spans.push({ first, last });
    }
    this.#spans = spans;
  }

  #translate({ type, regAddrMin, regProtoMin }: Readonly<Record<string, unknown>>): void {
    if (type !== 'dnat') return;
    const to = this.#registers.get(Number(regAddrMin));
    if (to !== undefined && 'mapped' in to) {
      for (const span of to.mapped) this.#note([span], span.address, undefined);
      return;
    }
    if (to === undefined || !('value' in to)) return;
    const address = addressText(to.value);
    const port = regProtoMin === undefined ? undefined : this.#registers.get(Number(regProtoMin));
    if (port !== undefined && 'mapped' in port) this.#note(port.mapped, address, undefined);
    else
      this.#note(
        this.#spans,
        address,
        port !== undefined && 'value' in port ? portOf(port.value) : undefined,
      );
  }

  /** struct nf_nat_range2: flags, two addresses of 16 bytes, two ports; since revision 1 of the target. */
  #target(info: Uint8Array, revision: number): void {
    if (revision < 1 || info.length < 40) return;
    const flags = new DataView(info.buffer, info.byteOffset, info.byteLength).getUint32(0, true);
    if ((flags & MAP_IPS) === 0) return;
    const address = addressText(info.subarray(4, this.#family === 'ip6' ? 20 : 8));
    this.#note(this.#spans, address, flags & PROTO_SPECIFIED ? portOf(info, 36) : undefined);
  }

  #note(spans: readonly Span[], address: string | undefined, port: number | undefined): void {
    if (address === undefined || this.#protocol === undefined) return;
    for (const { first, last, to } of spans) {
      const target = to ?? port;
      this.found.push({
        protocol: this.#protocol,
        ...(this.#address === undefined ? {} : { hostAddress: this.#address }),
        hostPort: first,
        lastHostPort: last,
        address,
        ...(target === undefined ? {} : { port: target }),
      });
    }
  }
}

function payloadField({ base, offset, len }: Readonly<Record<string, unknown>>): Held {
  if (base === 'transport-header' && offset === 2 && len === 2) return { field: 'port' };
  if (base === 'network-header' && destinations[Number(offset)] === len) return { field: 'address' };
  return undefined;
}

/** Elements whose keys are ports: themselves, or with the ports they become. */
async function spansOfSet(netfilter: Netfilter, rule: Rule, set: string): Promise<Span[]> {
  const { family, table = '' } = rule;
  const elements = await netfilter.elements({ family, table, set });
  return elements.flatMap(({ key, data }): Span[] => {
    const first = portOf(bytesOf(key));
    if (first === undefined) return [];
    const value = bytesOf(data);
    // an address and a port, each in words of 32 bits; or a port
    const joined = value?.length === 8 || value?.length === 20;
    const to = portOf(value, joined ? value.length - 4 : 0);
    const address = joined ? addressText(value.subarray(0, value.length - 4)) : undefined;
    return [
      {
        first,
        last: first,
        ...(to === undefined ? {} : { to }),
        ...(address === undefined ? {} : { address }),
      },
    ];
  });
}

function sameText(port: Published): string {
  return JSON.stringify([
    port.protocol,
    port.hostAddress,
    port.hostPort,
    port.lastHostPort,
    port.address,
    port.port,
  ]);
}

/**
 * The ports that a namespace's rules translate: those of nftables, and those that iptables keeps in nftables. Rules of the
 * older iptables can not be seen. Throws NetlinkError.
 */
export async function readPublished(netfilter: Netfilter): Promise<Published[]> {
  const found = new Map<string, Published>();
  for (const family of ['ip', 'ip6', 'inet'] as const) {
    for (const rule of await netfilter.rules({ family })) {
      const reader = new RuleReader(family, (set) => spansOfSet(netfilter, rule, set));
      for (const expression of (rule.expressions?.elem ?? []) as readonly Expression[])
        await reader.read(expression);
      for (const port of reader.found) found.set(sameText(port), port);
    }
  }
  return [...found.values()];
}
