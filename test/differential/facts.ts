import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Json } from '../plugins/support/host.js';
import { isOfLink, isSettling, withoutCounts } from '../plugins/support/normalise.js';
import type { Lab } from '../support/lab.js';
import type { Names } from './names.js';
import { defaultQdiscs, type Link, type Picture } from './picture.js';

/**
 * What is seen of a side: a name of the thing (`pod1 route default via 10.62.0.1 dev eth0`), and what is so about it.
 * Nothing in it is random or counts something, so that two sides can be compared.
 */
export type Facts = Map<string, string>;

/** Flags that a side sets; the others say how far the kernel has come with it. */
const flags = ['UP', 'BROADCAST', 'PROMISC', 'ALLMULTI', 'NOARP', 'MULTICAST', 'POINTOPOINT'];

const linkKeys = [
  'mtu',
  'txqlen',
  'group',
  'link_type',
  'promiscuity',
  'allmulti',
  'ifalias',
  'inet6_addr_gen_mode',
];

/** Identities, timers and states of a link's own kind: they differ from run to run. */
const passing =
  /timer|_id$|^root|^designated|carrier|^bridge$|_no$|^no$|^state$|fdb|^hwaddr$|^topology|^hash|^address$/;

function linkFacts(
  place: string,
  { links }: Picture,
  names: Names,
  all: Readonly<Record<string, Picture>>,
  facts: Facts,
): void {
  for (const link of links) {
    const name = `${place} link ${names.link(link.ifname)}`;
    facts.set(name, link.linkinfo?.info_kind ?? String(link.link_type));
    for (const key of linkKeys) if (link[key] !== undefined) facts.set(`${name} ${key}`, String(link[key]));
    facts.set(`${name} flags`, flags.filter((flag) => link.flags.includes(flag)).join());
    if (link.master !== undefined) facts.set(`${name} master`, names.link(link.master));
    if (link.address !== undefined) {
      facts.set(`${name} address`, names.given.includes(link.address) ? link.address : 'drawn');
    }
    const peer = peerOf(link, place, all, names);
    if (peer !== undefined) facts.set(`${name} below`, peer);
    for (const [kind, data] of Object.entries({
      data: link.linkinfo?.info_data,
      port: link.linkinfo?.info_slave_data,
    })) {
      for (const [key, value] of Object.entries(data ?? {})) {
        if (!passing.test(key)) facts.set(`${name} ${kind}.${key}`, names.text(JSON.stringify(value)));
      }
    }
  }
}

/** The link that another one is a pair with, or on top of. */
function peerOf(
  link: Link,
  place: string,
  all: Readonly<Record<string, Picture>>,
  names: Names,
): string | undefined {
  if (link.link !== undefined) return `${place} ${names.link(link.link)}`;
  if (link.link_index === undefined) return undefined;
  for (const [where, { links }] of Object.entries(all)) {
    const other = links.find(({ ifindex }) => ifindex === link.link_index);
    if (where === place || other === undefined) continue;
    const isPair = link.linkinfo?.info_kind === 'veth';
    if (!isPair || other.link_index === link.ifindex) return `${where} ${names.link(other.ifname)}`;
  }
  return 'elsewhere';
}

function addressFacts(place: string, { addresses }: Picture, names: Names, facts: Facts): void {
  for (const { ifname, addr_info: all } of addresses) {
    for (const {
      local,
      prefixlen,
      address,
      scope,
      broadcast,
      label,
      nodad,
      noprefixroute,
      mngtmpaddr,
    } of all) {
      if (scope === 'link') continue;
      const name = `${place} address ${names.link(ifname)} ${local}/${prefixlen}`;
      facts.set(
        name,
        JSON.stringify({
          peer: address,
          scope,
          broadcast,
          label: names.link(String(label ?? '')),
          nodad,
          noprefixroute,
          mngtmpaddr,
        }),
      );
    }
  }
}

const routeKeys = [
  'type',
  'dst',
  'gateway',
  'via',
  'dev',
  'prefsrc',
  'scope',
  'metric',
  'table',
  'protocol',
  'metrics',
  'nexthops',
  'pref',
];

function routeFacts(place: string, { routes, rules }: Picture, names: Names, facts: Facts): void {
  for (const route of routes) {
    const { dst, type } = route;
    if (isOfLink(type, dst) || isSettling(type, dst)) continue;
    const parts = routeKeys
      .filter((key) => route[key] !== undefined && !(key === 'type' && route.type === 'unicast'))
      .map((key) => `${key} ${typeof route[key] === 'string' ? route[key] : JSON.stringify(route[key])}`);
    if ((route.flags as string[] | undefined)?.includes('onlink')) parts.push('onlink');
    facts.set(`${place} route ${names.text(parts.join(' '))}`, 'present');
  }
  for (const {
    family,
    priority,
    src,
    srclen,
    dst,
    dstlen,
    table,
    iif,
    oif,
    fwmark,
    l3mdev,
    protocol,
  } of rules) {
    const rule = { src, srclen, dst, dstlen, table, iif, oif, fwmark, l3mdev, protocol };
    facts.set(`${place} rule ${family} ${priority} ${JSON.stringify(rule)}`, 'present');
  }
}

function qdiscFacts(place: string, { lab, qdiscs }: Picture, names: Names, facts: Facts): void {
  for (const { kind, dev, handle, root, parent, options } of qdiscs) {
    if (defaultQdiscs.includes(String(kind))) continue;
    const link = names.link(String(dev));
    facts.set(`${place} qdisc ${link} ${kind}`, JSON.stringify({ handle, root, parent, options }));
    if (kind !== 'ingress' && kind !== 'clsact') continue;
    const filters = JSON.parse(
      lab.run('tc', '-j', '-d', 'filter', 'show', 'dev', String(dev), 'parent', String(handle)),
    ) as Json[];
    facts.set(`${place} filters ${link}`, withoutIndexes(filters));
  }
}

/** Filters and their actions, without the numbers that the kernel gives them. */
function withoutIndexes(filters: Json[]): string {
  return JSON.stringify(filters, (key, value: unknown) =>
    [
      'index',
      'ref',
      'bind',
      'used_hw_stats',
      'not_in_hw',
      'installed',
      'last_used',
      'first_used',
      'ifindex',
    ].includes(key)
      ? undefined
      : value,
  );
}

const ownedByIptables = /^(filter|nat|mangle|raw|security)$/;

function nftFacts(place: string, { lab, nftables }: Picture, names: Names, facts: Facts): void {
  let families: string[] = [];
  const rules = new Map<string, string[]>();
  for (const item of nftables) {
    const [kind = '', body] = Object.entries(item)[0] as [string, Json];
    if (kind === 'metainfo') continue;
    const { handle: _handle, ...rest } = body;
    const family = String(body.family);
    const table = String(kind === 'table' ? body.name : body.table);
    if (/^ip6?$/.test(family) && ownedByIptables.test(table)) {
      families = [...new Set([...families, family])];
      continue;
    }
    const text = names.text(
      JSON.stringify(rest, (key, value: unknown) => (key === 'counter' ? 'counter' : value)),
    );
    if (kind === 'rule') {
      const chain = `${place} nft ${family} ${table} ${body.chain} rules`;
      rules.set(chain, [...(rules.get(chain) ?? []), text]);
    } else
      facts.set(
        names.text(`${place} nft ${kind} ${family} ${table} ${kind === 'table' ? '' : body.name}`.trimEnd()),
        text,
      );
  }
  for (const [chain, texts] of rules) facts.set(names.text(chain), texts.join('\n'));
  for (const family of families) iptablesFacts(place, lab, family, names, facts);
}

/** By chain, since the order in one matters. */
function iptablesFacts(place: string, lab: Lab, family: string, names: Names, facts: Facts): void {
  let table = '';
  const text = withoutCounts(lab.run(family === 'ip' ? 'iptables-save' : 'ip6tables-save'));
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    const chain = /^(?::|-A )(\S+)/.exec(line)?.[1];
    if (chain === undefined) continue;
    const name = `${place} iptables ${family} ${table} ${chain}`;
    const before = facts.get(name);
    facts.set(name, names.text(before === undefined ? line.trim() : `${before}\n${line}`));
  }
}

function bridgeFacts(place: string, { lab, links }: Picture, names: Names, facts: Facts): void {
  if (!links.some(({ linkinfo }) => linkinfo?.info_data?.vlan_filtering === 1)) return;
  for (const { ifname, vlans } of JSON.parse(lab.run('bridge', '-j', 'vlan', 'show')) as {
    ifname: string;
    vlans: Json[];
  }[]) {
    facts.set(`${place} vlans ${names.link(ifname)}`, JSON.stringify(vlans));
  }
}

/** Of every interface, by the name that it has on both sides. */
function sysctlFacts(place: string, { sysctls }: Picture, names: Names, facts: Facts): void {
  for (const [key, value] of sysctls) facts.set(`${place} sysctl ${names.text(key)}`, value);
}

/** Files below a directory: permissions and content. */
export function fileFacts(directory: string, facts: Facts): void {
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const mode = (statSync(path).mode & 0o7777).toString(8);
    const content = entry.isFile()
      ? ` ${JSON.stringify(readFileSync(path, 'utf8').replaceAll(directory, '$DIR'))}`
      : '';
    facts.set(`files ${relative(directory, path)}`, `${mode}${content}`);
  }
}

/** Everything that is seen of some namespaces. */
export function stateFacts(pictures: Readonly<Record<string, Picture>>, names: Names): Facts {
  const facts: Facts = new Map();
  for (const [place, one] of Object.entries(pictures)) {
    linkFacts(place, one, names, pictures, facts);
    addressFacts(place, one, names, facts);
    routeFacts(place, one, names, facts);
    qdiscFacts(place, one, names, facts);
    nftFacts(place, one, names, facts);
    bridgeFacts(place, one, names, facts);
    sysctlFacts(place, one, names, facts);
  }
  return facts;
}
