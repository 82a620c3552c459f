import { readFileSync } from 'node:fs';
import { errnoMeaning } from '../../../codec/errno.js';
import { formatCidr, networkOf, parseCidr } from '../../common/address.js';

/** What flanneld says of this host: the file that it writes once it has a subnet. */
export interface Subnet {
  /** The whole overlay, of both families: CIDRs. */
  readonly networks: readonly string[];
  /** This host's part of it, one for each family: CIDRs. */
  readonly subnets: readonly string[];
  /** Bytes. */
  readonly mtu: number;
  /** Does flanneld masquerade? */
  readonly ipMasq: boolean;
}

const LARGEST_U32 = 0xffff_ffff;

const keys = [
  'FLANNEL_NETWORK',
  'FLANNEL_SUBNET',
  'FLANNEL_IPV6_NETWORK',
  'FLANNEL_IPV6_SUBNET',
  'FLANNEL_MTU',
  'FLANNEL_IPMASQ',
] as const;
type Key = (typeof keys)[number];

/** The lines `KEY=VALUE` whose keys are flannel's; others may be anything. */
function pairs(text: string): Partial<Record<Key, string>> {
  const found: Partial<Record<Key, string>> = {};
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    const [name = ''] = trimmed.split('=', 1);
    const key = keys.find((known) => known === name.trim());
    if (key === undefined) continue;
    if (!trimmed.includes('=')) throw new Error(`the line "${trimmed}" has no value`);
    found[key] = trimmed.slice(name.length + 1).trim();
  }
  return found;
}

function prefixOf(text: string, key: Key, bits: number): string {
  const cidr = parseCidr(text.trim());
  if (cidr === undefined || cidr.address.bits !== bits) {
    throw new Error(
      `${key}: expected a network of IPv${bits === 32 ? 4 : 6} in CIDR notation, got "${text.trim()}"`,
    );
  }
  return formatCidr(networkOf(cidr));
}

/** Reads what flanneld wrote. Throws an Error that says what is wrong with it. */
export function parseSubnet(text: string, path: string): Subnet {
  const found = pairs(text);
  const list = (key: Key, bits: number): string[] => [
    ...new Set(
      (found[key] ?? '').split(',').flatMap((one) => (one === '' ? [] : [prefixOf(one, key, bits)])),
    ),
  ];
  const networks = [...list('FLANNEL_NETWORK', 32), ...list('FLANNEL_IPV6_NETWORK', 128)];
  const subnets = (
    [
      ['FLANNEL_SUBNET', 32],
      ['FLANNEL_IPV6_SUBNET', 128],
    ] as const
  ).flatMap(([key, bits]) => (found[key] ? [prefixOf(found[key], key, bits)] : []));
  const missing = [
    ...(networks.length === 0 ? ['FLANNEL_NETWORK', 'FLANNEL_IPV6_NETWORK'] : []),
    ...(subnets.length === 0 ? ['FLANNEL_SUBNET', 'FLANNEL_IPV6_SUBNET'] : []),
    ...(found.FLANNEL_MTU ? [] : ['FLANNEL_MTU']),
    ...(found.FLANNEL_IPMASQ === undefined ? ['FLANNEL_IPMASQ'] : []),
  ];
  if (missing.length > 0) throw new Error(`${path} is missing ${missing.join(', ')}`);
  const mtu = Number(found.FLANNEL_MTU);
  if (!/^\d+$/.test(found.FLANNEL_MTU ?? '') || mtu > LARGEST_U32) {
    throw new Error(`FLANNEL_MTU: expected a number of bytes, got "${found.FLANNEL_MTU}"`);
  }
  return { networks, subnets, mtu, ipMasq: found.FLANNEL_IPMASQ === 'true' };
}

/** Reads flanneld's file. Throws an Error that says what is wrong with it. */
export function readSubnet(path: string): Subnet {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const { errno = 0 } = cause as NodeJS.ErrnoException;
    throw new Error(`open ${path}: ${errnoMeaning(Math.abs(errno)).toLowerCase()}`, { cause });
  }
  return parseSubnet(text, path);
}
