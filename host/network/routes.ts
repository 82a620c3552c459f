import type { DecodedMessage } from '../codec/block.js';
import { NetlinkError } from '../netlink/errors.js';
import type { CallOptions } from '../netlink/socket.js';
import type { AcceptedAttributesOf, AcceptedHeaderOf, AttributesOf, HeaderOf } from '../schema/definition.js';
import { route } from '../schema/route.js';
import type { Command, Context, Device } from './context.js';
import { command, Table, verbFlags } from './table.js';
import {
  type FamilyName,
  families,
  familyName,
  familyNumber,
  familyOf,
  NetworkError,
  parseAddress,
  parsePrefix,
} from './values.js';

const { newroute, delroute, getroute } = route.messages;

type Header = HeaderOf<typeof newroute>;
type AcceptedHeader = NonNullable<AcceptedHeaderOf<typeof newroute>>;

/** RT_TABLE_MAIN */
const MAIN_TABLE = 254;

/** A route. */
export interface Route extends Omit<AttributesOf<typeof newroute>, 'dst' | 'src' | 'table'> {
  readonly family: FamilyName | number;
  /** `10.0.0.0/8`, or `default`. */
  readonly dst: string;
  /** Prefix of the sources that it is for, if not all. */
  readonly src?: string;
  readonly table: number;
  readonly tos: number;
  readonly protocol: Header['protocol'];
  readonly scope: Header['scope'];
  readonly type: Header['type'];
  readonly flags: Header['flags'];
}

/** One of several next hops. */
export interface HopInput {
  readonly gateway?: string;
  readonly device?: Device;
  /** 1 to 256; 1 by default. */
  readonly weight?: number;
  readonly onlink?: boolean;
}

export interface RouteInput
  extends Omit<
    NonNullable<AcceptedAttributesOf<typeof newroute>>,
    'dst' | 'src' | 'oif' | 'multipath' | 'gateway' | 'prefsrc'
  > {
  /** `10.0.0.0/8`, an address, or `default`. */
  readonly dst?: string;
  /** Prefix of the sources that it is for. */
  readonly src?: string;
  /** May be of the other family than `dst`. */
  readonly gateway?: string;
  readonly device?: Device;
  readonly prefsrc?: string;
  /** Needed only where neither `dst` nor `gateway` tells it. */
  readonly family?: FamilyName | number;
  readonly hops?: readonly HopInput[];
  readonly tos?: number;
  /** Who made it; `static` by default, as in ip-route(8) `boot` is. */
  readonly protocol?: AcceptedHeader['protocol'];
  /** Found from type and gateway by default. */
  readonly scope?: AcceptedHeader['scope'];
  /** `unicast` by default. */
  readonly type?: AcceptedHeader['type'];
  /** The gateway is on the link, whatever its address. */
  readonly onlink?: boolean;
}

export interface RouteFilter {
  readonly family?: FamilyName | number;
  readonly table?: number;
  readonly device?: Device;
  readonly protocol?: AcceptedHeader['protocol'];
  readonly type?: AcceptedHeader['type'];
  readonly scope?: AcceptedHeader['scope'];
  readonly [attribute: string]: unknown;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The route of a message, whose attributes become it: a copy would cost more than all the decoding. */
export function routeOf(message: DecodedMessage): Route {
  const header = message.header as unknown as Header;
  const item = message.attributes as unknown as Writable<Route>;
  item.dst = header.dstLen === 0 ? 'default' : `${item.dst}/${header.dstLen}`;
  if (header.srcLen !== 0) item.src = `${item.src}/${header.srcLen}`;
  item.table ??= header.table;
  item.family = familyName(header.family);
  item.tos = header.tos;
  item.protocol = header.protocol;
  item.scope = header.scope;
  item.type = header.type;
  item.flags = header.flags;
  return item;
}

const LINK_SCOPE = 253;
const HOST_SCOPE = 254;
const UNIVERSE = 0;
const NOWHERE = 255;
/** RTPROT_STATIC */
const STATIC = 4;
const ONLINK = 4;

/** What a build works on: always the same keys in the same order, which makes a hundred thousand of them quick. */
interface Parts {
  family: number;
  header: {
    family: number;
    dstLen: number;
    srcLen: number;
    tos: number;
    table: number;
    protocol: unknown;
    scope: unknown;
    type: unknown;
    flags: number;
  };
  attributes: Record<string, unknown>;
}

/** A gateway of the route's own family is RTA_GATEWAY, of another RTA_VIA. */
function setGateway(out: Record<string, unknown>, text: string, family: number): void {
  const addr = parseAddress(text, 'gateway');
  const own = familyOf(addr);
  if (own === family) out.gateway = addr;
  else out.via = { family: own, addr };
}

function hopOf(hop: HopInput, family: number, context: Context): object {
  const attributes: Record<string, unknown> = {};
  if (hop.gateway !== undefined) setGateway(attributes, hop.gateway, family);
  const ifindex = hop.device === undefined ? 0 : context.index(hop.device);
  return { header: { flags: hop.onlink ? ONLINK : 0, hops: (hop.weight ?? 1) - 1, ifindex }, attributes };
}

function familyOfInput(input: RouteInput): number {
  if (input.family !== undefined) return familyNumber(input.family);
  const { dst } = input;
  const text =
    dst !== undefined && dst !== 'default'
      ? dst
      : (input.src ?? input.prefsrc ?? input.gateway ?? input.hops?.[0]?.gateway);
  return text?.includes(':') ? families.inet6 : families.inet;
}

/** Takes one key of an input over. */
function take(parts: Parts, key: string, value: unknown, context: Context): void {
  const { header, attributes, family } = parts;
  switch (key) {
    case 'dst': {
      if (value === 'default') return;
      const prefix = parsePrefix(value as string, 'dst');
      if (prefix.family !== family) {
        throw new NetworkError(
          'ERR_INVALID_INPUT',
          `dst: ${String(value)} is of another family than the route`,
        );
      }
      header.dstLen = prefix.length;
      if (prefix.length > 0) attributes.dst = prefix.address;
      return;
    }
    case 'src': {
      const prefix = parsePrefix(value as string, 'src');
      header.srcLen = prefix.length;
      attributes.src = prefix.address;
      return;
    }
    case 'gateway':
      setGateway(attributes, value as string, family);
      return;
    case 'device':
      attributes.oif = context.index(value as Device);
      return;
    case 'prefsrc':
      attributes.prefsrc = parseAddress(value as string, 'prefsrc');
      return;
    case 'hops':
      attributes.multipath = (value as readonly HopInput[]).map((hop) => hopOf(hop, family, context));
      return;
    case 'table':
      header.table = (value as number) < 256 ? (value as number) : 0;
      if ((value as number) >= 256) attributes.table = value;
      return;
    case 'onlink':
      if (value === true) header.flags = ONLINK;
      return;
    case 'tos':
      header.tos = value as number;
      return;
    case 'protocol':
    case 'scope':
    case 'type':
      header[key] = value;
      return;
    case 'family':
      return;
    default:
      attributes[key] = value;
  }
}

function build(
  message: typeof newroute | typeof delroute,
  flags: number,
  input: RouteInput,
  context: Context,
): Command {
  const family = familyOfInput(input);
  const adding = message === newroute;
  const header: Parts['header'] = {
    family,
    dstLen: 0,
    srcLen: 0,
    tos: 0,
    table: MAIN_TABLE,
    protocol: adding ? STATIC : 0,
    scope: adding ? UNIVERSE : NOWHERE,
    type: adding ? 'unicast' : 0,
    flags: 0,
  };
  const parts: Parts = { family, header, attributes: {} };
  for (const key in input) {
    const value = input[key as keyof RouteInput];
    if (value !== undefined) take(parts, key, value, context);
  }
  if (adding && input.scope === undefined) {
    const gateway = input.gateway !== undefined || input.hops !== undefined || input.nhId !== undefined;
    header.scope = scopeOf(header.type, gateway, family);
  }
  return { message, flags, header, attributes: parts.attributes };
}

/** As ip-route(8) chooses it: routes to neighbours have the scope of the link, to own addresses of the host. */
function scopeOf(type: unknown, gateway: boolean, family: number): number {
  if (family === 10) return UNIVERSE;
  if (type === 'local' || type === 'nat') return HOST_SCOPE;
  if (type === 'broadcast' || type === 'multicast' || type === 'anycast') return LINK_SCOPE;
  return type === 'unicast' && !gateway ? LINK_SCOPE : UNIVERSE;
}

export const routeCommands = {
  add: (input: RouteInput, context: Context): Command => build(newroute, verbFlags.add, input, context),
  append: (input: RouteInput, context: Context): Command => build(newroute, verbFlags.append, input, context),
  replace: (input: RouteInput, context: Context): Command =>
    build(newroute, verbFlags.replace, input, context),
  delete: (input: RouteInput, context: Context): Command => build(delroute, verbFlags.delete, input, context),
};

/** Routes of all tables. */
export class Routes extends Table<Route, RouteFilter, typeof newroute> {
  protected readonly reply = newroute;

  protected query({ family, table, device, protocol, type }: RouteFilter, context: Context): Command {
    const header = {
      family: familyNumber(family),
      ...(protocol === undefined ? {} : { protocol }),
      ...(type === undefined ? {} : { type }),
      table: table !== undefined && table < 256 ? table : 0,
    };
    return command(getroute, 0, header, {
      ...(table === undefined ? {} : { table }),
      ...(device === undefined ? {} : { oif: context.index(device) }),
    });
  }

  protected item(message: DecodedMessage): Route {
    return routeOf(message);
  }

  protected override accepts(item: Route, filter: RouteFilter, context: Context): boolean {
    const { device, family, ...rest } = filter;
    if (device !== undefined && item.oif !== context.index(device) && item.multipath === undefined)
      return false;
    if (family !== undefined && familyNumber(item.family) !== familyNumber(family)) return false;
    return super.accepts(item, rest, context);
  }

  /** The route that packets to an address take. Throws NetlinkError `ENETUNREACH` … */
  async get(
    destination: string,
    options: CallOptions & { from?: string; mark?: number } = {},
  ): Promise<Route> {
    const dst = parseAddress(destination, 'destination');
    const from = options.from === undefined ? undefined : parseAddress(options.from, 'from');
    const [answer] = await this.executor.execute(
      () =>
        command(
          getroute,
          verbFlags.change,
          {
            family: familyOf(dst),
            dstLen: dst.length * 8,
            ...(from === undefined ? {} : { srcLen: from.length * 8 }),
            // IPv6 tells the table anyway, and refuses the flag
            ...(familyOf(dst) === families.inet ? { flags: ['lookup-table'] } : {}),
          },
          { dst, src: from, mark: options.mark },
        ),
      options,
    );
    if (answer === undefined)
      throw new NetworkError('ERR_NOT_FOUND', `the kernel had no answer about a route to ${destination}`);
    return routeOf(answer);
  }

  /** Adds a route. Throws NetlinkError `EEXIST` when there is one to that destination with that metric. */
  async add(input: RouteInput, options?: CallOptions): Promise<void> {
    await this.executor.execute((context) => routeCommands.add(input, context), options);
  }

  /** Adds a route behind those to the same destination. */
  async append(input: RouteInput, options?: CallOptions): Promise<void> {
    await this.executor.execute((context) => routeCommands.append(input, context), options);
  }

  /** Adds a route, or replaces the one to that destination with that metric. */
  async replace(input: RouteInput, options?: CallOptions): Promise<void> {
    await this.executor.execute((context) => routeCommands.replace(input, context), options);
  }

  /** Deletes the first route that fits; false when there is none. */
  async delete(input: RouteInput, options?: CallOptions): Promise<boolean> {
    try {
      await this.executor.execute((context) => routeCommands.delete(input, context), options);
      return true;
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ESRCH') return false;
      throw error;
    }
  }
}
