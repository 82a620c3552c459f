import { formatAddress, formatCidr, networkOf, parseAddress } from '../../common/address.js';
import { type Family, isOf, lastHostPort, type Mapping, type Published } from './mapping.js';

/* What is in an attachment's chain, as iptables-save prints it. */

const LOOPBACK = { ip: '127.0.0.1/32', ip6: '::1/128' } as const;

function portsOf(mapping: Mapping): string {
  const last = lastHostPort(mapping);
  return last === mapping.hostPort ? String(last) : `${mapping.hostPort}:${last}`;
}

/** Where packets go: the last form shifts ports by as many as the first one is shifted. */
function destinationOf(mapping: Mapping, address: string): string {
  const { hostPort, containerPort, range } = mapping;
  const host = address.includes(':') ? `[${address}]` : address;
  if (range === 1) return `${host}:${containerPort}`;
  if (hostPort === containerPort) return address;
  return `${host}:${containerPort}-${containerPort + range - 1}/${hostPort}`;
}

function hostMatch({ hostIP }: Mapping): string {
  return hostIP === undefined ? '' : `-d ${hostIP}/${hostIP.includes(':') ? 128 : 32} `;
}

/** The rules of an attachment's chain: for each mapping some that mark, then one that translates. */
export function chainRules(published: Published, family: Family, markChain: string): string[] {
  const { targets, mappings, snat, masqAll } = published;
  const target = targets[family];
  if (target === undefined) return [];
  const sources = !snat ? [] : masqAll ? [undefined] : [formatCidr(networkOf(target)), LOOPBACK[family]];
  return mappings
    .filter((mapping) => isOf(mapping, family))
    .flatMap((mapping) => {
      const match = `${hostMatch(mapping)}-p ${mapping.protocol} -m ${mapping.protocol} --dport ${portsOf(mapping)}`;
      return [
        ...sources.map((source) => `${source === undefined ? '' : `-s ${source} `}${match} -j ${markChain}`),
        `${match} -j DNAT --to-destination ${destinationOf(mapping, formatAddress(target.address))}`,
      ];
    });
}

/** Ports of one rule of the match `multiport`; a range counts as two. */
const MULTIPORT_LENGTH = 15;

/** What leads to an attachment's chain: protocols in their names' order, each with lists of ports. */
export function portLists(mappings: readonly Mapping[]): { protocol: string; ports: string }[] {
  const names = [...new Set(mappings.map(({ protocol }) => protocol))].sort();
  return names.flatMap((protocol) => {
    const groups: string[][] = [];
    let room = 0;
    for (const mapping of mappings.filter((one) => one.protocol === protocol)) {
      const size = mapping.range === 1 ? 1 : 2;
      if (size > room) {
        groups.push([]);
        room = MULTIPORT_LENGTH;
      }
      room -= size;
      groups.at(-1)?.push(portsOf(mapping));
    }
    return groups.map((ports) => ({ protocol, ports: ports.join(',') }));
  });
}

/** Rules of a chain that belong together: those that mark, and the translation they are for. */
export interface Group {
  /** Canonical; empty when it is none of ours. */
  readonly target: string;
  /** `tcp 8080` or `tcp 8000:8010` */
  readonly port: string;
  readonly rules: readonly string[];
}

/** Takes a chain apart. */
export function groupsOf(rules: readonly string[]): Group[] {
  const groups: Group[] = [];
  let pending: string[] = [];
  for (const rule of rules) {
    pending.push(rule);
    const destination = / -j DNAT --to-destination (\S+)/.exec(rule)?.[1];
    if (destination === undefined) continue;
    const text = /^\[(.*)\]/.exec(destination)?.[1] ?? addressPart(destination);
    const address = parseAddress(text);
    const target = address === undefined ? '' : formatAddress(address);
    groups.push({ target, port: portOf(rule), rules: pending });
    pending = [];
  }
  if (pending.length > 0) groups.push({ target: '', port: '', rules: pending });
  return groups;
}

/** The address of a destination without brackets: one of IPv6 has no port then. */
function addressPart(destination: string): string {
  const parts = destination.split(':');
  return parts.length > 2 ? destination : (parts[0] as string);
}

function portOf(rule: string): string {
  const [, protocol = '', port = ''] = /-p (\S+) .*--dport (\S+)/.exec(rule) ?? [];
  return `${protocol} ${port}`;
}

/** Ports of a rule that leads to an attachment's chain, as `Group` has them. */
export function listedPorts(rule: string): string[] {
  const [, protocol = '', ports = ''] = /-p (\S+) .*--dports (\S+)/.exec(rule) ?? [];
  return ports === '' ? [] : ports.split(',').map((port) => `${protocol} ${port}`);
}
