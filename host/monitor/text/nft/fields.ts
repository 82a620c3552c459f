import { type DataType, dataTypes as t } from './types.js';

/** A field of a header. */
export interface Field {
  readonly text: string;
  readonly offset: number;
  readonly size: number;
  readonly type: DataType;
}

const field = (text: string, offset: number, type: DataType, size = type.size): Field => ({
  text,
  offset,
  size,
  type,
});

/** Headers of links and networks by the name that nft gives them. */
export const headers: Readonly<Record<string, readonly Field[]>> = {
  ether: [
    field('ether daddr', 0, t.ether_addr),
    field('ether saddr', 6, t.ether_addr),
    field('ether type', 12, t.ether_type),
  ],
  ip: [
    field('ip length', 2, t.integer, 2),
    field('ip id', 4, t.integer, 2),
    field('ip ttl', 8, t.integer, 1),
    field('ip protocol', 9, t.inet_proto),
    field('ip checksum', 10, t.integer, 2),
    field('ip saddr', 12, t.ipv4_addr),
    field('ip daddr', 16, t.ipv4_addr),
  ],
  ip6: [
    field('ip6 length', 4, t.integer, 2),
    field('ip6 nexthdr', 6, t.inet_proto),
    field('ip6 hoplimit', 7, t.integer, 1),
    field('ip6 saddr', 8, t.ipv6_addr),
    field('ip6 daddr', 24, t.ipv6_addr),
  ],
  arp: [
    field('arp htype', 0, t.integer, 2),
    field('arp ptype', 2, t.ether_type),
    field('arp hlen', 4, t.integer, 1),
    field('arp plen', 5, t.integer, 1),
    field('arp operation', 6, t.arp_op),
    field('arp saddr ether', 8, t.ether_addr),
    field('arp saddr ip', 14, t.ipv4_addr),
    field('arp daddr ether', 18, t.ether_addr),
    field('arp daddr ip', 24, t.ipv4_addr),
  ],
};

/** Ports are where all transports have them. */
export function transportFields(protocol: string): readonly Field[] {
  switch (protocol) {
    case 'icmp':
      return [field('icmp type', 0, t.icmp_type), field('icmp code', 1, t.integer, 1)];
    case 'ipv6-icmp':
      return [field('icmpv6 type', 0, t.icmpv6_type), field('icmpv6 code', 1, t.integer, 1)];
    default: {
      const ports = [
        field(`${protocol} sport`, 0, t.inet_service),
        field(`${protocol} dport`, 2, t.inet_service),
      ];
      return protocol === 'tcp' ? [...ports, field('tcp flags', 13, t.tcp_flag)] : ports;
    }
  }
}

/** Fields that lie behind one another and are loaded at once; undefined when they are not known. */
export function fieldsAt(all: readonly Field[], offset: number, length: number): Field[] | undefined {
  const found: Field[] = [];
  for (let at = offset; at < offset + length; ) {
    const one = all.find((other) => other.offset === at);
    if (one === undefined) return undefined;
    const left = offset + length - at;
    // the beginning of an address is a prefix
    if (one.size > left && !one.type.prefix) return undefined;
    found.push(one);
    at += one.size;
  }
  return found;
}

/** Keys of meta: how nft writes them, and what they are. */
export const metaKeys: Readonly<Record<string, readonly [string, DataType]>> = {
  protocol: ['meta protocol', t.ether_type],
  mark: ['meta mark', t.mark],
  iifname: ['iifname', t.ifname],
  oifname: ['oifname', t.ifname],
  'bri-iifname': ['meta ibrname', t.ifname],
  'bri-oifname': ['meta obrname', t.ifname],
  nfproto: ['meta nfproto', t.nf_proto],
  'l4-proto': ['meta l4proto', t.inet_proto],
  skuid: ['meta skuid', t.uid],
  skgid: ['meta skgid', t.gid],
  pkttype: ['meta pkttype', t.pkt_type],
  nftrace: ['meta nftrace', t.integer],
};

/** Keys of connection tracking. */
export const connectionKeys: Readonly<Record<string, readonly [string, DataType]>> = {
  state: ['state', t.ct_state],
  direction: ['direction', t.ct_dir],
  status: ['status', t.ct_status],
  mark: ['mark', t.mark],
  l3protocol: ['l3proto', t.nf_proto],
  protocol: ['protocol', t.inet_proto],
  'proto-src': ['proto-src', t.inet_service],
  'proto-dst': ['proto-dst', t.inet_service],
  'src-ip': ['ip saddr', t.ipv4_addr],
  'dst-ip': ['ip daddr', t.ipv4_addr],
  'src-ip6': ['ip6 saddr', t.ipv6_addr],
  'dst-ip6': ['ip6 daddr', t.ipv6_addr],
  zone: ['zone', t.hostInteger],
};
