import { Netfilter } from '../../netfilter/netfilter.js';
import type { Link } from '../../network/links.js';
import { type DescribedNamespace, describe, forEach } from '../contents.js';
import { askNetworks } from '../engines/ask.js';
import type { EngineNetwork } from '../engines/network.js';
import { reason } from '../errors.js';
import { type InventoryOptions, inventory } from '../inventory.js';
import { openFound } from '../open.js';
import { placesOf } from '../places.js';
import type { Graph, GraphEdge, GraphInterface, GraphNamespace, PublishedPort } from './model.js';
import { NumberResolver } from './peers.js';
import { readPublished } from './published.js';

interface LinkData {
  readonly id?: number;
  readonly group?: string;
  readonly group6?: string;
  readonly mode?: string;
  readonly table?: number;
  readonly type?: string;
  readonly vlanFiltering?: number;
  readonly remote?: string;
}

/** What is particular to a link of a kind. */
function detailOf({ kind, data }: Link): string | undefined {
  const { id, group, group6, mode, table, type, vlanFiltering, remote } = (data ?? {}) as LinkData;
  switch (kind) {
    case 'vxlan':
    case 'geneve': {
      const far = group ?? group6 ?? remote;
      return `id ${id}${far === undefined ? '' : ` to ${far}`}`;
    }
    case 'vlan':
      return `id ${id}`;
    case 'macvlan':
    case 'macvtap':
    case 'ipvlan':
    case 'ipvtap':
    case 'bond':
      return mode;
    case 'vrf':
      return table === undefined ? undefined : `table ${table}`;
    case 'tun':
      return type;
    case 'bridge':
      return vlanFiltering ? 'filters VLANs' : undefined;
    default:
      return undefined;
  }
}

const idOf = (namespace: number, index: number): string => `${namespace}:${index}`;

const LINK_SCOPE = 253;

/** Networks of engines that a link of the host is there for. */
function networksOn(
  { owner }: DescribedNamespace,
  { ifname }: Link,
  networks: readonly EngineNetwork[],
): string[] {
  if (owner.kind !== 'host') return [];
  return networks.filter(({ link }) => link === ifname).map(({ engine, name }) => `${engine}:${name}`);
}

function interfaceOf(
  found: DescribedNamespace,
  link: Link,
  elsewhere: string | undefined,
  networks: readonly string[],
): GraphInterface {
  const { index, ifname, kind, up, operstate, address, mtu, type } = link;
  const own = (found.addresses ?? []).filter((one) => one.index === index);
  const wide = own.filter(({ scope }) => scope !== LINK_SCOPE);
  const LOOPBACK = 772;
  const detail = detailOf(link);
  return {
    id: idOf(found.id.inode, index),
    index,
    name: ifname,
    kind: kind ?? (type === LOOPBACK ? 'loopback' : 'physical'),
    ...(detail === undefined ? {} : { detail }),
    ...(networks.length === 0 ? {} : { networks }),
    up,
    state: String(operstate ?? 'unknown'),
    ...(address === undefined ? {} : { mac: address }),
    mtu: mtu ?? 0,
    addresses: wide.map((one) => one.address),
    ...(elsewhere === undefined ? {} : { elsewhere }),
  };
}

/** Kinds whose `link` is the other end and not what they are made on. */
const pairs: readonly (string | undefined)[] = ['veth', 'netkit', 'vxcan'];

/** Finds what each link is connected to. */
class Connections {
  readonly #all: readonly DescribedNamespace[];
  readonly #numbers: NumberResolver;
  readonly #byIndex = new Map<number, DescribedNamespace[]>();
  readonly edges: GraphEdge[] = [];
  /** By link: the number that a namespace which was not found has. */
  readonly lost = new Map<string, string>();

  constructor(all: readonly DescribedNamespace[], numbers: NumberResolver) {
    this.#all = all;
    this.#numbers = numbers;
    for (const found of all) {
      for (const { index } of found.links ?? []) {
        const there = this.#byIndex.get(index);
        if (there === undefined) this.#byIndex.set(index, [found]);
        else there.push(found);
      }
    }
  }

  find(): void {
    for (const found of this.#all) for (const link of found.links ?? []) this.#connect(found, link);
  }

  #connect(found: DescribedNamespace, link: Link): void {
    const { index, master, kind, linkNetnsid: number } = link;
    const id = idOf(found.id.inode, index);
    if (master) this.edges.push({ kind: 'port', from: id, to: idOf(found.id.inode, master) });
    const below = link.link ?? this.#underlay(link);
    if (!below) return;
    const there = number === undefined ? found : this.#namespaceOf(found, link, below, number);
    if (there === undefined) {
      this.lost.set(id, `nsid ${number}`);
      return;
    }
    const other = idOf(there.id.inode, below);
    if (!pairs.includes(kind)) this.edges.push({ kind: 'lower', from: id, to: other });
    else if (id < other || !this.#has(there, below)) this.edges.push({ kind: 'veth', from: id, to: other });
  }

  #has(found: DescribedNamespace, index: number): boolean {
    return found.links?.some((link) => link.index === index) === true;
  }

  /** What a vxlan sends over. */
  #underlay({ kind, data }: Link): number | undefined {
    return kind === 'vxlan' || kind === 'geneve' ? (data as { link?: number } | undefined)?.link : undefined;
  }

  /** Where the link `below` is: the ends of a pair name each other, which leaves few to be asked. */
  #namespaceOf(
    found: DescribedNamespace,
    { index, kind }: Link,
    below: number,
    number: number,
  ): DescribedNamespace | undefined {
    const candidates = (this.#byIndex.get(below) ?? []).filter(
      (other) =>
        !pairs.includes(kind) ||
        other.links?.some((link) => link.index === below && link.kind === kind && link.link === index),
    );
    return this.#numbers.find(found, number, candidates) as DescribedNamespace | undefined;
  }
}

/** Where an address is, which may be in several namespaces: then the one that is connected to where it was asked. */
function ownerOf(
  address: string,
  all: readonly DescribedNamespace[],
  connected: ReadonlySet<number>,
): string | undefined {
  const owners = all.flatMap((found) =>
    (found.addresses ?? [])
      .filter((one) => one.address.startsWith(`${address}/`))
      .map(({ index }) => ({ namespace: found.id.inode, id: idOf(found.id.inode, index) })),
  );
  return (owners.find(({ namespace }) => connected.has(namespace)) ?? owners[0])?.id;
}

/** Namespaces at the other ends of edges. */
function neighboursOf(namespace: number, edges: readonly GraphEdge[]): Set<number> {
  const found = new Set<number>();
  for (const { from, to } of edges) {
    const [a, b] = [from, to].map((id) => Number(id.split(':')[0])) as [number, number];
    if (a === namespace) found.add(b);
    if (b === namespace) found.add(a);
  }
  return found;
}

async function publishedBy(
  found: DescribedNamespace,
  self: number,
  all: readonly DescribedNamespace[],
  edges: readonly GraphEdge[],
): Promise<PublishedPort[]> {
  const open = async (): Promise<Netfilter> => {
    if (found.id.inode === self) return await Netfilter.open();
    using namespace = openFound(found);
    return await Netfilter.open({ namespace });
  };
  await using netfilter = await open();
  // what leads to a loopback leads nowhere else: Docker's name server, say
  const ports = (await readPublished(netfilter)).filter(({ address }) => !/^(127\.|::1$)/.test(address));
  const connected = ports.length > 0 ? neighboursOf(found.id.inode, edges) : new Set<number>();
  return ports.map((port) => {
    const to = ownerOf(port.address, all, connected);
    return { at: String(found.id.inode), ...port, ...(to === undefined ? {} : { to }) };
  });
}

/** A namespace that may lead to others: it has more than a loopback and one interface. */
const mayForward = ({ links = [] }: DescribedNamespace): boolean => links.length > 2;

export interface GraphOptions extends InventoryOptions {
  /** Only these namespaces, told by their inodes; all by default. */
  readonly only?: ReadonlySet<number>;
}

/** Reads how the namespaces of this host are connected. What cannot be read is told among the problems. */
export async function readGraph(options: GraphOptions = {}): Promise<Graph> {
  const { only, ...rest } = options;
  const { places = placesOf(), engines = true, timeout = 1000 } = rest;
  const [found, networks] = await Promise.all([inventory(rest), engines ? askNetworks(places, timeout) : []]);
  const self = found.self.inode;
  const chosen = found.namespaces.filter(({ id }) => only === undefined || only.has(id.inode));
  const all = await describe(chosen, self);
  const numbers = new NumberResolver(self);
  const connections = new Connections(all, numbers);
  try {
    connections.find();
  } finally {
    numbers.close();
  }
  const { edges, lost } = connections;
  const problems = [...found.problems];
  const published = await forEach(all.filter(mayForward), async (one) => {
    try {
      return await publishedBy(one, self, all, edges);
    } catch (error) {
      problems.push({ source: one.names[0] as string, message: `published ports: ${reason(error)}` });
      return [];
    }
  });
  const namespaces = all.map((one): GraphNamespace => {
    const interfaces = (one.links ?? []).map((link) =>
      interfaceOf(one, link, lost.get(idOf(one.id.inode, link.index)), networksOn(one, link, networks)),
    );
    return {
      id: String(one.id.inode),
      name: one.names[0] as string,
      names: one.names,
      owner: one.owner,
      processes: one.processes.length,
      interfaces: interfaces.sort((a, b) => a.index - b.index),
      ...(one.problem === undefined ? {} : { problem: one.problem.message }),
    };
  });
  const known = new Set(namespaces.flatMap(({ interfaces }) => interfaces.map(({ id }) => id)));
  return {
    namespaces,
    edges: edges.filter(({ from, to }) => known.has(from) && known.has(to)),
    published: published.flat(),
    problems,
  };
}
