import type { Json, LinkNames } from './common.js';

/* Bonds and their ports, as iproute2 prints them. */

const nameIn =
  (names: readonly string[]) =>
  (value: unknown): string | undefined =>
    typeof value === 'number' ? (names[value] ?? String(value)) : undefined;

const validations = ['none', 'active', 'backup', 'all', 'filter', 'filter_active', 'filter_backup'];
const allTargets = nameIn(['any', 'all']);
const reselections = nameIn(['always', 'better', 'failure']);
const hardwareAddresses = nameIn(['none', 'active', 'follow']);
const onOff = nameIn(['off', 'on']);
const rates = nameIn(['slow', 'fast']);
const selections = nameIn(['stable', 'bandwidth', 'count']);

const linkName = (value: unknown, links: LinkNames): string | undefined =>
  typeof value === 'number' && value > 0 ? links.of(value) : undefined;

/** Targets have numbers; those that there are, in their order. */
function targets(value: unknown): unknown[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const all = Object.values(value);
  return all.length === 0 ? undefined : all;
}

function aggregation(value: unknown): Json | undefined {
  if (value === undefined) return undefined;
  const { aggregator, numPorts, actorKey, partnerKey, partnerMac } = value as Json;
  return {
    aggregator,
    num_ports: numPorts,
    actor_key: actorKey,
    partner_key: partnerKey,
    partner_mac: partnerMac,
  };
}

export function bondJson(data: Json, links: LinkNames): Json {
  const { arpValidate } = data;
  return {
    mode: data.mode,
    active_slave: linkName(data.activeSlave, links),
    miimon: data.miimon,
    updelay: data.updelay,
    downdelay: data.downdelay,
    peer_notify_delay: data.peerNotifDelay,
    use_carrier: data.useCarrier,
    arp_interval: data.arpInterval,
    arp_missed_max: data.missedMax,
    arp_ip_target: targets(data.arpIpTarget),
    ns_ip6_target: targets(data.nsIp6Target),
    // none is null to it
    arp_validate: typeof arpValidate === 'number' && arpValidate > 0 ? validations[arpValidate] : null,
    arp_all_targets: allTargets(data.arpAllTargets),
    primary: linkName(data.primary, links),
    primary_reselect: reselections(data.primaryReselect),
    fail_over_mac: hardwareAddresses(data.failOverMac),
    xmit_hash_policy: data.xmitHashPolicy,
    resend_igmp: data.resendIgmp,
    num_peer_notif: data.numPeerNotif,
    all_slaves_active: data.allSlavesActive,
    min_links: data.minLinks,
    lp_interval: data.lpInterval,
    packets_per_slave: data.packetsPerSlave,
    ad_lacp_active: onOff(data.adLacpActive),
    ad_lacp_rate: rates(data.adLacpRate),
    ad_select: selections(data.adSelect),
    ad_info: aggregation(data.adInfo),
    ad_actor_sys_prio: data.adActorSysPrio,
    ad_user_port_key: data.adUserPortKey,
    ad_actor_system: data.adActorSystem,
    tlb_dynamic_lb: data.tlbDynamicLb,
  };
}

const statuses = ['UP', 'GOING_DOWN', 'DOWN', 'GOING_BACK'];

/** Bits of a port's state, IEEE 802.1AX. */
const portStates = [
  'active',
  'short_timeout',
  'aggregating',
  'in_sync',
  'collecting',
  'distributing',
  'defaulted',
  'expired',
];

const stateNames = (value: unknown): string[] | undefined =>
  typeof value === 'number' ? portStates.filter((_, bit) => (value & (1 << bit)) !== 0) : undefined;

export function bondPortJson(data: Json): Json {
  return {
    state: nameIn(['ACTIVE', 'BACKUP'])(data.state),
    mii_status: nameIn(statuses)(data.miiStatus),
    link_failure_count: data.linkFailureCount,
    perm_hwaddr: data.permHwaddr,
    queue_id: data.queueId,
    prio: data.prio,
    ad_aggregator_id: data.adAggregatorId,
    ad_actor_oper_port_state: data.adActorOperPortState,
    ad_actor_oper_port_state_str: stateNames(data.adActorOperPortState),
    ad_partner_oper_port_state: data.adPartnerOperPortState,
    ad_partner_oper_port_state_str: stateNames(data.adPartnerOperPortState),
  };
}
