import type { DecodedMessage } from '../codec/block.js';
import { isBridgePort, type ObjectName } from './objects.js';

type Values = Readonly<Record<string, unknown>>;

const text = (...parts: unknown[]): string =>
  parts.map((part) => (part === undefined ? '' : String(part))).join('|');
const json = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'bigint'
      ? String(item)
      : item instanceof Uint8Array
        ? Buffer.from(item).toString('hex')
        : item,
  );

function routeKey(h: Values, a: Values): string {
  // routes of IPv6 without a gateway are told apart by their link: they are no next hops of one another
  const link = h.family === 10 && a.gateway === undefined && a.multipath === undefined ? a.oif : undefined;
  return text(
    h.family,
    a.table ?? h.table,
    h.dstLen,
    a.dst,
    h.srcLen,
    a.src,
    h.tos,
    a.priority,
    h.type,
    link,
  );
}

function nftablesKey(name: string, h: Values, a: Values): string | undefined {
  // new and del, and what is deleted by whoever does not mind that it is missing
  const kind = /^(?:new|del|get|destroy)(table|chain|rule|set|obj|flowtable)$/.exec(name)?.[1];
  switch (kind) {
    case 'rule':
      return text(kind, h.nfgenFamily, a.table, a.chain, a.handle);
    case 'obj':
      return text(kind, h.nfgenFamily, a.table, a.name, a.type);
    case undefined:
      return /setelem$/.test(name) ? elementKey(h, a) : undefined;
    default:
      return text(kind, h.nfgenFamily, a.table, a.name);
  }
}

/** Of a message about one element. */
function elementKey(h: Values, a: Values): string | undefined {
  const [element] = (a.elements as { elem?: readonly Values[] } | undefined)?.elem ?? [];
  if (element === undefined) return undefined;
  return text(
    'element',
    h.nfgenFamily,
    a.table,
    a.set,
    json(element.key),
    json(element.keyEnd),
    json(element.flags),
  );
}

/** Of a message about one group at one port. */
function groupKey(h: Values, a: Values): string | undefined {
  const [entry] =
    (a.mdb as { entry?: readonly { info?: readonly { header: Values; attributes: Values }[] }[] } | undefined)
      ?.entry ?? [];
  const [group] = entry?.info ?? [];
  if (group === undefined) return undefined;
  const { ifindex, vid, proto, addr } = group.header;
  return text(h.ifindex, ifindex, vid, proto, json(addr), group.attributes.source);
}

function tuple(value: unknown): string {
  return json(value);
}

/**
 * What tells one thing of a kind from the others in a namespace; undefined for messages that tell of something that
 * passes, or of something that is told in another message too.
 */
export function identityOf(
  object: ObjectName,
  { name, header: h, attributes: a }: DecodedMessage,
): string | undefined {
  const values = a as Values;
  switch (object) {
    case 'link':
      return isBridgePort({ header: h } as DecodedMessage) ? undefined : text(h.index);
    case 'address':
      return text(h.family, h.index, h.prefixlen, values.local, values.address);
    case 'route':
    case 'mroute':
      return routeKey(h, values);
    case 'neighbour':
      return text(h.family, h.ifindex, values.dst, (h.flags as unknown[]).includes('proxy'));
    case 'fdb':
      return text(
        h.ifindex,
        values.lladdr,
        values.vlan,
        values.dst,
        values.vni,
        values.srcVni,
        values.port,
        values.master === undefined,
      );
    case 'netconf':
      return text(h.family, values.ifindex);
    case 'rule':
      return text(json(h), json(values));
    case 'nsid':
      return text(values.nsid);
    case 'nexthop':
      return text(values.id);
    case 'conntrack':
      return text(h.nfgenFamily, values.id ?? '', values.id === undefined ? tuple(values.tupleOrig) : '');
    case 'nftables':
      return nftablesKey(name, h, values);
    case 'mdb':
      return groupKey(h, values);
    case 'vlan': {
      const [entry] = (values.entry as readonly { info?: { vid?: number } }[] | undefined) ?? [];
      return entry?.info === undefined ? undefined : text(h.ifindex, entry.info.vid);
    }
    default:
      return undefined;
  }
}

/** The link that something belongs to and is gone with, told or not; 0 for none. */
export function linkOfMessage(object: ObjectName, { header: h, attributes: a }: DecodedMessage): number {
  const values = a as Values;
  switch (object) {
    case 'link':
    case 'address':
      return Number(h.index ?? 0);
    case 'neighbour':
    case 'fdb':
    case 'prefix':
    case 'mdb':
    case 'vlan':
      return Number(h.ifindex ?? 0);
    case 'route':
    case 'nexthop':
      return Number(values.oif ?? 0);
    case 'netconf':
      return Math.max(0, Number(values.ifindex ?? 0));
    default:
      return 0;
  }
}

/** Attributes that say when and how often rather than what. */
const passing: Readonly<Partial<Record<ObjectName, readonly string[]>>> = {
  link: [
    'stats',
    'stats64',
    'carrierChanges',
    'carrierUpCount',
    'carrierDownCount',
    'event',
    'extMask',
    'afSpec',
    'map',
  ],
  address: ['cacheinfo'],
  route: ['cacheinfo', 'expires'],
  mroute: ['cacheinfo', 'expires', 'mfcStats'],
  neighbour: ['cacheinfo', 'probes'],
  fdb: ['cacheinfo', 'probes'],
  conntrack: [
    'timeout',
    'countersOrig',
    'countersReply',
    'use',
    'timestamp',
    'timestampEvent',
    'seqAdjOrig',
    'seqAdjReply',
    'secctx',
  ],
  // with an element's and a group's identity all is said that matters
  mdb: ['mdb', 'router'],
  nftables: ['elements', 'use', 'count', 'counters', 'position', 'expressions', 'data'],
};

/** What a message says, but for times and counts: two that say the same tell of no change. */
export function contentOf(object: ObjectName, { header, attributes }: DecodedMessage): string {
  // resId is the ruleset's generation, change tells how flags came about
  const { change: _, resId: __, ...rest } = header;
  const leave = passing[object];
  if (leave === undefined) return text(json(rest), json(attributes));
  const kept = Object.entries(attributes).filter(([key]) => !leave.includes(key));
  return text(json(rest), json(Object.fromEntries(kept)));
}
