import type { DecodedMessage } from '../codec/block.js';
import { addressJson } from '../inspect/iproute/address.js';
import { compact, type Json } from '../inspect/iproute/common.js';
import { linkJson } from '../inspect/iproute/link.js';
import { neighbourJson } from '../inspect/iproute/neighbour.js';
import { routeJson } from '../inspect/iproute/route.js';
import { ruleJson } from '../inspect/iproute/rule.js';
import { printableJson } from '../inspect/printable.js';
import { addressOf } from '../network/addresses.js';
import { linkOf } from '../network/links.js';
import { neighbourOf } from '../network/neighbours.js';
import { routeOf } from '../network/routes.js';
import { ruleOf } from '../network/rules.js';
import { type FamilyName, familyName } from '../network/values.js';
import type { MonitorEvent } from './events.js';
import { HeardLinks } from './heard-links.js';
import type { ObjectName } from './objects.js';
import type { Place } from './text/names.js';

/** Making an item may use its message up. */
const copied = (message: DecodedMessage): DecodedMessage => ({
  ...message,
  header: { ...message.header },
  attributes: { ...message.attributes },
});

const rpFilters = ['off', 'strict', 'loose'];
const switched = (value: unknown): boolean | undefined => (value === undefined ? undefined : value !== 0);

function netconfJson({ header, attributes: a }: DecodedMessage, place: Place): Json {
  const index = Number(a.ifindex ?? 0);
  return compact({
    family: familyName(Number(header.family)),
    interface: index === -1 ? 'all' : index === -2 ? 'default' : place.device(index),
    forwarding: switched(a.forwarding),
    rp_filter: a.rpFilter === undefined ? undefined : rpFilters[Number(a.rpFilter)],
    mc_forwarding: switched(a.mcForwarding),
    proxy_neigh: switched(a.proxyNeigh),
    ignore_routes_with_linkdown: switched(a.ignoreRoutesWithLinkdown),
    input: switched(a.input),
  });
}

function forwardingJson({ header: h, attributes: a }: DecodedMessage, place: Place): Json {
  const state = h.state as readonly string[];
  const marks = h.flags as readonly string[];
  return compact({
    mac: a.lladdr,
    ifname: place.device(Number(h.ifindex)),
    dst: a.dst,
    vlan: a.vlan,
    port: a.port,
    vni: a.vni,
    flags: marks,
    master: a.master === undefined ? undefined : place.device(Number(a.master)),
    state: state.includes('permanent') ? 'permanent' : state.includes('noarp') ? 'static' : state[0],
  });
}

/** With the kernel's names, those of the schemas; links by name too. */
function plainJson({ name, header, attributes }: DecodedMessage, place: Place): Json {
  const { ifindex, oif } = { ...header, ...attributes } as { ifindex?: number; oif?: number };
  const index = ifindex ?? oif;
  return compact({
    message: name,
    dev: index === undefined ? undefined : place.device(index),
    ...header,
    ...attributes,
  });
}

function itemJson(object: ObjectName, message: DecodedMessage, place: Place): Json {
  const links = new HeardLinks(place);
  switch (object) {
    case 'link':
      return linkJson(linkOf(copied(message)), links);
    case 'address': {
      const address = addressOf(copied(message));
      return { ifindex: address.index, dev: place.device(address.index), ...addressJson(address) };
    }
    case 'route':
    case 'mroute':
      return routeJson(routeOf(copied(message)), links, { tables: true });
    case 'rule':
      return ruleJson(ruleOf(copied(message)));
    case 'neighbour':
      return neighbourJson(neighbourOf(copied(message)), links);
    case 'fdb':
      return forwardingJson(message, place);
    case 'netconf':
      return netconfJson(message, place);
    case 'nsid': {
      const { nsid } = message.attributes as { nsid?: number };
      return compact({ nsid, name: nsid === undefined ? undefined : place.namespace(nsid) });
    }
    default:
      return plainJson(message, place);
  }
}

const families: Readonly<Record<string, FamilyName>> = { ipv4: 'inet', ipv6: 'inet6' };

function familyOf({ header }: DecodedMessage): FamilyName | string | number | undefined {
  if (typeof header.family === 'number') return header.family === 0 ? undefined : familyName(header.family);
  const family = header.nfgenFamily as string | undefined;
  return family === undefined ? undefined : (families[family] ?? family);
}

let lastSecond = -1;
let lastSecondText = '';

/** `2026-11-25T23:19:01.123456Z` */
export function timeText(microseconds: number): string {
  const second = Math.floor(microseconds / 1_000_000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastSecondText = new Date(second * 1000).toISOString().slice(0, 19);
  }
  return `${lastSecondText}.${String(microseconds % 1_000_000).padStart(6, '0')}Z`;
}

/**
 * An event as JSON has it: `{ time, namespace, event, object, family, item }`. Links, addresses, routes, rules,
 * neighbours, netconf and forwarding entries are as `ip -j` and `bridge -j` print them, the rest has the kernel's names.
 */
export function eventJson(event: MonitorEvent): Json {
  const time = timeText(event.time);
  if (event.event === 'resync') {
    const problems = event.problems.map(({ space, reason }) => ({ namespace: space.name, reason }));
    return { time, event: 'resync', differences: event.differences, problems };
  }
  const { space } = event;
  const head = { time, namespace: space.name, inode: space.inode, event: event.event, object: event.object };
  if (event.object === 'namespace') return head;
  return compact({
    ...head,
    family: familyOf(event.message),
    found: event.found || undefined,
    item: itemJson(event.object, event.message, space),
  });
}

/** Those whose items have the kernel's values, with bytes and 64-bit numbers among them. */
const raw: readonly string[] = ['prefix', 'nexthop', 'mdb', 'vlan', 'nftables', 'conntrack'];

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'bigint' ? String(value) : value;
}

/** `eventJson` as text. Bytes are hexadecimal digits, numbers that JSON cannot hold are text. */
export function eventJsonText(event: MonitorEvent): string {
  const json = eventJson(event);
  // asking about each value takes longer than all the rest
  if ('object' in event && raw.includes(event.object)) return printableJson(JSON.stringify(json, plain));
  try {
    return printableJson(JSON.stringify(json));
  } catch {
    return printableJson(JSON.stringify(json, plain));
  }
}
