import type { DecodedMessage } from '../codec/block.js';
import { NetlinkError } from '../netlink/errors.js';
import type { CallOptions } from '../netlink/socket.js';
import type { AcceptedAttributesOf, AcceptedHeaderOf, AttributesOf, HeaderOf } from '../schema/definition.js';
import { route } from '../schema/route.js';
import type { Command, Context, Device } from './context.js';
import { command, Table, verbFlags } from './table.js';
import {
  type FamilyName,
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

export function routeOf(message: DecodedMessage): Route {
  const header = message.header as unknown as Header;
  const { dst, src, ...rest } = message.attributes as AttributesOf<typeof newroute>;
  return {
    family: familyName(header.family),
    dst: header.dstLen === 0 ? 'default' : `${dst}/${header.dstLen}`,
    ...(header.srcLen === 0 ? undefined : { src: `${src}/${header.srcLen}` }),
    table: header.table,
    tos: header.tos,
    protocol: header.protocol,
    scope: header.scope,
    type: header.type,
    flags: header.flags,
    ...rest,
  };
}

const LINK_SCOPE = 253;
const HOST_SCOPE = 254;
const UNIVERSE = 0;
const ONLINK = 4;

/** A gateway of the route's own family is RTA_GATEWAY, of another RTA_VIA. */
function gatewayOf(text: string, family: number): object {
  const addr = parseAddress(text, 'gateway');
  const own = familyOf(addr);
  return own === family ? { gateway: addr } : { via: { family: own, addr } };
}

function familyOfInput({ family, dst, src, gateway, hops, prefsrc }: RouteInput): number {
  if (family !== undefined) return familyNumber(family);
  const text = [dst === 'default' ? undefined : dst, src, prefsrc, gateway, hops?.[0]?.gateway].find(
    (one) => one !== undefined,
  );
  return text?.includes(':') ? 10 : 2;
}

function build(
  message: typeof newroute | typeof delroute,
  flags: number,
  input: RouteInput,
  context: Context,
): Command {
  const {
    dst,
    src,
    gateway,
    device,
    prefsrc,
    family: _family,
    hops,
    tos,
    protocol,
    scope,
    type,
    onlink,
    table,
    ...attributes
  } = input;
  const family = familyOfInput(input);
  const out: Record<string, unknown> = { ...attributes };
  const header: Record<string, unknown> = { family };
  if (dst !== undefined && dst !== 'default') {
    const prefix = parsePrefix(dst, 'dst');
    if (prefix.family !== family)
      throw new NetworkError('ERR_INVALID_INPUT', `dst: ${dst} is of another family than the route`);
    header.dstLen = prefix.length;
    if (prefix.length > 0) out.dst = prefix.address;
  }
  if (src !== undefined) {
    const prefix = parsePrefix(src, 'src');
    header.srcLen = prefix.length;
    out.src = prefix.address;
  }
  if (gateway !== undefined) Object.assign(out, gatewayOf(gateway, family));
  if (device !== undefined) out.oif = context.index(device);
  if (prefsrc !== undefined) out.prefsrc = parseAddress(prefsrc, 'prefsrc');
  if (hops !== undefined) {
    out.multipath = hops.map((hop) => ({
      header: {
        flags: hop.onlink ? ONLINK : 0,
        hops: (hop.weight ?? 1) - 1,
        ifindex: hop.device === undefined ? 0 : context.index(hop.device),
      },
      attributes: hop.gateway === undefined ? {} : gatewayOf(hop.gateway, family),
    }));
  }
  const number = table ?? MAIN_TABLE;
  header.table = number < 256 ? number : 0;
  if (number >= 256) out.table = number;
  if (tos !== undefined) header.tos = tos;
  if (onlink) header.flags = ONLINK;
  if (message === delroute) {
    header.scope = scope ?? 'nowhere';
    if (protocol !== undefined) header.protocol = protocol;
    if (type !== undefined) header.type = type;
  } else {
    header.protocol = protocol ?? 'static';
    header.type = type ?? 'unicast';
    header.scope =
      scope ??
      scopeOf(header.type, gateway !== undefined || hops !== undefined || input.nhId !== undefined, family);
  }
  return command(message, flags, header, out);
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
            flags: ['lookup-table'],
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
