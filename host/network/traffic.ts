import type { DecodedMessage } from '../codec/block.js';
import { messageFlags } from '../codec/constants.js';
import { NetlinkError } from '../netlink/errors.js';
import type { CallOptions } from '../netlink/socket.js';
import type { AcceptedAttributesOf, AttributesOf, Message } from '../schema/definition.js';
import { trafficHandles } from '../schema/traffic/common.js';
import { tc } from '../schema/traffic/tc.js';
import type { Command, Context, Device } from './context.js';
import { type Executor, Table, verbFlags } from './table.js';
import { NetworkError } from './values.js';

const { newqdisc, delqdisc, getqdisc, newtclass, deltclass, gettclass, newtfilter, deltfilter, gettfilter } =
  tc.messages;

/** A handle: `1:10`, `1:`, a number, or one of the names `root`, `ingress`, `clsact`, … */
export type Handle = number | keyof typeof trafficHandles | `${string}:${string}`;

/** The number of a handle. Major and minor are hexadecimal, as in tc(8). Throws NetworkError `ERR_INVALID_INPUT`. */
export function parseHandle(handle: Handle, key: string): number {
  if (typeof handle === 'number') return handle;
  const named = (trafficHandles as Record<string, number>)[handle];
  if (named !== undefined) return named;
  const found = /^([0-9a-fA-F]{0,4}):([0-9a-fA-F]{0,4})$/.exec(handle);
  if (found === null)
    throw new NetworkError('ERR_INVALID_INPUT', `${key}: expected a handle like 1:10, got '${handle}'`);
  return ((Number.parseInt(found[1] || '0', 16) << 16) | Number.parseInt(found[2] || '0', 16)) >>> 0;
}

const handleNames = new Map<number, string>([
  [trafficHandles.root, 'root'],
  [trafficHandles.ingress, 'ingress'],
  [trafficHandles['clsact-ingress'], 'clsact-ingress'],
  [trafficHandles['clsact-egress'], 'clsact-egress'],
]);

/** A handle as text: `1:10`, or a name. */
export function formatHandle(handle: number): string {
  return (
    handleNames.get(handle) ??
    `${(handle >>> 16).toString(16)}:${(handle & 0xffff) === 0 ? '' : (handle & 0xffff).toString(16)}`
  );
}

interface Common {
  /** Index of the link. */
  readonly index: number;
  readonly handle: string;
  readonly parent: string;
}

export interface Qdisc extends AttributesOf<typeof newqdisc>, Common {}
export interface TrafficClass extends AttributesOf<typeof newtclass>, Common {}
/** A filter; `priority` orders them, `protocol` is an ETH_P_* number (3: all). */
export interface TrafficFilter extends AttributesOf<typeof newtfilter>, Common {
  readonly priority: number;
  readonly protocol: number;
}

interface CommonInput {
  readonly device: Device;
  readonly handle?: Handle;
  /** `root` by default. */
  readonly parent?: Handle;
}
export interface QdiscInput extends NonNullable<AcceptedAttributesOf<typeof newqdisc>>, CommonInput {}
export interface ClassInput extends NonNullable<AcceptedAttributesOf<typeof newtclass>>, CommonInput {}
export interface FilterInput extends NonNullable<AcceptedAttributesOf<typeof newtfilter>>, CommonInput {
  readonly priority?: number;
  /** ETH_P_*: 0x800 IPv4, 0x86dd IPv6, 3 (by default) all. */
  readonly protocol?: number;
}

export interface TrafficSelector {
  readonly device?: Device;
  readonly parent?: Handle;
  readonly kind?: string;
  readonly [attribute: string]: unknown;
}

const ETH_P_ALL = 3;

function swapped(protocol: number): number {
  return ((protocol & 0xff) << 8) | (protocol >> 8);
}

function header(
  input: CommonInput & { priority?: number; protocol?: number },
  context: Context,
  filter: boolean,
): object {
  const { device, handle, parent, priority = 0, protocol = ETH_P_ALL } = input;
  return {
    ifindex: context.index(device),
    handle: handle === undefined ? 0 : parseHandle(handle, 'handle'),
    parent: parseHandle(parent ?? 'root', 'parent'),
    ...(filter ? { info: ((priority << 16) | swapped(protocol)) >>> 0 } : {}),
  };
}

function itemOf(message: DecodedMessage): Common {
  const { ifindex, handle, parent } = message.header as { ifindex: number; handle: number; parent: number };
  return {
    ...message.attributes,
    index: ifindex,
    handle: formatHandle(handle),
    parent: formatHandle(parent),
  };
}

interface Verbs {
  readonly add: Message;
  readonly delete: Message;
  readonly get: Message;
}

/** What qdiscs, classes and filters share. */
abstract class TrafficTable<Item extends Common, Input extends CommonInput, M extends Message> extends Table<
  Item,
  TrafficSelector,
  M
> {
  protected readonly reply: M;
  readonly #verbs: Verbs;
  readonly #filter: boolean;

  constructor(executor: Executor, reply: M, verbs: Verbs, filter = false) {
    super(executor);
    this.reply = reply;
    this.#verbs = verbs;
    this.#filter = filter;
  }

  #command(message: Message, flags: number, input: Input, context: Context): Command {
    const {
      device: _device,
      handle: _handle,
      parent: _parent,
      priority: _priority,
      protocol: _protocol,
      ...attributes
    } = input as Input & { priority?: number; protocol?: number };
    return { message, flags, header: header(input, context, this.#filter), attributes };
  }

  protected query({ device, parent }: TrafficSelector, context: Context): Command {
    if (this.#filter && device === undefined) {
      throw new NetworkError('ERR_INVALID_INPUT', 'filters are listed by device');
    }
    const message = this.#verbs.get;
    const own = {
      ifindex: device === undefined ? 0 : context.index(device),
      parent: parent === undefined ? 0 : parseHandle(parent, 'parent'),
    };
    return { message, flags: 0, header: own, attributes: {} };
  }

  protected override accepts(item: Item, filter: TrafficSelector, context: Context): boolean {
    const { device, parent, ...rest } = filter;
    if (device !== undefined && item.index !== context.index(device)) return false;
    if (parent !== undefined && item.parent !== formatHandle(parseHandle(parent, 'parent')) && !this.#filter)
      return false;
    return super.accepts(item, rest, context);
  }

  /** Throws NetlinkError `EEXIST` when there is one. */
  async add(input: Input, options?: CallOptions): Promise<void> {
    await this.executor.execute(
      (context) => this.#command(this.#verbs.add, verbFlags.add, input, context),
      options,
    );
  }

  /** Adds, or takes the place of the one that is there. */
  async replace(input: Input, options?: CallOptions): Promise<void> {
    await this.executor.execute(
      (context) => this.#command(this.#verbs.add, verbFlags.replace, input, context),
      options,
    );
  }

  /** Changes settings of the one that is there. */
  async change(input: Input, options?: CallOptions): Promise<void> {
    await this.executor.execute(
      (context) => this.#command(this.#verbs.add, messageFlags.ack, input, context),
      options,
    );
  }

  /** False when there was none. */
  async delete(input: Input, options?: CallOptions): Promise<boolean> {
    try {
      await this.executor.execute(
        (context) => this.#command(this.#verbs.delete, verbFlags.delete, input, context),
        options,
      );
      return true;
    } catch (error) {
      if (error instanceof NetlinkError && absent(error)) return false;
      throw error;
    }
  }
}

/** A parent that no qdisc has is refused as an invalid argument; the text tells it from others. */
function absent({ code, extendedAck }: NetlinkError): boolean {
  if (code === 'ENOENT') return true;
  return (
    code === 'EINVAL' &&
    extendedAck !== undefined &&
    /not found|cannot find|doesn't exist|invalid handle/i.test(extendedAck)
  );
}

/** Queueing disciplines. */
export class Qdiscs extends TrafficTable<Qdisc, QdiscInput, typeof newqdisc> {
  constructor(executor: Executor) {
    super(executor, newqdisc, { add: newqdisc, delete: delqdisc, get: getqdisc });
  }
  protected item(message: DecodedMessage): Qdisc {
    return itemOf(message);
  }
}

/** Classes of classful queueing disciplines. */
export class TrafficClasses extends TrafficTable<TrafficClass, ClassInput, typeof newtclass> {
  constructor(executor: Executor) {
    super(executor, newtclass, { add: newtclass, delete: deltclass, get: gettclass });
  }
  protected item(message: DecodedMessage): TrafficClass {
    return itemOf(message);
  }
}

/** Filters: classifiers with their actions. */
export class TrafficFilters extends TrafficTable<TrafficFilter, FilterInput, typeof newtfilter> {
  constructor(executor: Executor) {
    super(executor, newtfilter, { add: newtfilter, delete: deltfilter, get: gettfilter }, true);
  }
  protected item(message: DecodedMessage): TrafficFilter {
    const { info } = message.header as { info: number };
    return { ...itemOf(message), priority: info >>> 16, protocol: swapped(info & 0xffff) };
  }
}
