import type { DecodedMessage } from '../../codec/block.js';
import type { bridgeVlan as family } from '../../schema/bridge-vlan.js';
import type { AttributesOf, HeaderOf } from '../../schema/definition.js';
import { bridgeVlanInfoFlags } from '../../schema/link/protocols.js';
import { bits, type Naming } from './names.js';

type Message = (typeof family.messages)['newvlan'];
type Attributes = AttributesOf<Message>;
type Entry = NonNullable<Attributes['entry']>[number];
type Global = NonNullable<Attributes['globalOptions']>[number];

/** IFNAMSIZ, and what iproute2 puts after a name. */
const NAME_WIDTH = 18;
const indent = ' '.repeat(20);

const range = (first: number | undefined, last: number | undefined): string =>
  last === undefined || last === first ? String(first) : `${first}-${last}`;

function entryText({ info, range: last, state, mcastRouter }: Entry): string {
  const flags = bits(bridgeVlanInfoFlags, info?.flags ?? []);
  let text = range(info?.vid, last);
  if (flags & bridgeVlanInfoFlags.pvid) text += ' PVID';
  if (flags & bridgeVlanInfoFlags.untagged) text += ' Egress Untagged';
  text += `\n${indent}`;
  // of what is gone none is told
  text += `state ${state ?? 'disabled'} `;
  return mcastRouter === undefined ? text : `${text}mcast_router ${mcastRouter} `;
}

/** In the order of iproute2. */
const settings = [
  ['mcast_snooping', 'mcastSnooping'],
  ['mcast_querier', 'mcastQuerier'],
  ['mcast_igmp_version', 'mcastIgmpVersion'],
  ['mcast_mld_version', 'mcastMldVersion'],
  ['mcast_last_member_count', 'mcastLastMemberCnt'],
  ['mcast_last_member_interval', 'mcastLastMemberIntvl'],
  ['mcast_startup_query_count', 'mcastStartupQueryCnt'],
  ['mcast_startup_query_interval', 'mcastStartupQueryIntvl'],
  ['mcast_membership_interval', 'mcastMembershipIntvl'],
  ['mcast_querier_interval', 'mcastQuerierIntvl'],
  ['mcast_query_interval', 'mcastQueryIntvl'],
  ['mcast_query_response_interval', 'mcastQueryResponseIntvl'],
] as const;

function globalText(one: Global): string {
  const known = settings
    .filter(([, key]) => one[key] !== undefined)
    .map(([name, key]) => `${name} ${one[key]} `);
  return `${range(one.id, one.range)}\n${indent}${known.join('')}`;
}

/** VLANs of a bridge or a port, as `bridge monitor` has them. */
export function vlanText({ header, attributes }: DecodedMessage, names: Naming): string {
  const { ifindex } = header as unknown as HeaderOf<Message>;
  const { entry = [], globalOptions = [] } = attributes as Attributes;
  const parts = [...entry.map(entryText), ...globalOptions.map(globalText)];
  const name = names.device(ifindex).padEnd(NAME_WIDTH);
  return parts.map((part, i) => `${i === 0 ? name : ' '.repeat(NAME_WIDTH)}${part}\n`).join('');
}
