import type { Dns, IpConfig, Result, Route } from '../../../cni/result.js';
import { formatIpv4, formatIpv6, parseIp } from '../../../codec/text.js';
import { GobError, type GobStruct, type GobType, type GobValue } from './gob.js';

/**
 * What goes between the plugin and its daemon, as the reference's have it: Go's net/rpc, in gob, after an HTTP CONNECT.
 * So either side may be the reference's.
 */
export const rpcPath = '/_goRPC_';
/** The answer to CONNECT, without `HTTP/1.0`. */
export const rpcStatus = '200 Connected to Go RPC';

/** Methods of the daemon; `Check` and `GC` are Netloom's own. */
export type Method = 'DHCP.Allocate' | 'DHCP.Release' | 'DHCP.Check' | 'DHCP.GC';

/** What every method takes: how the plugin was called. */
export interface CommandArguments {
  readonly containerId: string;
  /** Absolute. */
  readonly netns: string;
  readonly ifname: string;
  readonly args: string;
  readonly path: string;
  /** The config, JSON. */
  readonly stdin: string;
}

type Fields = { readonly [field: string]: GobValue };

const argumentsType: GobStruct = {
  struct: 'CmdArgs',
  fields: [
    ['ContainerID', 'string'],
    ['Netns', 'string'],
    ['IfName', 'string'],
    ['Args', 'string'],
    ['Path', 'string'],
    ['NetnsOverride', 'string'],
    ['StdinData', 'bytes'],
  ],
};
const requestType: GobStruct = {
  struct: 'Request',
  fields: [
    ['ServiceMethod', 'string'],
    ['Seq', 'uint'],
  ],
};
const responseType: GobStruct = {
  struct: 'Response',
  fields: [
    ['ServiceMethod', 'string'],
    ['Seq', 'uint'],
    ['Error', 'string'],
  ],
};
const nothingType: GobStruct = { struct: '', fields: [] };
const prefixType: GobStruct = {
  struct: 'IPNet',
  fields: [
    ['IP', 'bytes'],
    ['Mask', 'bytes'],
  ],
};
const strings: GobType = { slice: 'string' };
const resultType: GobStruct = {
  struct: 'Result',
  fields: [
    ['CNIVersion', 'string'],
    [
      'IPs',
      {
        slice: {
          struct: 'IPConfig',
          fields: [
            ['Address', prefixType],
            ['Gateway', 'bytes'],
          ],
        },
      },
    ],
    [
      'Routes',
      {
        slice: {
          struct: 'Route',
          fields: [
            ['Dst', prefixType],
            ['GW', 'bytes'],
            ['MTU', 'int'],
            ['AdvMSS', 'int'],
            ['Priority', 'int'],
            ['Table', 'int'],
            ['Scope', 'int'],
          ],
        },
      },
    ],
    [
      'DNS',
      {
        struct: 'DNS',
        fields: [
          ['Nameservers', strings],
          ['Domain', 'string'],
          ['Search', strings],
          ['Options', strings],
        ],
      },
    ],
  ],
};

/** A value with its type. */
export interface Typed {
  readonly type: GobStruct;
  readonly value: Fields;
}

export const nothing: Typed = { type: nothingType, value: {} };

export const requestHeader = (method: string, sequence: number): Typed => ({
  type: requestType,
  value: { ServiceMethod: method, Seq: sequence },
});

export const responseHeader = (method: string, sequence: number, error = ''): Typed => ({
  type: responseType,
  value: { ServiceMethod: method, Seq: sequence, Error: error },
});

function fieldsOf(value: GobValue | undefined): Fields {
  const isStruct =
    typeof value === 'object' &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof Map);
  if (!isStruct) throw new GobError('a struct was expected');
  return value as Fields;
}

function text(fields: Fields, name: string): string {
  const value = fields[name] ?? '';
  if (typeof value !== 'string') throw new GobError(`${name}: a string was expected`);
  return value;
}

function number(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  if (value !== undefined && typeof value !== 'number') throw new GobError(`${name}: a number was expected`);
  return value;
}

function bytes(fields: Fields, name: string): Uint8Array {
  const value = fields[name] ?? new Uint8Array();
  if (!(value instanceof Uint8Array)) throw new GobError(`${name}: bytes were expected`);
  return value;
}

function list(fields: Fields, name: string): readonly GobValue[] {
  const value = fields[name] ?? [];
  if (!Array.isArray(value)) throw new GobError(`${name}: a slice was expected`);
  return value;
}

/** The head of a request or of a response. Throws GobError. */
export function readHeader(value: GobValue): { method: string; sequence: number; error: string } {
  const fields = fieldsOf(value);
  return {
    method: text(fields, 'ServiceMethod'),
    sequence: number(fields, 'Seq') ?? 0,
    error: text(fields, 'Error'),
  };
}

export function writeArguments(args: CommandArguments): Typed {
  const { containerId, netns, ifname, args: pairs, path, stdin } = args;
  return {
    type: argumentsType,
    value: {
      ContainerID: containerId,
      Netns: netns,
      IfName: ifname,
      Args: pairs,
      Path: path,
      StdinData: Buffer.from(stdin),
    },
  };
}

export function readArguments(value: GobValue): CommandArguments {
  const fields = fieldsOf(value);
  return {
    containerId: text(fields, 'ContainerID'),
    netns: text(fields, 'Netns'),
    ifname: text(fields, 'IfName'),
    args: text(fields, 'Args'),
    path: text(fields, 'Path'),
    stdin: Buffer.from(bytes(fields, 'StdinData')).toString('utf8'),
  };
}

function addressBytes(address: string): Uint8Array {
  return parseIp(address) ?? new Uint8Array();
}

function prefixFields(prefix: string): Fields {
  const [address = '', length = ''] = prefix.split('/');
  const ip = addressBytes(address);
  const ones = Number(length);
  const mask = ip.map((_, i) => (0xff00 >> Math.min(8, Math.max(0, ones - 8 * i))) & 0xff);
  return { IP: ip, Mask: mask };
}

/** An address of 4 bytes, or 16: those of IPv4 may come mapped into IPv6. Undefined when there is none. */
function addressIn(fields: Fields, name: string): string | undefined {
  const value = bytes(fields, name);
  if (value.length === 0) return undefined;
  if (value.length === 4) return formatIpv4(value, 0);
  if (value.length !== 16) throw new GobError(`${name}: an address of ${value.length} bytes`);
  const mapped = value.subarray(0, 10).every((byte) => byte === 0) && value[10] === 255 && value[11] === 255;
  return mapped ? formatIpv4(value, 12) : formatIpv6(value, 0);
}

function prefixIn(fields: Fields, name: string): string {
  const prefix = fieldsOf(fields[name]);
  let length = 0;
  for (const byte of bytes(prefix, 'Mask')) length += byte.toString(2).replaceAll('0', '').length;
  return `${addressIn(prefix, 'IP') ?? '0.0.0.0'}/${length}`;
}

export function writeResult({ ips = [], routes = [], dns = {} }: Result): Typed {
  const value: Fields = {
    IPs: ips.map(({ address, gateway }) => ({
      Address: prefixFields(address),
      Gateway: addressBytes(gateway ?? ''),
    })),
    Routes: routes.map(({ dst, gw, mtu, advmss, priority, table, scope }) => ({
      Dst: prefixFields(dst),
      GW: addressBytes(gw ?? ''),
      MTU: mtu ?? 0,
      AdvMSS: advmss ?? 0,
      Priority: priority ?? 0,
      Table: table ?? 0,
      Scope: scope ?? 0,
    })),
    DNS: {
      Nameservers: dns.nameservers ?? [],
      Domain: dns.domain ?? '',
      Search: dns.search ?? [],
      Options: dns.options ?? [],
    },
  };
  return { type: resultType, value };
}

function stringsIn(fields: Fields, name: string): string[] {
  return list(fields, name).map((item) => {
    if (typeof item !== 'string') throw new GobError(`${name}: strings were expected`);
    return item;
  });
}

/** The part of a result that IPAM plugins have. */
export function readResult(value: GobValue): Result {
  const fields = fieldsOf(value);
  const ips = list(fields, 'IPs').map((item): IpConfig => {
    const ip = fieldsOf(item);
    const gateway = addressIn(ip, 'Gateway');
    return { address: prefixIn(ip, 'Address'), ...(gateway === undefined ? {} : { gateway }) };
  });
  const routes = list(fields, 'Routes').map((item): Route => {
    const route = fieldsOf(item);
    const out: Route = { dst: prefixIn(route, 'Dst') };
    const gw = addressIn(route, 'GW');
    if (gw !== undefined) out.gw = gw;
    for (const [key, name] of [
      ['mtu', 'MTU'],
      ['advmss', 'AdvMSS'],
      ['priority', 'Priority'],
      ['table', 'Table'],
      ['scope', 'Scope'],
    ] as const) {
      const given = number(route, name);
      if (given !== undefined) out[key] = given;
    }
    return out;
  });
  const given = fields.DNS === undefined ? {} : fieldsOf(fields.DNS);
  const nameservers = stringsIn(given, 'Nameservers');
  const domain = text(given, 'Domain');
  const search = stringsIn(given, 'Search');
  const options = stringsIn(given, 'Options');
  const dns: Dns = {
    ...(nameservers.length === 0 ? {} : { nameservers }),
    ...(domain === '' ? {} : { domain }),
    ...(search.length === 0 ? {} : { search }),
    ...(options.length === 0 ? {} : { options }),
  };
  return { ips, routes, ...(Object.keys(dns).length === 0 ? {} : { dns }) };
}
