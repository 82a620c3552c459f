import type { Batch } from '../codec/batch.js';
import type { DecodedMessage } from '../codec/block.js';
import type { Columns } from '../codec/columns.js';
import { messageFlags } from '../codec/constants.js';
import type { AnyMessageInput } from '../codec/encode.js';
import { registry } from '../codec/registry.js';
import type { ViewList } from '../codec/view-list.js';
import { Namespace } from '../namespace/namespace.js';
import type { NetlinkError } from '../netlink/errors.js';
import { type CallOptions, NetlinkSocket } from '../netlink/socket.js';
import { address } from '../schema/address.js';
import type { Family, Message } from '../schema/definition.js';
import { link } from '../schema/link/link.js';
import { neighbour } from '../schema/neighbour.js';
import { nexthop } from '../schema/nexthop.js';
import { route } from '../schema/route.js';
import { rule } from '../schema/rule.js';
import { tc } from '../schema/traffic/tc.js';
import { Addresses } from './addresses.js';
import { BatchBuilder, type BatchFailure, BatchResult } from './batch.js';
import { type Build, type Command, Context, type NamespaceInput } from './context.js';
import { Links } from './links.js';
import { Neighbours } from './neighbours.js';
import { Nexthops } from './nexthops.js';
import { Routes } from './routes.js';
import { Rules } from './rules.js';
import type { Executor, Table } from './table.js';
import { Qdiscs, TrafficClasses, TrafficFilters } from './traffic.js';
import { type WatchEvent, type Watched, type WatchOptions, watch } from './watch.js';

export interface NetworkOptions {
  /** The namespace to work in; this process's by default. */
  readonly namespace?: NamespaceInput | undefined;
  /** ms that a call may take unless it says otherwise; 30,000 by default. */
  readonly timeout?: number | undefined;
  /** As of NetlinkSocket: the calling thread does what needs no waiting. */
  readonly prompt?: boolean | undefined;
  /** `namespace` is a handle that stays open as long as this one, which then needs none of its own. */
  readonly lent?: boolean | undefined;
  /** Instead of opening a socket: one that is open already (and will be closed). */
  readonly socket?: NetlinkSocket | undefined;
}

const families: readonly Family[] = [link, address, route, rule, neighbour, nexthop, tc];
const familyOf = new Map<Message, Family>(
  families.flatMap((family) => Object.values(family.messages).map((message) => [message, family] as const)),
);

/** Has the codec know a command's family, which takes longer than most commands do: so no family before it is needed. */
function known(command: Command): Command {
  const family = familyOf.get(command.message);
  if (family !== undefined) registry().register(family);
  return command;
}

/** Bytes, and messages, that a batch sends at a time: what the kernel answers must fit into its receive buffer. */
const CHUNK_BYTES = 64 * 1024;
const CHUNK_MESSAGES = 1024;

/** The network of one namespace: its links, addresses, routes, … Every call is one exchange with the kernel. */
export class Network {
  readonly #socket: NetlinkSocket;
  readonly links: Links;
  readonly addresses: Addresses;
  // an attachment opens a network for a few calls of the two above
  #routes: Routes | undefined;
  #rules: Rules | undefined;
  #neighbours: Neighbours | undefined;
  #nexthops: Nexthops | undefined;
  #qdiscs: Qdiscs | undefined;
  #classes: TrafficClasses | undefined;
  #filters: TrafficFilters | undefined;
  readonly #executor: Executor;
  /** For sockets to be opened later. */
  readonly #namespace: Namespace | undefined;
  readonly #isLent: boolean;

  private constructor(socket: NetlinkSocket, namespace: Namespace | undefined, isLent = false) {
    this.#socket = socket;
    this.#namespace = namespace;
    this.#isLent = isLent;
    const executor: Executor = {
      execute: (build, options) => this.#execute(build, options),
      dump: (build, reply, item, options) => this.#dump(build, reply, item, options),
      dumpViews: (build, reply, options) => this.#dumpViews(build, reply, options),
      dumpColumns: (build, reply, names, options) => this.#dumpColumns(build, reply, names, options),
    };
    this.#executor = executor;
    this.links = new Links(executor);
    this.addresses = new Addresses(executor);
  }

  get routes(): Routes {
    this.#routes ??= new Routes(this.#executor);
    return this.#routes;
  }
  get rules(): Rules {
    this.#rules ??= new Rules(this.#executor);
    return this.#rules;
  }
  get neighbours(): Neighbours {
    this.#neighbours ??= new Neighbours(this.#executor);
    return this.#neighbours;
  }
  get nexthops(): Nexthops {
    this.#nexthops ??= new Nexthops(this.#executor);
    return this.#nexthops;
  }
  get qdiscs(): Qdiscs {
    this.#qdiscs ??= new Qdiscs(this.#executor);
    return this.#qdiscs;
  }
  get classes(): TrafficClasses {
    this.#classes ??= new TrafficClasses(this.#executor);
    return this.#classes;
  }
  get filters(): TrafficFilters {
    this.#filters ??= new TrafficFilters(this.#executor);
    return this.#filters;
  }

  /** For messages of one's own. */
  get socket(): NetlinkSocket {
    for (const family of families) registry().register(family);
    return this.#socket;
  }

  /** `open` without waiting: nothing in it takes time. */
  static openSync(options: NetworkOptions = {}): Network {
    const { namespace, timeout, prompt, lent, socket } = options;
    if (socket !== undefined) return new Network(socket, undefined);
    if (lent && namespace instanceof Namespace) {
      const { fd } = namespace;
      const route = NetlinkSocket.open({ protocol: 'route', namespace: fd, timeout, prompt });
      return new Network(route, namespace, true);
    }
    const target = namespace instanceof Namespace ? { fd: namespace.fd } : namespace;
    const opened = target === undefined ? undefined : Namespace.open(target);
    try {
      const route = NetlinkSocket.open({ protocol: 'route', namespace: opened?.fd, timeout, prompt });
      return new Network(route, opened);
    } catch (error) {
      opened?.close();
      throw error;
    }
  }

  /** Opens a handle on a namespace. Throws NamespaceError, SystemCallError or NativeUnavailableError. */
  static async open(options: NetworkOptions = {}): Promise<Network> {
    return Network.openSync(options);
  }

  /** Does what nouns share; for nouns that live elsewhere. */
  get executor(): Executor {
    return this.#executor;
  }

  /**
   * Sends many operations together. The kernel does each by itself, in their order: some may fail while others
   * succeed, which the result tells one by one.
   */
  async batch(fill: (batch: BatchBuilder) => void, options: CallOptions = {}): Promise<BatchResult> {
    const builder = new BatchBuilder();
    fill(builder);
    const { builds } = builder;
    const failures: BatchFailure[] = [];
    const answers: DecodedMessage[] = [];
    const context = new Context();
    try {
      let sending: Promise<void> = Promise.resolve();
      for (let first = 0; first < builds.length; ) {
        // a link that an earlier operation of the batch makes can be named when that is done
        const chunk = await this.#chunk(builds, first, context, () => sending, options);
        await sending;
        const { batch, messages } = chunk;
        const start = first;
        sending = this.#socket
          .send(batch, (index) => messages[index] as Message, options)
          .then((outcome) => {
            answers.push(...outcome.answers);
            for (const { index, error } of outcome.failures) failures.push(failureOf(start + index, error));
          });
        sending.catch(() => undefined); // awaited before the next is sent
        first += batch.count;
      }
      await sending;
    } finally {
      context.close();
    }
    return new BatchResult(builds.length, failures, answers);
  }

  /** Encodes as many operations as fit into one exchange. */
  async #chunk(
    builds: readonly Build[],
    first: number,
    context: Context,
    before: () => Promise<void>,
    options: CallOptions,
  ): Promise<{ batch: Batch; messages: Message[] }> {
    const batch = this.#socket.batch(CHUNK_MESSAGES);
    const messages: Message[] = [];
    for (
      let i = first;
      i < builds.length && batch.count < CHUNK_MESSAGES && batch.byteLength < CHUNK_BYTES;
      i++
    ) {
      const build = builds[i] as Build;
      let command = known(build(context));
      if (context.wanted.size > 0) {
        if (batch.count > 0) {
          context.wanted.clear();
          break;
        }
        await before();
        command = await this.#build(build, context, options);
      }
      batch.addUnchecked(command.message, asRequest(command));
      messages.push(command.message);
    }
    return { batch, messages };
  }

  async #build(build: Build, context: Context, options: CallOptions): Promise<Command> {
    for (;;) {
      const command = build(context);
      if (context.wanted.size === 0) return known(command);
      for (const name of context.wanted) context.learn(name, (await this.links.get(name, options)).index);
    }
  }

  async #with<T>(build: Build, options: CallOptions, use: (command: Command) => Promise<T>): Promise<T> {
    const context = new Context();
    try {
      return await use(await this.#build(build, context, options));
    } finally {
      context.close();
    }
  }

  async #execute(build: Build, options: CallOptions = {}): Promise<DecodedMessage[]> {
    return await this.#with(build, options, (command) =>
      this.#socket.request(command.message, inputOf(command), options),
    );
  }

  async #dump<T>(
    build: Build,
    reply: Message,
    item: (message: DecodedMessage) => T | undefined,
    options: CallOptions = {},
  ): Promise<T[]> {
    return await this.#with(build, options, (command) =>
      this.#socket.dump(command.message, inputOf(command), { ...options, reply, item }),
    );
  }

  async #dumpViews<M extends Message>(
    build: Build,
    reply: M,
    options: CallOptions = {},
  ): Promise<ViewList<M>> {
    return await this.#with(build, options, (command) =>
      this.#socket.dumpViews(command.message, inputOf(command), reply, options),
    );
  }

  async #dumpColumns<N extends string>(
    build: Build,
    reply: Message,
    names: readonly N[],
    options: CallOptions = {},
  ): Promise<Columns<N>> {
    return await this.#with(build, options, (command) =>
      this.#socket.dumpColumns(command.message, inputOf(command), reply, names, options),
    );
  }

  /**
   * Watches kinds of things as `ip monitor` does: `for await (const event of net.watch('link', 'route', { signal }))`. Listening
   * begins with the call. Events are `new`, `delete`, and `resync` when changes were lost.
   */
  watch<const W extends readonly (Watched | WatchOptions)[]>(
    ...what: W
  ): AsyncGenerator<WatchEvent<Extract<W[number], Watched>>> {
    type K = Extract<W[number], Watched>;
    for (const family of families) registry().register(family);
    const kinds = what.filter((one) => typeof one === 'string') as unknown as readonly K[];
    const options = what.find((one): one is WatchOptions => typeof one === 'object') ?? {};
    const tables: Readonly<Record<Watched, Table<object, object, Message>>> = {
      link: this.links as never,
      neighbour: this.neighbours as never,
      address: this.addresses as never,
      route: this.routes as never,
      rule: this.rules as never,
      nexthop: this.nexthops as never,
    };
    const source = {
      namespace: this.#namespace?.fd,
      item: (kind: Watched, message: DecodedMessage) => tables[kind].itemOf(message),
      all: async (kind: Watched) => await tables[kind].list({}, { signal: options.signal }),
    };
    return watch(source, kinds, options);
  }

  /** Closes the socket; calls under way fail with `ERR_CLOSED`. */
  close(): void {
    this.#socket.close();
    if (!this.#isLent) this.#namespace?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

function inputOf({ flags, header, attributes }: Command): object {
  return { flags, header, attributes };
}

function asRequest({ flags, header, attributes }: Command): AnyMessageInput {
  // of a batch only the last message is acknowledged, which `Batch.seal` asks for
  return { flags: (flags & ~messageFlags.ack) | messageFlags.request, header, attributes };
}

function failureOf(index: number, error: NetlinkError): BatchFailure {
  const { code, message, attribute } = error;
  return attribute === undefined
    ? { index, code, message, error }
    : { index, code, message, attribute, error };
}
