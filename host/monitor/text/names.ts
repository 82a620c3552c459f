import { readdirSync, readFileSync } from 'node:fs';

/** What lines need to know that is not in the message. */
export interface Naming {
  /** A link's name; `if5` for an index that no link has. */
  device(index: number): string;
  /** Flags (IFF_*) of a link as last heard; undefined when it is not known. */
  deviceFlags(index: number): number | undefined;
  /** Type (ARPHRD_*) of a link as last heard. */
  deviceType(index: number): number | undefined;
  /** What `ip netns` calls the namespace with this number. */
  namespace(nsid: number): string | undefined;
}

type Numbered = Readonly<Record<number, string>>;

const directories = ['/etc/iproute2', '/usr/share/iproute2', '/usr/lib/iproute2'];

function parse(text: string): [number, string][] {
  return text.split('\n').flatMap((line): [number, string][] => {
    const [number, name] = line.trim().split(/\s+/);
    if (number === undefined || name === undefined || number.startsWith('#')) return [];
    const value = Number(number);
    return Number.isInteger(value) ? [[value, name]] : [];
  });
}

function read(path: string): [number, string][] {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch {
    return [];
  }
}

/** Names of numbers as iproute2 has them: its own, then those of its files (`rt_tables`, `rt_tables.d/*.conf`). */
function table(
  file: string,
  own: Numbered,
  base: (directory: string) => string = (at) => at,
): () => Numbered {
  let known: Record<number, string> | undefined;
  return () => {
    if (known !== undefined) return known;
    known = { ...own };
    // the administrator's file takes the place of the distribution's
    const directory = directories.find((at) => read(`${base(at)}/${file}`).length > 0) ?? '/etc/iproute2';
    let more: string[] = [];
    try {
      more = readdirSync(`${base(directory)}/${file}.d`).filter((name) => name.endsWith('.conf'));
    } catch {
      // none
    }
    for (const path of [
      `${base(directory)}/${file}`,
      ...more.map((name) => `${base(directory)}/${file}.d/${name}`),
    ]) {
      for (const [number, name] of read(path)) known[number] = name;
    }
    return known;
  };
}

const tables = table('rt_tables', { 253: 'default', 254: 'main', 255: 'local' });
const protocols = table('rt_protos', {
  0: 'unspec',
  1: 'redirect',
  2: 'kernel',
  3: 'boot',
  4: 'static',
  8: 'gated',
  9: 'ra',
  10: 'mrt',
  11: 'zebra',
  12: 'bird',
  13: 'dnrouted',
  14: 'xorp',
  15: 'ntk',
  16: 'dhcp',
  18: 'keepalived',
  42: 'babel',
  99: 'openr',
  186: 'bgp',
  187: 'isis',
  188: 'ospf',
  189: 'rip',
  192: 'eigrp',
});
const scopes = table('rt_scopes', { 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' });
const realms = table('rt_realms', { 0: 'unknown' });
const groups = table('group', { 0: 'default' });
const fields = table('rt_dsfield', {});

export const tableName = (number: number): string => tables()[number] ?? String(number);
export const protocolName = (number: number): string => protocols()[number] ?? String(number);
export const scopeName = (number: number): string => scopes()[number] ?? String(number);
export const realmName = (number: number): string => realms()[number] ?? String(number);
export const groupName = (number: number): string => groups()[number] ?? String(number);
/** A type of service; those without a name in hexadecimal. */
export const fieldName = (number: number): string =>
  fields()[number] ?? `0x${number.toString(16).padStart(2, '0')}`;

const ipProtocols = table('protocols', { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'ipv6-icmp', 132: 'sctp' });
export const ipProtocolName = (number: number): string => ipProtocols()[number] ?? `ipproto-${number}`;

/** Address families as iproute2 writes them. */
export function familyText(family: number): string {
  switch (family) {
    case 2:
      return 'inet';
    case 7:
      return 'bridge';
    case 10:
      return 'inet6';
    case 17:
      return 'link';
    case 28:
      return 'mpls';
    default:
      return family === 0 ? '???' : String(family);
  }
}

/** The bits of flags that were decoded to names. */
export function bits(names: Readonly<Record<string, number>>, flags: readonly (string | number)[]): number {
  let value = 0;
  for (const flag of flags) value |= typeof flag === 'number' ? flag : (names[flag] ?? 0);
  return value >>> 0;
}

/** The number of a value that was decoded to a name, where it has one. */
export function numberOf(
  names: Readonly<Record<string, number>>,
  value: string | number | undefined,
): number {
  return typeof value === 'string' ? (names[value] ?? 0) : (value ?? 0);
}

/** Seconds as C's `%g`, for times of 1000 ms and more; else in ms. */
export function milliseconds(value: number): string {
  return value >= 1000 ? `${Number((value / 1000).toPrecision(6))}s` : `${value}ms`;
}

const TUNNEL = 768;
const TUNNEL6 = 769;
const SIT = 776;
const IPGRE = 778;
const IP6GRE = 823;

/** A hardware address; that of a tunnel is its endpoint's. */
export function hardwareAddress(text: string, type: number | undefined): string {
  const octets = text.split(':');
  if (octets.length === 4 && (type === TUNNEL || type === SIT || type === IPGRE)) {
    return octets.map((octet) => Number.parseInt(octet, 16)).join('.');
  }
  if (octets.length === 16 && (type === TUNNEL6 || type === IP6GRE)) return ipv6Text(octets);
  return text;
}

function ipv6Text(octets: readonly string[]): string {
  const words = Array.from({ length: 8 }, (_, i) => `${octets[2 * i]}${octets[2 * i + 1]}`);
  // URL writes addresses as RFC 5952 wants them
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1);
}
