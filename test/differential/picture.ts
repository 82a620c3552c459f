import type { Json } from '../plugins/support/host.js';
import type { Lab } from '../support/lab.js';

export interface Link extends Json {
  readonly ifindex: number;
  readonly ifname: string;
  readonly address?: string;
  readonly link_index?: number;
  readonly link?: string;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly linkinfo?: {
    info_kind?: string;
    info_data?: Json;
    info_slave_kind?: string;
    info_slave_data?: Json;
  };
}

/** What programs say of a namespace. */
export interface Picture {
  readonly lab: Lab;
  readonly links: readonly Link[];
  readonly addresses: readonly (Link & { addr_info: Json[] })[];
  readonly routes: readonly Json[];
  readonly rules: readonly Json[];
  /** The host's only. */
  readonly qdiscs: readonly Json[];
  /** The host's only. */
  readonly nftables: readonly Json[];
  /** By their path below `/proc/sys/net`; none where they were not asked for. */
  readonly sysctls: ReadonlyMap<string, string>;
}

const ip = (family: 4 | 6): string =>
  `ip -${family} -j -d -batch - <<END\nlink show\naddress show\nroute show table all\nrule show\nEND\n`;

/** Those that plugins are known to touch, and all of every interface. */
const sysctls = 'ipv4/ip_forward ipv4/ip_local_port_range core/somaxconn ipv4/conf ipv6/conf';

const scripts = {
  links: `${ip(4)}${ip(6)}`,
  rules: 'tc -j -d qdisc show\nnft -j list ruleset\n',
  sysctls: `cd /proc/sys/net && grep -rs . ${sysctls}\n`,
};

/** Has programs other than Netloom tell the state of a namespace. One shell, since starting programs is what takes time. */
export function picture(lab: Lab, isHost: boolean, withSysctls: boolean): Picture {
  const script = `${scripts.links}${isHost ? scripts.rules : ''}${withSysctls ? scripts.sysctls : ''}`;
  const lines = lab
    .run('sh', '-c', `${script}true`)
    .split('\n')
    .filter((line) => line.trim() !== '');
  const documents = lines.filter((line) => /^[[{]/.test(line)).map((line) => JSON.parse(line));
  const [links, four, routes4, rules4, , six, routes6, rules6, qdiscs, ruleset] = documents as [
    Link[],
    Picture['addresses'],
    Json[],
    Json[],
    unknown,
    Picture['addresses'],
    Json[],
    Json[],
    Json[] | undefined,
    { nftables: Json[] } | undefined,
  ];
  const inet = rules4.map((rule) => ({ ...rule, family: 'inet' }));
  const inet6 = rules6.map((rule) => ({ ...rule, family: 'inet6' }));
  return {
    lab,
    links,
    addresses: [...four, ...six],
    routes: [...routes4, ...routes6],
    rules: [...inet, ...inet6],
    qdiscs: qdiscs ?? [],
    nftables: ruleset?.nftables ?? [],
    sysctls: new Map(
      lines
        .filter((line) => /^[a-z]/.test(line))
        .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
    ),
  };
}
