import type { DecodedMessage } from '../../codec/block.js';
import type { AttributesOf, HeaderOf } from '../../schema/definition.js';
import {
  type neighbour as family,
  neighbourExtFlags,
  neighbourFlags,
  neighbourStates,
} from '../../schema/neighbour.js';
import { bits, hardwareAddress, type Naming, protocolName } from './names.js';

type Message = (typeof family.messages)['newneigh'];
type Attributes = AttributesOf<Message>;

const SELF = 0x02;
const MASTER = 0x04;
const PROXY = 0x08;
const EXT_LEARNED = 0x10;
const OFFLOADED = 0x20;
const STICKY = 0x40;
const ROUTER = 0x80;
const MANAGED = 0x1;
const LOCKED = 0x2;
const NOARP = 0x40;
const REACHABLE = 0x02;
const STALE = 0x04;
const PERMANENT = 0x80;

const stateNames: readonly (readonly [number, string])[] = [
  [0x01, 'INCOMPLETE'],
  [REACHABLE, 'REACHABLE'],
  [STALE, 'STALE'],
  [0x08, 'DELAY'],
  [0x10, 'PROBE'],
  [0x20, 'FAILED'],
  [NOARP, 'NOARP'],
  [PERMANENT, 'PERMANENT'],
];

/** Of struct nda_cacheinfo, a second. */
const HERTZ = 100;

function usageText({ cacheinfo, probes }: Attributes): string {
  let text = '';
  if (cacheinfo !== undefined) {
    const { used, confirmed, updated, refcnt } = cacheinfo;
    const ages = [used, confirmed, updated].map((age) => Math.floor(age / HERTZ)).join('/');
    text += `${refcnt > 0 ? ` ref ${refcnt}` : ''} used ${ages}`;
  }
  return probes === undefined ? text : `${text}probes ${probes} `;
}

/** A neighbour's line, as `ip monitor` has it; with `statistics`, how long ago it was used, as `ip -s`. */
export function neighbourText(
  { header, attributes }: DecodedMessage,
  names: Naming,
  statistics = false,
): string {
  const h = header as unknown as HeaderOf<Message>;
  const a = attributes as Attributes;
  const flags = bits(neighbourFlags, h.flags);
  const state = bits(neighbourStates, h.state);
  let text = a.dst === undefined ? '' : `${a.dst} `;
  if (h.ifindex !== 0) text += `dev ${names.device(h.ifindex)} `;
  if (a.lladdr !== undefined) text += `lladdr ${hardwareAddress(a.lladdr, names.deviceType(h.ifindex))} `;
  if (flags & ROUTER) text += 'router ';
  if (flags & PROXY) text += 'proxy ';
  if (bits(neighbourExtFlags, a.flagsExt ?? []) & MANAGED) text += 'managed ';
  if (flags & EXT_LEARNED) text += 'extern_learn ';
  if (flags & OFFLOADED) text += 'offload ';
  if (statistics) text += usageText(a);
  for (const [bit, name] of stateNames) if (state & bit) text += `${name} `;
  if (a.protocol !== undefined) text += `proto ${protocolName(a.protocol)} `;
  return `${text}\n`;
}

function stateText(state: number): string {
  if (state & PERMANENT) return 'permanent';
  if (state & NOARP) return 'static';
  if (state & STALE) return 'stale';
  return state & REACHABLE ? '' : `state=0x${state.toString(16)}`;
}

/** An entry of a forwarding database, as `bridge monitor` has it. */
export function forwardingText({ header, attributes }: DecodedMessage, names: Naming): string {
  const h = header as unknown as HeaderOf<Message>;
  const a = attributes as Attributes;
  const flags = bits(neighbourFlags, h.flags);
  let text = a.lladdr === undefined ? '' : `${hardwareAddress(a.lladdr, names.deviceType(h.ifindex))} `;
  if (h.ifindex !== 0) text += `dev ${names.device(h.ifindex)} `;
  if (a.dst !== undefined) text += `dst ${a.dst} `;
  if (a.vlan !== undefined) text += `vlan ${a.vlan} `;
  if (a.port !== undefined) text += `port ${a.port} `;
  if (a.vni !== undefined) text += `vni ${a.vni} `;
  if (a.srcVni !== undefined) text += `src_vni ${a.srcVni} `;
  if (a.ifindex !== undefined) text += `via ${names.device(a.ifindex)} `;
  if (a.nhId !== undefined) text += `nhid ${a.nhId} `;
  if (a.linkNetnsid !== undefined) text += `link-netnsid ${a.linkNetnsid} `;
  if (flags & SELF) text += 'self ';
  if (flags & ROUTER) text += 'router ';
  if (flags & EXT_LEARNED) text += 'extern_learn ';
  if (flags & OFFLOADED) text += 'offload ';
  if (flags & MASTER) text += 'master ';
  if (flags & STICKY) text += 'sticky ';
  if (bits(neighbourExtFlags, a.flagsExt ?? []) & LOCKED) text += 'locked ';
  if (a.master !== undefined) text += `master ${names.device(a.master)} `;
  return `${text}${stateText(bits(neighbourStates, h.state))}\n`;
}
