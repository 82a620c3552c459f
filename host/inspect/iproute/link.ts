import type { Link } from '../../network/links.js';
import { compact, type Json, type LinkNames, type PrintOptions } from './common.js';
import { kindData, portData } from './kinds.js';
import { groups } from './names.js';

/** IFF_* in the order in which iproute2 prints them; `running` is told by its absence. */
const flagNames = [
  ['loopback', 'LOOPBACK'],
  ['broadcast', 'BROADCAST'],
  ['point-to-point', 'POINTOPOINT'],
  ['multicast', 'MULTICAST'],
  ['no-arp', 'NOARP'],
  ['all-multi', 'ALLMULTI'],
  ['promisc', 'PROMISC'],
  ['master', 'MASTER'],
  ['slave', 'SLAVE'],
  ['debug', 'DEBUG'],
  ['dynamic', 'DYNAMIC'],
  ['auto-media', 'AUTOMEDIA'],
  ['portsel', 'PORTSEL'],
  ['no-trailers', 'NOTRAILERS'],
  ['up', 'UP'],
  ['lower-up', 'LOWER_UP'],
  ['dormant', 'DORMANT'],
  ['echo', 'ECHO'],
] as const;

/** ARPHRD_*, linux/if_arp.h, as iproute2 names them. */
const linkTypes: Readonly<Record<number, string>> = {
  1: 'ether',
  32: 'infiniband',
  280: 'can',
  512: 'ppp',
  768: 'ipip',
  769: 'tunnel6',
  772: 'loopback',
  776: 'sit',
  778: 'gre',
  801: 'ieee802.11',
  803: 'ieee802.11/radiotap',
  823: 'gre6',
  824: 'netlink',
  65534: 'none',
};

function flagsOf(link: Link, links: LinkNames): string[] {
  const set = new Set<string | number>(link.flags as readonly (string | number)[]);
  const below = link.linkNetnsid === undefined && link.link ? links.get(link.link) : undefined;
  return [
    ...(set.has('up') && !set.has('running') ? ['NO-CARRIER'] : []),
    ...flagNames.flatMap(([flag, name]) => (set.has(flag) ? [name] : [])),
    ...(below !== undefined && !below.up ? ['M-DOWN'] : []),
  ];
}

/** What it is made on, or the other end. */
function below({ link, linkNetnsid }: Link, links: LinkNames): Json {
  if (link === undefined) return {};
  if (linkNetnsid !== undefined) return { link_index: link };
  return { link: link === 0 ? null : links.of(link) };
}

function info(link: Link, links: LinkNames): Json | undefined {
  const { kind, slaveKind, data, slaveData } = link;
  if (kind === undefined && slaveKind === undefined) return undefined;
  return compact({
    info_kind: kind,
    info_data: kind === undefined ? undefined : kindData(kind, data as Json | undefined, links),
    info_slave_kind: slaveKind,
    info_slave_data:
      slaveKind === undefined ? undefined : portData(slaveKind, slaveData as Json | undefined, links),
  });
}

function addressMode({ afSpec }: Link): unknown {
  return (afSpec as { inet6?: { addrGenMode?: unknown } } | undefined)?.inet6?.addrGenMode;
}

/** Whether it is the table of links that is printed, or that of addresses, which tells less of each link. */
export interface LinkPrintOptions extends PrintOptions {
  readonly brief?: boolean;
}

/** A link as `ip -j link` prints it; as the beginning of what `ip -j address` prints, with `brief`. */
export function linkJson(link: Link, links: LinkNames, { details, brief }: LinkPrintOptions = {}): Json {
  const { index, ifname, master, operstate, linkmode, group, propList, xdp, permAddress } = link;
  const pointToPoint = (link.flags as readonly (string | number)[]).includes('point-to-point');
  const names = (propList as { altIfname?: unknown } | undefined)?.altIfname;
  const attached = (xdp as { attached?: unknown } | undefined)?.attached;
  return compact({
    ifindex: index,
    ...below(link, links),
    ifname,
    flags: flagsOf(link, links),
    mtu: link.mtu,
    xdp: attached === undefined || attached === 0 || attached === 'none' ? undefined : xdp,
    qdisc: link.qdisc,
    master: master === undefined ? undefined : links.of(master),
    operstate: typeof operstate === 'string' ? operstate.replaceAll('-', '').toUpperCase() : operstate,
    linkmode: brief || typeof linkmode !== 'string' ? undefined : linkmode.toUpperCase(),
    group: group === undefined ? undefined : groups.of(group),
    txqlen: link.txqlen || undefined,
    link_type: linkTypes[link.type] ?? String(link.type),
    address: link.address,
    link_pointtopoint: link.broadcast !== undefined && pointToPoint ? true : undefined,
    broadcast: link.broadcast,
    permaddr: permAddress === link.address ? undefined : permAddress,
    link_netnsid: link.linkNetnsid,
    ...(details ? detailsOf(link, links, brief) : {}),
    ifalias: brief && !details ? undefined : link.ifalias,
    altnames: names,
  });
}

function detailsOf(link: Link, links: LinkNames, brief: boolean | undefined): Json {
  return {
    promiscuity: link.promiscuity,
    allmulti: link.allmulti,
    min_mtu: link.minMtu,
    max_mtu: link.maxMtu,
    linkinfo: info(link, links),
    inet6_addr_gen_mode: brief ? undefined : addressMode(link),
    num_tx_queues: link.numTxQueues,
    num_rx_queues: link.numRxQueues,
    gso_max_size: link.gsoMaxSize,
    gso_max_segs: link.gsoMaxSegs,
    tso_max_size: link.tsoMaxSize,
    tso_max_segs: link.tsoMaxSegs,
    gro_max_size: link.groMaxSize,
  };
}
