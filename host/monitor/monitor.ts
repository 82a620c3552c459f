import { openFound } from '../inspect/open.js';
import { Namespace } from '../namespace/namespace.js';
import { Listener } from '../netlink/listener.js';
import { NetlinkSocket } from '../netlink/socket.js';
import type { Protocol } from '../schema/definition.js';
import type { MonitorEvent } from './events.js';
import type { Told } from './mirror.js';
import {
  isForwarding,
  MonitorError,
  type ObjectName,
  objectKinds,
  registerObjects,
  tellingOf,
  usualObjects,
} from './objects.js';
import { giveNumber, listNumbers, type Monitored, messagesIn, numberOf, Space } from './space.js';

export interface MonitorOptions {
  /** What to tell of; as `ip monitor` by default. */
  readonly objects?: readonly ObjectName[] | undefined;
  /** Whether other namespaces than the caller's own will be attached. */
  readonly several?: boolean | undefined;
  /** Bytes of the kernel's receive buffer; 32 MiB by default, which it only fills when it must. */
  readonly receiveBuffer?: number | undefined;
  /** Called for each event, in the kernel's order, before the next is looked at. */
  readonly onEvent: (event: MonitorEvent) => void;
  /** All that had come by now has been told. */
  readonly onDrained?: () => void;
  readonly onFailure: (error: Error) => void;
  /** A namespace that is not attached got a number: somebody may want to know which it is. */
  readonly onStranger?: () => void;
}

const RECEIVE_BUFFER = 32 * 1024 * 1024;
const NSID_GROUP = 28;
/** Turns of the event loop after a loss in which there may still be something to hear. */
const ROUNDS = 100;

/**
 * Tells what happens in network namespaces. One socket in the caller's namespace hears all of them, so that none is
 * kept alive by being watched, and the kernel tells when one is gone. Everything happens synchronously in the event
 * loop's turn in which the kernel's messages are read.
 */
export class Monitor {
  readonly objects: readonly ObjectName[];
  readonly #options: MonitorOptions;
  readonly #control: NetlinkSocket;
  readonly #listeners: Listener[] = [];
  readonly #shown: ReadonlySet<ObjectName>;
  /** What is mirrored. */
  readonly #tracked: readonly ObjectName[];
  /** By number; `undefined` is the caller's own. */
  readonly #spaces = new Map<number | undefined, Space>();
  readonly #own: number;
  #closed = false;
  #paused = false;
  /** The kernel's buffer overran, and what it holds is still being heard. */
  #lost = false;
  #rounds = 0;
  #heardSince = 0;

  private constructor(options: MonitorOptions, control: NetlinkSocket, own: number) {
    this.#options = options;
    this.objects = options.objects ?? usualObjects;
    this.#shown = new Set(this.objects);
    const tracked = new Set<ObjectName>(this.objects);
    tracked.add('link');
    // to ip, entries of forwarding databases are neighbours
    if (tracked.has('neighbour')) tracked.add('fdb');
    this.#tracked = [...tracked];
    this.#control = control;
    this.#own = own;
  }

  /** Begins to listen. Nothing is told of a namespace before it is attached. Throws SystemCallError. */
  static open(options: MonitorOptions): Monitor {
    registerObjects(['link', 'nsid', ...(options.objects ?? usualObjects)]);
    const control = NetlinkSocket.open({ protocol: 'route' });
    using current = Namespace.current();
    const monitor = new Monitor(options, control, current.id.ino);
    try {
      monitor.#listen();
    } catch (error) {
      monitor.close();
      throw error;
    }
    return monitor;
  }

  #listen(): void {
    const { several = false, receiveBuffer = RECEIVE_BUFFER } = this.#options;
    for (const protocol of ['route', 'netfilter'] as const) {
      const groups = new Set(
        this.#tracked
          .filter((name) => objectKinds[name].protocol === protocol)
          .flatMap((name): readonly number[] => objectKinds[name].groups),
      );
      if (groups.size === 0) continue;
      if (protocol === 'route' && several) groups.add(NSID_GROUP);
      this.#listeners.push(
        Listener.open(
          { protocol, groups: [...groups], allNamespaces: several, receiveBuffer },
          {
            datagram: (bytes, nsid) => this.#heard(protocol, bytes, nsid),
            drained: (lost) => this.#drained(lost),
            failed: (error) => this.#fail(error),
          },
        ),
      );
    }
  }

  /** The namespaces that are attached. */
  get spaces(): readonly Space[] {
    return [...this.#spaces.values()];
  }

  /**
   * Tells of a namespace from now on; false when it is attached already. With `tell`, of all that is in it too. Throws
   * InspectError `ERR_NAMESPACE_VANISHED`, SystemCallError, NetlinkError.
   */
  attach(found: Monitored, { tell = false }: { tell?: boolean } = {}): boolean {
    const nsid = found.id.inode === this.#own ? undefined : this.#numberOf(found);
    const before = this.#spaces.get(nsid);
    if (before?.inode === found.id.inode) return false;
    const space = new Space(found, nsid, this.#control);
    const present = space.read(this.#tracked);
    this.#spaces.set(nsid, space);
    // the caller's own may have a number too, and is then heard under that
    if (nsid === undefined && this.#options.several) {
      using current = Namespace.current();
      const own = numberOf(this.#control, current.fd);
      if (own !== undefined) this.#spaces.set(own, space);
    }
    const time = now();
    // of one's own namespace alone there is nothing to say
    if (tell && this.#options.several) {
      this.#options.onEvent({ event: 'new', object: 'namespace', time, space });
    }
    for (const one of space.mirror.compare(this.#tracked, present))
      if (tell) this.#tell(space, one.event, one, time, true);
    return true;
  }

  #numberOf(found: Monitored): number {
    if (!this.#options.several) {
      throw new MonitorError(
        'ERR_NAMESPACE_UNHEARD',
        `${found.names[0]} is not the namespace of the monitor`,
      );
    }
    using namespace = openFound(found);
    return giveNumber(this.#control, namespace.fd);
  }

  #heard(protocol: Protocol, datagram: Uint8Array, nsid: number | undefined): void {
    if (nsid === undefined && this.#options.several && protocol === 'route') this.#numbers(datagram);
    this.#heardSince++;
    const space = this.#spaces.get(nsid);
    if (space === undefined) return;
    const time = now();
    for (const { message, bytes } of messagesIn(protocol, datagram)) {
      const telling = tellingOf(protocol, message);
      if (telling === undefined) continue;
      let { object } = telling;
      if (object === 'neighbour' && isForwarding(message)) object = 'fdb';
      if (object === 'link') space.learn(message);
      else if (object === 'nftables') space.sets.learn(message);
      const told: Told = { object, message, bytes };
      if (object === 'nsid') space.forget((message.attributes as { nsid: number }).nsid);
      space.mirror.apply(telling.event, told);
      this.#tell(space, telling.event, told, time, false);
    }
  }

  /** In the caller's namespace, numbers are given and taken back: namespaces come and go. */
  #numbers(datagram: Uint8Array): void {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
    const type = view.getUint16(4, true);
    const NEWNSID = 88;
    const DELNSID = 89;
    if (type !== NEWNSID && type !== DELNSID) return;
    for (const { message } of messagesIn('route', datagram)) {
      const { nsid } = message.attributes as { nsid?: number };
      if (nsid === undefined) continue;
      const space = this.#spaces.get(nsid);
      if (message.name === 'newnsid') {
        if (space === undefined) this.#options.onStranger?.();
      } else if (space !== undefined && space.nsid === nsid) {
        this.#spaces.delete(nsid);
        this.#options.onEvent({ event: 'delete', object: 'namespace', time: now(), space });
      }
    }
  }

  #tell(space: Space, event: 'new' | 'delete', told: Told, time: number, found: boolean): void {
    let { object } = told;
    if (object === 'fdb' && !this.#shown.has('fdb')) object = 'neighbour';
    if (!this.#shown.has(object)) return;
    // of tables that were read, each element is told alone
    if (found && object === 'nftables') space.sets.learn(told.message);
    this.#options.onEvent({ event, object, time, space, message: told.message, bytes: told.bytes, found });
  }

  #drained(lost: boolean): void {
    if (lost) {
      this.#lost = true;
      this.#rounds = 0;
    } else if (this.#lost && (this.#heardSince === 0 || this.#rounds > ROUNDS)) {
      // all that came before and after the loss has been heard: now the tables say what was not
      this.#lost = false;
      this.#resync();
    }
    this.#heardSince = 0;
    if (this.#lost) setImmediate(() => this.#readOn());
    this.#options.onDrained?.();
  }

  /** Hears what is left in the kernel's buffers after a loss. */
  #readOn(): void {
    if (this.#closed || !this.#lost || this.#paused) return;
    this.#rounds++;
    // of several sockets, the last to be empty ends it
    for (const listener of this.#listeners) {
      if (this.#lost) listener.read();
    }
  }

  #resync(): void {
    const time = now();
    const problems: { space: Space; reason: string }[] = [];
    const changes: { space: Space; event: 'new' | 'delete'; told: Told }[] = [];
    for (const space of new Set(this.#spaces.values())) {
      try {
        for (const one of space.mirror.compare(this.#tracked, space.read(this.#tracked))) {
          changes.push({ space, event: one.event, told: one });
        }
      } catch (error) {
        problems.push({ space, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    const differences = changes.filter(({ told }) => this.#isShown(told.object)).length;
    this.#options.onEvent({ event: 'resync', time, differences, problems });
    for (const { space, event, told } of changes) this.#tell(space, event, told, time, true);
    this.#findGone();
  }

  #isShown(object: ObjectName): boolean {
    return this.#shown.has(object) || (object === 'fdb' && this.#shown.has('neighbour'));
  }

  /** That a namespace went may have been lost too. */
  #findGone(): void {
    if (!this.#options.several) return;
    const numbers = new Set(listNumbers(this.#control));
    for (const [nsid, space] of this.#spaces) {
      if (nsid === undefined || space.nsid !== nsid || numbers.has(nsid)) continue;
      this.#spaces.delete(nsid);
      this.#options.onEvent({ event: 'delete', object: 'namespace', time: now(), space });
    }
    this.#options.onStranger?.();
  }

  /** Stops reading: the kernel keeps what comes, as much as its buffer holds. */
  pause(): void {
    this.#paused = true;
    for (const listener of this.#listeners) listener.pause();
  }
  resume(): void {
    this.#paused = false;
    for (const listener of this.#listeners) listener.resume();
    if (this.#lost) setImmediate(() => this.#readOn());
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.close();
    this.#options.onFailure(error);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#listeners) listener.close();
    this.#control.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Microseconds since 1970. */
export function now(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}
