import { readFileSync } from 'node:fs';
import { parseCgroup } from './cgroup.js';
import { type Container, joined, type Pod } from './container.js';
import { idOf, type SeenNamespace } from './discover.js';
import { commandOf } from './processes.js';

/** Who a namespace belongs to. */
export interface Owner {
  /** `host`: it is that of the first process. `name`: nothing but its name is known. */
  readonly kind: 'host' | 'container' | 'pod' | 'machine' | 'unit' | 'cgroup' | 'process' | 'name';
  /** `web`, `default/nginx`, `ssh.service`, `sleep`, … */
  readonly name: string;
  /** Of containers and pods. */
  readonly engine?: string;
  /** Of the container that has the namespace. */
  readonly container?: string;
  /** Containers that use it, by their ids. */
  readonly containers?: readonly string[];
  readonly pod?: Pod;
  readonly compose?: { readonly project: string; readonly service: string };
  /** Of containers: networks of the engine, or of CNI, that it is attached to. */
  readonly networks?: readonly string[];
  /** The process that the namespace was found by. */
  readonly pid?: number;
}

/** How many of a namespace's processes are asked for their cgroup. */
const ASKED = 8;

/** Containers by all that may lead to them. */
export class ContainerIndex {
  readonly #byId = new Map<string, Container>();

  constructor(containers: readonly Container[]) {
    for (const container of containers) this.#add(container);
  }

  #add(container: Container): void {
    const known = this.#byId.get(container.id);
    this.#byId.set(container.id, known === undefined ? container : joined(known, container));
  }

  get(id: string): Container | undefined {
    return this.#byId.get(id);
  }

  /** By the inode of the namespace that each says it is in. */
  byInode(members: ReadonlyMap<number, number>): ReadonlyMap<number, Container[]> {
    const found = new Map<number, Container[]>();
    for (const container of this.#byId.values()) {
      const { inode, path, pid } = container;
      const member = pid === undefined ? undefined : members.get(pid);
      // a number of a process in a path may be another's by now
      const bound = path === undefined || path.startsWith('/proc/') ? undefined : idOf(path)?.inode;
      const where = inode ?? member ?? bound;
      if (where === undefined) continue;
      const there = found.get(where);
      if (there === undefined) found.set(where, [container]);
      else there.push(container);
    }
    return found;
  }
}

const shortId = (id: string): string => (/^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id);

/** The name that a container's selector has. */
function containerName({ engine, name, id }: Container): string {
  return `${engine ?? 'container'}:${name ?? shortId(id)}`;
}

/** Who has the namespace comes before who is its guest. */
function byRank(a: Container, b: Container): number {
  const rank = ({ sandbox, guest, networks = [] }: Container): number => {
    if (sandbox) return 0;
    if (guest) return 3;
    return networks.length > 0 ? 1 : 2;
  };
  return rank(a) - rank(b);
}

function ownerOfContainer(container: Container): Owner {
  const { engine, id, name, pod, compose, networks = [] } = container;
  return {
    kind: pod === undefined ? 'container' : 'pod',
    name: pod === undefined ? (name ?? shortId(id)) : `${pod.namespace}/${pod.name}`,
    ...(engine === undefined ? {} : { engine }),
    container: id,
    ...(pod === undefined ? {} : { pod }),
    ...(compose === undefined ? {} : { compose }),
    ...(networks.length === 0 ? {} : { networks }),
  };
}

/** What a namespace is called, best first, and whose it is. */
export interface Attribution {
  readonly names: readonly string[];
  readonly owner: Owner;
}

export interface AttributionOptions {
  readonly proc: string;
  readonly containers: ContainerIndex;
  /** Containers that say that they are in this namespace. */
  readonly here: readonly Container[];
  readonly host: boolean;
}

/** Tells whose a namespace is: of the containers that are in it, else of its processes' cgroup, else by its name. */
export function attribute(seen: SeenNamespace, options: AttributionOptions): Attribution {
  const { proc, containers, host } = options;
  const own = seen.references.flatMap(({ name }) => (name === undefined ? [] : [name]));
  const here = new Map(options.here.map((container) => [container.id, container]));
  let other: Owner | undefined;
  for (const pid of host ? [] : seen.processes.slice(0, ASKED)) {
    const found = cgroupOf(proc, pid);
    if (found?.container !== undefined) {
      const { id, engine } = found.container;
      here.set(id, joined(here.get(id) ?? containers.get(id) ?? { id }, { id, engine }));
    } else if (found?.machine !== undefined) {
      other ??= { kind: 'machine', name: found.machine, pid };
    } else if (found?.unit !== undefined) {
      other ??= { kind: 'unit', name: found.unit, pid };
    }
  }
  const all = [...here.values()].sort(byRank);
  const pods = all.flatMap(({ pod }) => (pod === undefined ? [] : [`pod:${pod.namespace}/${pod.name}`]));
  const groups = all.flatMap(({ group, compose }) => [
    ...(group === undefined ? [] : [`podman:${group}`]),
    ...(compose === undefined ? [] : [`compose:${compose.project}/${compose.service}`]),
  ]);
  const names = [
    ...(host ? ['host'] : []),
    ...pods,
    ...all.map(containerName),
    ...groups,
    ...(other === undefined || all.length > 0 ? [] : [`${other.kind}:${other.name}`]),
    ...own,
  ];
  const unique = [...new Set(names)];
  if (host) return { names: unique, owner: { kind: 'host', name: 'host' } };
  if (all[0] !== undefined) return { names: unique, owner: ownerOfContainer(all[0]) };
  if (other !== undefined) return { names: unique, owner: other };
  return byProcess(seen, unique, proc);
}

function cgroupOf(proc: string, pid: number): ReturnType<typeof parseCgroup> {
  try {
    return parseCgroup(readFileSync(`${proc}/${pid}/cgroup`, 'utf8'));
  } catch {
    return undefined; // ended meanwhile
  }
}

function byProcess(seen: SeenNamespace, names: readonly string[], proc: string): Attribution {
  const [pid] = seen.processes;
  const [name] = names;
  if (name !== undefined) {
    const owner: Owner = { kind: 'name', name: name.slice(name.indexOf(':') + 1) };
    return { names, owner: pid === undefined ? owner : { ...owner, pid } };
  }
  const holder = pid ?? seen.references.find((reference) => reference.pid !== undefined)?.pid;
  if (holder !== undefined) {
    const command = commandOf(proc, holder) || String(holder);
    return { names: [`pid:${holder}`], owner: { kind: 'process', name: command, pid: holder } };
  }
  const [{ path } = { path: '' }] = seen.references;
  return { names: [path], owner: { kind: 'name', name: path } };
}
