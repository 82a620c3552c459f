import type { Namespace } from '../namespace/namespace.js';
import { type DanglingName, type Discovery, discover, idOf } from './discover.js';
import { type Answers, askEngines } from './engines/ask.js';
import { InspectError, type Problem, reason } from './errors.js';
import { NsidReader } from './nsid.js';
import { openFound } from './open.js';
import { attribute, ContainerIndex, type Owner } from './owner.js';
import { type Places, placesOf } from './places.js';
import type { NamespaceId, Reference } from './reference.js';

/** A network namespace, what it is called and whose it is. */
export interface FoundNamespace {
  readonly id: NamespaceId;
  /** Opens it. */
  readonly path: string;
  /** As selectors have them, best first: `docker:web`, `pod:default/nginx`, `netns:blue`, `pid:123`; never empty. */
  readonly names: readonly string[];
  readonly owner: Owner;
  /** Processes that are in it, ascending. */
  readonly processes: readonly number[];
  /** What the caller's namespace calls it in netlink messages, if anything. */
  readonly nsid?: number;
  /** All ways in which it was seen, best first. */
  readonly references: readonly Reference[];
}

/** The namespaces of a host. */
export interface Inventory {
  /** Each once: the host's first, then by name. */
  readonly namespaces: readonly FoundNamespace[];
  readonly dangling: readonly DanglingName[];
  /** Numbers of namespaces that the kernel knows, and nothing else leads to. */
  readonly unreached: readonly number[];
  /** What could not be asked or looked at. */
  readonly problems: readonly Problem[];
  /** The caller's own namespace. */
  readonly self: NamespaceId;
}

export interface InventoryOptions {
  readonly places?: Places;
  /** Whether engines and their files are asked for the names of containers; true by default. */
  readonly engines?: boolean;
  /** Whether netlink's numbers are asked for; true by default. Without them, all is told by files alone. */
  readonly nsids?: boolean;
  /** ms that each engine may take; 1000 by default. */
  readonly timeout?: number;
}

/** The namespace of the first process; where that may not be looked at, or is elsewhere, the caller's. */
function hostOf(places: Places, { namespaces, self }: Discovery): NamespaceId {
  const first = idOf(`${places.proc}/1/ns/net`);
  return first !== undefined && namespaces.some(({ id }) => id.inode === first.inode) ? first : self;
}

function byName(a: FoundNamespace, b: FoundNamespace): number {
  const host = Number(b.owner.kind === 'host') - Number(a.owner.kind === 'host');
  return host || (a.names[0] as string).localeCompare(b.names[0] as string, 'en', { numeric: true });
}

/** Finds every network namespace of the host and tells whose it is. What cannot be asked is told, not thrown. */
export async function inventory(options: InventoryOptions = {}): Promise<Inventory> {
  const { places = placesOf() } = options;
  const { engines = true, timeout = 1000 } = options;
  // asked first: what they tell of must not be newer than what is seen
  const asked: Answers = engines ? await askEngines(places, timeout) : { containers: [], problems: [] };
  const numbers = new Numbers(options.nsids !== false);
  const discovery = discover(places);
  const containers = new ContainerIndex(asked.containers);
  const whereabouts = new Map<number, number>();
  for (const { id, processes } of discovery.namespaces)
    for (const pid of processes) whereabouts.set(pid, id.inode);
  const residents = containers.byInode(whereabouts);
  const host = hostOf(places, discovery);
  const namespaces = discovery.namespaces.map((seen): FoundNamespace => {
    const here = residents.get(seen.id.inode) ?? [];
    const about = { proc: places.proc, containers, here, host: seen.id.inode === host.inode };
    const { id, references, processes } = seen;
    const [best] = references;
    return { id, path: (best as Reference).path, ...attribute(seen, about), processes, references };
  });
  const numbered = numbers.tell(namespaces);
  numbers.close();
  return {
    namespaces: numbered.namespaces.sort(byName),
    dangling: discovery.dangling,
    unreached: numbered.unreached,
    problems: [...discovery.problems, ...asked.problems, ...numbered.problems],
    self: discovery.self,
  };
}

interface Numbered {
  namespaces: FoundNamespace[];
  unreached: number[];
  problems: Problem[];
}

/** Namespaces that are open at the same time. */
const AT_ONCE = 64;

/** Leaves those out that are gone; those that may not be opened stay as they are, and why is noted. */
function numberSome(
  namespaces: readonly FoundNamespace[],
  reader: NsidReader,
  refused: unknown[],
): FoundNamespace[] {
  const opened: { readonly found: FoundNamespace; readonly namespace: Namespace | undefined }[] = [];
  try {
    for (const found of namespaces) {
      try {
        opened.push({ found, namespace: openFound(found) });
      } catch (error) {
        if (error instanceof InspectError) continue;
        refused.push(error);
        opened.push({ found, namespace: undefined });
      }
    }
    const numbers = reader.ofAll(opened.flatMap(({ namespace }) => namespace?.fd ?? []));
    let at = 0;
    return opened.map(({ found, namespace }) => {
      const nsid = namespace === undefined ? undefined : numbers[at++];
      return nsid === undefined ? found : { ...found, nsid };
    });
  } finally {
    for (const { namespace } of opened) namespace?.close();
  }
}

/**
 * Tells the numbers of namespaces; leaves those out that are gone by now. `before`: the numbers that there were before the
 * namespaces were looked for: a number that came later may be of one that came later.
 */
function number(
  namespaces: readonly FoundNamespace[],
  before: readonly number[],
  reader: NsidReader,
): Numbered {
  const refused: unknown[] = [];
  const found: FoundNamespace[] = [];
  for (let at = 0; at < namespaces.length; at += AT_ONCE)
    found.push(...numberSome(namespaces.slice(at, at + AT_ONCE), reader, refused));
  const still = new Set(reader.all());
  const reached = new Set(found.map(({ nsid }) => nsid));
  const unreached = before.filter((nsid) => still.has(nsid) && !reached.has(nsid));
  const [first] = refused;
  const message = `${refused.length} namespaces could not be opened: ${reason(first)}`;
  const problems = first === undefined ? [] : [{ source: 'nsid', message }];
  return { namespaces: found, unreached: unreached.sort((a, b) => a - b), problems };
}

/** Netlink's numbers, where they can be asked for. */
class Numbers {
  readonly #reader: NsidReader | undefined;
  readonly #before: readonly number[] = [];
  #problem: Problem | undefined;

  constructor(wanted: boolean) {
    if (!wanted) return;
    try {
      this.#reader = NsidReader.open();
      this.#before = this.#reader.all();
    } catch (error) {
      this.#problem = { source: 'nsid', message: reason(error) };
    }
  }

  tell(namespaces: FoundNamespace[]): Numbered {
    const plain = { namespaces, unreached: [] };
    if (this.#reader === undefined || this.#problem !== undefined)
      return { ...plain, problems: this.#problem === undefined ? [] : [this.#problem] };
    try {
      return number(namespaces, this.#before, this.#reader);
    } catch (error) {
      return { ...plain, problems: [{ source: 'nsid', message: reason(error) }] };
    }
  }

  close(): void {
    this.#reader?.close();
  }
}
