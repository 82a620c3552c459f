import type { DecodedMessage } from '../../codec/block.js';
import type { Json } from '../../inspect/iproute/common.js';
import { kindData, portData } from '../../inspect/iproute/kinds.js';
import { linkOf } from '../../network/links.js';
import { HeardLinks, type Place } from '../heard-links.js';

/* What `ip -d` adds to a link's lines. */

/** Names that iproute2 has in its lines and not in its JSON, by kind. */
const renamed: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  bridge: {
    root_id: 'designated_root',
    group_addr: 'group_address',
    mcast_last_member_cnt: 'mcast_last_member_count',
    mcast_startup_query_cnt: 'mcast_startup_query_count',
    mcast_last_member_intvl: 'mcast_last_member_interval',
    mcast_membership_intvl: 'mcast_membership_interval',
    mcast_querier_intvl: 'mcast_querier_interval',
    mcast_query_intvl: 'mcast_query_interval',
    mcast_query_response_intvl: 'mcast_query_response_interval',
    mcast_startup_query_intvl: 'mcast_startup_query_interval',
  },
  bridge_slave: {
    id: 'port_id',
    no: 'port_no',
    bridge_id: 'designated_bridge',
    root_id: 'designated_root',
    multicast_router: 'mcast_router',
  },
};

const isTimer = (key: string): boolean => key.endsWith('_timer');

function valueText(key: string, value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'number' && isTimer(key)) return value.toFixed(2).padStart(7);
  return String(value);
}

const words = (data: Json, kind: string): string =>
  Object.entries(data)
    .map(([key, value]) => `${renamed[kind]?.[key] ?? key} ${valueText(key, value)} `)
    .join('');

/** `udpcsum`, or `noudpcsum`. */
const switched = (word: string, value: unknown): string =>
  value === undefined ? '' : `${value ? '' : 'no'}${word} `;

function vxlanText(data: Json): string {
  const { port_range: range } = data as { port_range?: { low: number; high: number } };
  let text = '';
  for (const key of ['external', 'vnifilter']) if (data[key]) text += `${key} `;
  if (data.id !== undefined) text += `id ${data.id} `;
  for (const key of ['group', 'remote', 'local'])
    for (const value of [data[key], data[`${key}6`]]) if (value !== undefined) text += `${key} ${value} `;
  if (data.link !== undefined) text += `dev ${data.link} `;
  if (range !== undefined) text += `srcport ${range.low} ${range.high} `;
  if (data.port !== undefined) text += `dstport ${data.port} `;
  if (data.learning === false) text += 'nolearning ';
  for (const key of ['proxy', 'rsc', 'l2miss', 'l3miss']) if (data[key]) text += `${key} `;
  if (data.tos !== undefined) text += `tos ${data.tos === '0x1' ? 'inherit' : data.tos} `;
  text += data.ttl ? `ttl ${data.ttl} ` : 'ttl auto ';
  if (data.df !== undefined && data.df !== 'unset') text += `df ${data.df} `;
  if (data.label !== undefined) text += `flowlabel ${data.label} `;
  if (data.ageing !== undefined) text += `ageing ${data.ageing} `;
  if (data.limit !== undefined) text += `maxaddr ${data.limit} `;
  text += switched('udpcsum', data.udp_csum);
  text += switched('udp6zerocsumtx', data.udp_zero_csum6_tx);
  text += switched('udp6zerocsumrx', data.udp_zero_csum6_rx);
  for (const key of ['remcsum_tx', 'remcsum_rx']) if (data[key]) text += `${key.replace('_', '')} `;
  for (const key of ['gbp', 'gpe']) if (data[key]) text += `${key} `;
  return text;
}

/** Those of whose settings the words are known; of others the kind alone is told. */
const printers: Readonly<Record<string, (data: Json) => string>> = {
  bridge: (data) => words(data, 'bridge'),
  macvlan: (data) => words(data, 'macvlan'),
  macvtap: (data) => words(data, 'macvlan'),
  tun: (data) => words(data, 'tun').replace('multi_queue off ', ''),
  vrf: (data) => words(data, 'vrf'),
  vxlan: vxlanText,
};

function portText(data: Json): string {
  const { multicast_router: router, fastleave } = data;
  const text = words(data, 'bridge_slave');
  // that ports leave groups fast is told twice
  return text.replace(
    `mcast_router ${router} `,
    `mcast_router ${router} mcast_fast_leave ${valueText('', fastleave)} `,
  );
}

const sizes = [
  ['numtxqueues', 'numTxQueues'],
  ['numrxqueues', 'numRxQueues'],
  ['gso_max_size', 'gsoMaxSize'],
  ['gso_max_segs', 'gsoMaxSegs'],
  ['tso_max_size', 'tsoMaxSize'],
  ['tso_max_segs', 'tsoMaxSegs'],
  ['gro_max_size', 'groMaxSize'],
] as const;

/** What comes after a link's addresses, without an end of line; empty where the message tells nothing of it. */
export function detailsText(message: DecodedMessage, place: Place): string {
  const link = linkOf({ ...message, attributes: { ...message.attributes } });
  const { kind, slaveKind, promiscuity, allmulti, minMtu, maxMtu } = link;
  const links = new HeardLinks(place);
  let text = '';
  if (promiscuity !== undefined) text += ` promiscuity ${promiscuity} `;
  if (allmulti !== undefined) text += ` allmulti ${allmulti} `;
  if (minMtu !== undefined) text += `minmtu ${minMtu} `;
  if (maxMtu !== undefined) text += `maxmtu ${maxMtu} `;
  if (kind !== undefined) {
    const data = kindData(kind, link.data as Json | undefined, links);
    text += `\n    ${kind} ${data === undefined ? '' : (printers[kind]?.(data) ?? '')}`;
  }
  if (slaveKind !== undefined) {
    const data = portData(slaveKind, link.slaveData as Json | undefined, links);
    const told = data === undefined ? '' : slaveKind === 'bridge' ? portText(data) : words(data, slaveKind);
    text += `\n    ${slaveKind}_slave ${told}`;
  }
  const all = link as unknown as Json;
  for (const [word, key] of sizes) if (all[key] !== undefined) text += `${word} ${all[key]} `;
  return text;
}
