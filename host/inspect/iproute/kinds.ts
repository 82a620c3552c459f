import { bondJson, bondPortJson } from './bond.js';
import { compact, hex, type Json, type LinkNames, on } from './common.js';
import { groupName, userName } from './names.js';

type Printer = (data: Json, links: LinkNames) => Json;

/** Hundredths of a second. */
const seconds = (value: unknown): number | undefined =>
  typeof value === 'number' ? value / 100 : typeof value === 'bigint' ? Number(value) / 100 : undefined;

const hexOf0x = (value: unknown): string | undefined =>
  typeof value === 'number' ? `0x${value.toString(16)}` : undefined;

const hexOf = (value: unknown): string | undefined => (typeof value === 'number' ? hex(value) : undefined);

function bridgeIdText(value: unknown): string | undefined {
  const { prio, addr } = (value ?? {}) as { prio?: number; addr?: string };
  if (prio === undefined || addr === undefined) return undefined;
  // ether_ntoa(3) writes bytes without leading zeros
  const short = addr
    .split(':')
    .map((byte) => Number.parseInt(byte, 16).toString(16))
    .join(':');
  return `${prio.toString(16).padStart(4, '0')}.${short}`;
}

const vlanProtocolNames: Readonly<Record<string, string>> = { '8021q': '802.1Q', '8021ad': '802.1ad' };

function vlanProtocol(value: unknown): unknown {
  return typeof value === 'string' ? (vlanProtocolNames[value.toLowerCase()] ?? value) : value;
}

/** BR_BOOLOPT_*: 0 no_ll_learn, 1 mcast_vlan_snooping */
function option(data: Json, bit: number): number | undefined {
  const { optval, optmask } = (data.multiBoolopt ?? {}) as { optval?: number; optmask?: number };
  if (optval === undefined || optmask === undefined || (optmask & (1 << bit)) === 0) return undefined;
  return (optval >> bit) & 1;
}

const bridge: Printer = (data) => ({
  forward_delay: data.forwardDelay,
  hello_time: data.helloTime,
  max_age: data.maxAge,
  ageing_time: data.ageingTime,
  stp_state: data.stpState,
  priority: data.priority,
  vlan_filtering: data.vlanFiltering,
  vlan_protocol: vlanProtocol(data.vlanProtocol),
  bridge_id: bridgeIdText(data.bridgeId),
  root_id: bridgeIdText(data.rootId),
  root_port: data.rootPort,
  root_path_cost: data.rootPathCost,
  topology_change: data.topologyChange,
  topology_change_detected: data.topologyChangeDetected,
  hello_timer: seconds(data.helloTimer),
  tcn_timer: seconds(data.tcnTimer),
  topology_change_timer: seconds(data.topologyChangeTimer),
  gc_timer: seconds(data.gcTimer),
  vlan_default_pvid: data.vlanDefaultPvid,
  vlan_stats_enabled: data.vlanStatsEnabled,
  vlan_stats_per_port: data.vlanStatsPerPort,
  group_fwd_mask: hexOf(data.groupFwdMask),
  group_addr: data.groupAddr,
  mcast_snooping: data.mcastSnooping,
  no_linklocal_learn: option(data, 0),
  mcast_vlan_snooping: option(data, 1),
  mcast_router: data.mcastRouter,
  mcast_query_use_ifaddr: data.mcastQueryUseIfaddr,
  mcast_querier: data.mcastQuerier,
  mcast_hash_elasticity: data.mcastHashElasticity,
  mcast_hash_max: data.mcastHashMax,
  mcast_last_member_cnt: data.mcastLastMemberCnt,
  mcast_startup_query_cnt: data.mcastStartupQueryCnt,
  mcast_last_member_intvl: data.mcastLastMemberIntvl,
  mcast_membership_intvl: data.mcastMembershipIntvl,
  mcast_querier_intvl: data.mcastQuerierIntvl,
  mcast_query_intvl: data.mcastQueryIntvl,
  mcast_query_response_intvl: data.mcastQueryResponseIntvl,
  mcast_startup_query_intvl: data.mcastStartupQueryIntvl,
  mcast_stats_enabled: data.mcastStatsEnabled,
  mcast_igmp_version: data.mcastIgmpVersion,
  mcast_mld_version: data.mcastMldVersion,
  nf_call_iptables: data.nfCallIptables,
  nf_call_ip6tables: data.nfCallIp6Tables,
  nf_call_arptables: data.nfCallArptables,
});

const bridgePort: Printer = (data, links) => ({
  state: data.state,
  priority: data.priority,
  cost: data.cost,
  hairpin: on(data.mode),
  guard: on(data.guard),
  root_block: on(data.protect),
  fastleave: on(data.fastLeave),
  learning: on(data.learning),
  flood: on(data.unicastFlood),
  id: hexOf(data.id),
  no: hexOf(data.no),
  designated_port: data.designatedPort,
  designated_cost: data.designatedCost,
  bridge_id: bridgeIdText(data.bridgeId),
  root_id: bridgeIdText(data.rootId),
  hold_timer: seconds(data.holdTimer),
  message_age_timer: seconds(data.messageAgeTimer),
  forward_delay_timer: seconds(data.forwardDelayTimer),
  topology_change_ack: data.topologyChangeAck,
  config_pending: data.configPending,
  proxy_arp: on(data.proxyarp),
  proxy_arp_wifi: on(data.proxyarpWifi),
  multicast_router: data.multicastRouter,
  mcast_flood: on(data.mcastFlood),
  bcast_flood: on(data.bcastFlood),
  mcast_to_unicast: on(data.mcastToUcast),
  neigh_suppress: on(data.neighSuppress),
  group_fwd_mask: hexOf(data.groupFwdMask),
  group_fwd_mask_str:
    typeof data.groupFwdMask === 'number' ? `0x${data.groupFwdMask.toString(16)}` : undefined,
  vlan_tunnel: on(data.vlanTunnel),
  isolated: on(data.isolated),
  locked: on(data.locked),
  backup_port: typeof data.backupPort === 'number' ? links.of(data.backupPort) : undefined,
});

const listed = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);

const macvlan: Printer = (data) => ({
  mode: data.mode,
  nopromisc: listed(data.flags).includes('nopromisc') || undefined,
  nodst: listed(data.flags).includes('nodst') || undefined,
  bcqueuelen: data.bcQueueLen,
  usedbcqueuelen: data.bcQueueLenUsed,
  ...(data.mode === 'source' ? sources(data) : {}),
});

/** Whose frames a macvlan of that mode takes. */
function sources({ macaddrCount, macaddrData }: Json): Json {
  const all = listed((macaddrData as { macaddr?: unknown } | undefined)?.macaddr);
  return { macaddr_count: macaddrCount, macaddr_data: all.length === 0 ? undefined : all };
}

const ipvlan: Printer = (data) => {
  const flags = listed(data.flags);
  const sharing = flags.includes('private') ? 'private' : flags.includes('vepa') ? 'vepa' : 'bridge';
  return { mode: data.mode, ...(data.flags === undefined ? {} : { [sharing]: true }) };
};

interface QosMap {
  readonly mapping?: unknown;
}

/** Priorities inside and outside. */
function qos(value: unknown): Json[] | undefined {
  const mapping = (value as QosMap | undefined)?.mapping;
  const all = Array.isArray(mapping) ? mapping : mapping === undefined ? [] : [mapping];
  return all.length === 0 ? undefined : all.map(({ from, to }: Json) => ({ from, to }));
}

const vlan: Printer = (data) => {
  const flags = (data.flag as { flags?: unknown } | undefined)?.flags;
  return {
    protocol: vlanProtocol(data.protocol),
    id: data.id,
    flags:
      flags === undefined ? undefined : listed(flags).map((flag) => flag.toUpperCase().replaceAll('-', '_')),
    ingress_qos: qos(data.ingressQos),
    egress_qos: qos(data.egressQos),
  };
};

function isMulticast(address: unknown): boolean {
  if (typeof address !== 'string') return false;
  if (address.includes(':')) return address.toLowerCase().startsWith('ff');
  const first = Number(address.split('.')[0]);
  return first >= 224 && first < 240;
}

const isSet = (address: unknown): boolean =>
  address !== undefined && address !== '0.0.0.0' && address !== '::';

function ends(data: Json): Json {
  const far = isSet(data.group) ? data.group : undefined;
  const far6 = isSet(data.group6) ? data.group6 : undefined;
  return {
    group: isMulticast(far) ? far : undefined,
    remote: isMulticast(far) ? undefined : far,
    group6: isMulticast(far6) ? far6 : undefined,
    remote6: isMulticast(far6) ? undefined : far6,
    local: isSet(data.local) ? data.local : undefined,
    local6: isSet(data.local6) ? data.local6 : undefined,
  };
}

const differentiated = ['unset', 'set', 'inherit'] as const;

const vxlan: Printer = (data, links) => ({
  external: on(data.collectMetadata) || undefined,
  vnifilter: on(data.vnifilter) || undefined,
  id: data.id,
  ...ends(data),
  link: data.link ? links.of(data.link as number) : undefined,
  port_range: data.portRange,
  port: data.port,
  learning: on(data.learning),
  proxy: on(data.proxy) || undefined,
  rsc: on(data.rsc) || undefined,
  l2miss: on(data.l2miss) || undefined,
  l3miss: on(data.l3miss) || undefined,
  tos: data.tos ? hexOf0x(data.tos) : undefined,
  ttl: data.ttl,
  df: typeof data.df === 'number' ? differentiated[data.df] : undefined,
  label: data.label ? hexOf0x(data.label) : undefined,
  ageing: data.ageing || undefined,
  limit: data.limit || undefined,
  udp_csum: on(data.udpCsum),
  udp_zero_csum6_tx: on(data.udpZeroCsum6Tx),
  udp_zero_csum6_rx: on(data.udpZeroCsum6Rx),
  remcsum_tx: on(data.remcsumTx) || undefined,
  remcsum_rx: on(data.remcsumRx) || undefined,
  gbp: data.gbp ? true : undefined,
  gpe: data.gpe ? true : undefined,
});

const geneve: Printer = (data) => ({
  external: data.collectMetadata ? true : undefined,
  id: data.id,
  remote: data.remote,
  remote6: data.remote6,
  ttl: data.ttlInherit ? undefined : data.ttl,
  tos: data.tos ? hexOf0x(data.tos) : undefined,
  df: typeof data.df === 'number' ? differentiated[data.df] : undefined,
  label: data.label ? hexOf0x(data.label) : undefined,
  port: data.port,
  udp_csum: on(data.udpCsum),
  udp_zero_csum6_tx: on(data.udpZeroCsum6Tx),
  udp_zero_csum6_rx: on(data.udpZeroCsum6Rx),
  inner_proto_inherit: data.innerProtoInherit ? true : undefined,
});

const tun: Printer = (data) => ({
  type: data.type,
  pi: on(data.pi),
  vnet_hdr: on(data.vnetHdr),
  multi_queue: on(data.multiQueue),
  numqueues: data.multiQueue ? data.numQueues : undefined,
  numdisabled: data.multiQueue ? data.numDisabledQueues : undefined,
  persist: on(data.persist),
  user: typeof data.owner === 'number' ? (userName(data.owner) ?? data.owner) : undefined,
  group: typeof data.group === 'number' ? (groupName(data.group) ?? data.group) : undefined,
});

const vrf: Printer = (data) => ({ table: data.table });

const kinds: Readonly<Record<string, Printer>> = {
  bond: bondJson,
  bridge,
  geneve,
  macvlan,
  macvtap: macvlan,
  ipvlan,
  ipvtap: ipvlan,
  vlan,
  vxlan,
  tun,
  vrf,
};

/** `info_data`; undefined for kinds that have none, or whose is not known here. */
export function kindData(kind: string, data: Json | undefined, links: LinkNames): Json | undefined {
  const printer = kinds[kind];
  return printer === undefined || data === undefined ? undefined : compact(printer(data, links));
}

const ports: Readonly<Record<string, Printer>> = { bond: bondPortJson, bridge: bridgePort, vrf };

/** `info_slave_data` */
export function portData(kind: string, data: Json | undefined, links: LinkNames): Json | undefined {
  const printer = ports[kind];
  return printer === undefined || data === undefined ? undefined : compact(printer(data, links));
}
