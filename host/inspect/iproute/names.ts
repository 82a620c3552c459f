import { readdirSync, readFileSync } from 'node:fs';

/** Where iproute2 looks for names of numbers: the administrator's, then the distribution's. */
const directories = ['/etc/iproute2', '/usr/share/iproute2', '/usr/lib/iproute2'] as const;

function linesOf(file: string): string[] {
  for (const directory of directories) {
    try {
      const more = readMore(`${directory}/${file}.d`);
      return [...readFileSync(`${directory}/${file}`, 'utf8').split('\n'), ...more];
    } catch {
      // the next
    }
  }
  return [];
}

function readMore(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.conf'))
      .flatMap((name) => readFileSync(`${directory}/${name}`, 'utf8').split('\n'));
  } catch {
    return [];
  }
}

/** Names of numbers as iproute2 has them, in one of its files and without it. */
class Names {
  readonly #file: string;
  #names: Map<number, string> | undefined;
  readonly #known: Readonly<Record<number, string>>;

  readonly #text: (number: number) => string;

  constructor(
    file: string,
    known: Readonly<Record<number, string>>,
    text: (number: number) => string = String,
  ) {
    this.#file = file;
    this.#known = known;
    this.#text = text;
  }

  #all(): Map<number, string> {
    if (this.#names !== undefined) return this.#names;
    const names = new Map(Object.entries(this.#known).map(([number, name]) => [Number(number), name]));
    for (const line of linesOf(this.#file)) {
      const [, number, name] = /^\s*(0x[0-9a-fA-F]+|\d+)\s+(\S+)/.exec(line) ?? [];
      if (number !== undefined && name !== undefined) names.set(Number(number), name);
    }
    this.#names = names;
    return names;
  }

  /** The name, or the number as text. */
  of(number: number): string {
    return this.#all().get(number) ?? this.#text(number);
  }

  /** The number of a name, or of a number as text. */
  number(text: string): number | undefined {
    if (/^\d+$/.test(text)) return Number(text);
    for (const [number, name] of this.#all()) if (name === text) return number;
    return undefined;
  }
}

/** Routing tables, rt_tables. */
export const tables = new Names('rt_tables', { 253: 'default', 254: 'main', 255: 'local' });
/** Who made a route, rt_protos; linux/rtnetlink.h, RTPROT_*. */
export const protocols = new Names('rt_protos', {
  0: 'unspec',
  1: 'redirect',
  2: 'kernel',
  3: 'boot',
  4: 'static',
});
/** Reach of addresses and routes, rt_scopes. */
export const scopes = new Names('rt_scopes', {
  0: 'global',
  200: 'site',
  253: 'link',
  254: 'host',
  255: 'nowhere',
});
/** Groups of links, group. */
export const groups = new Names('group', { 0: 'default' });
/** Realms of routes, rt_realms. */
export const realms = new Names('rt_realms', { 0: 'unknown' });
/** Types of service, rt_dsfield. */
export const services = new Names('rt_dsfield', {}, (number) => `0x${number.toString(16).padStart(2, '0')}`);

/** Users or groups of this host by number; undefined where there is none of that number. */
function accounts(file: string): (id: number) => string | undefined {
  let names: Map<number, string> | undefined;
  return (id) => {
    if (names === undefined) {
      names = new Map();
      try {
        for (const line of readFileSync(file, 'utf8').split('\n')) {
          const [name, , number] = line.split(':');
          if (name && number && !names.has(Number(number))) names.set(Number(number), name);
        }
      } catch {
        // numbers will do
      }
    }
    return names.get(id);
  };
}

export const userName = accounts('/etc/passwd');
export const groupName = accounts('/etc/group');

/** IPPROTO_*, netinet/in.h */
export const transports: Readonly<Record<number, string>> = {
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  47: 'gre',
  50: 'esp',
  51: 'ah',
  58: 'ipv6-icmp',
  132: 'sctp',
};
