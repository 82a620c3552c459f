import type { Sandbox, Side } from '../../cni/plugin.js';
import type { Namespace } from '../../namespace/namespace.js';
import { NetlinkError } from '../../netlink/errors.js';
import { Network } from '../../network/network.js';
import { nsid } from '../../schema/nsid.js';

interface Waiting {
  /** Of the end on the host. */
  readonly index: number;
  done(error?: unknown): void;
}

/** The number that a namespace has for another one; undefined when it has none. */
async function numberOf(other: Namespace, { network }: Side): Promise<number | undefined> {
  const [answer] = await network.executor.execute(() => ({
    message: nsid.messages.getnsid,
    flags: 0x4 | 0x1,
    header: {},
    attributes: { fd: other.fd },
  }));
  const number = answer?.attributes.nsid as number | undefined;
  return number === undefined || number < 0 ? undefined : number;
}

/** The host's end of the pair whose other end a sandbox has; undefined when it is none, or leads elsewhere. */
async function hostEndOf(host: Side, sandbox: Sandbox, ifname: string): Promise<number | undefined> {
  const own = await sandbox.network.links.find(ifname);
  if (own?.kind !== 'veth' || own.link === undefined) return undefined;
  const end = await host.network.links.find(own.link);
  // indexes repeat from namespace to namespace: only the numbers of both together tell a pair
  if (end?.kind !== 'veth' || end.link !== own.index || end.linkNetnsid === undefined) return undefined;
  return (await numberOf(sandbox.namespace, host)) === end.linkNetnsid ? end.index : undefined;
}

/**
 * Deletions of veth pairs on one host, in this process. The kernel takes about as long for one as for a hundred (it waits
 * for all processors to forget them), so those that come while it is at one go together: they are put into a group, and
 * that is deleted (IFLA_GROUP, RTM_DELLINK).
 */
class Removals {
  readonly #waiting: Waiting[] = [];
  #busy = 0;

  get busy(): boolean {
    return this.#busy > 0;
  }

  async alone<T>(work: () => Promise<T>, host: Namespace): Promise<T> {
    this.#busy++;
    try {
      return await work();
    } finally {
      this.#busy--;
      this.#begin(host);
    }
  }

  join(index: number, host: Namespace): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ index, done: (error) => (error === undefined ? resolve() : reject(error)) });
      this.#begin(host);
    });
  }

  #begin(host: Namespace): void {
    if (this.#waiting.length === 0 || this.busy) return;
    const all = this.#waiting.splice(0);
    this.alone(() => removeAll(host, all), host).catch((error: unknown) => {
      for (const { done } of all) done(error);
    });
  }
}

const GROUPS = 0x7fff_0000;

async function removeAll(host: Namespace, all: readonly Waiting[]): Promise<void> {
  // a socket of its own: the others' requests do not wait behind this one
  await using network = Network.openSync({ namespace: host });
  const { links } = network;
  // 0 is every link's; small numbers are people's
  const group = 0x1_0000 + Math.floor(Math.random() * GROUPS);
  const together: Waiting[] = [];
  if (all.length > 1) {
    const marked = await network.batch((batch) => {
      for (const { index } of all) batch.links.change(index, { group });
    });
    const refused = new Set(marked.failures.map(({ index }) => index));
    together.push(...all.filter((_one, i) => !refused.has(i)));
  }
  try {
    if (together.length > 0) await links.deleteGroup(group);
    for (const { done } of together) done();
  } catch {
    together.length = 0; // one by one, each hears what keeps it
  }
  for (const one of all) {
    if (together.includes(one)) continue;
    try {
      await links.delete(one.index);
      one.done();
    } catch (error) {
      one.done(error);
    }
  }
}

const removals = new Map<string, Removals>();

/** Deletes a sandbox's end of a veth pair, and so the pair; anything else of that name too. Nothing there is no error. */
export async function deleteContainerEnd(host: Side, sandbox: Sandbox, ifname: string): Promise<void> {
  const { dev, ino } = host.namespace.id;
  const key = `${dev}:${ino}`;
  let own = removals.get(key);
  if (own === undefined) {
    own = new Removals();
    removals.set(key, own);
  }
  const alone = async (): Promise<void> => {
    await own.alone(() => sandbox.network.links.delete(ifname), host.namespace);
  };
  if (!own.busy) return await alone();
  let index: number | undefined;
  try {
    index = await hostEndOf(host, sandbox, ifname);
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
  }
  if (index === undefined) await alone();
  else await own.join(index, host.namespace);
}
