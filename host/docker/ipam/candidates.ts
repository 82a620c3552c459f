import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Cidr, networkOf, parseCidr, plus } from '../../cni/address.js';
import type { Network } from '../../network/network.js';
import { MAIN_TABLE } from '../../plugins/common/tables.js';
import { badRequest } from '../errors.js';

/** A stock of pools: a network, and the length of the prefixes that it is cut into. */
export interface Stock {
  readonly network: Cidr;
  readonly length: number;
}

/** Reads `10.200.0.0/16,24`. Throws DockerError `ERR_DOCKER_REQUEST`. */
export function parseStock(text: string): Stock {
  const [network = '', length = ''] = text.split(',');
  const cidr = parseCidr(network);
  if (
    cidr === undefined ||
    !/^\d{1,3}$/.test(length) ||
    Number(length) < cidr.length ||
    Number(length) > cidr.address.bits
  )
    throw badRequest(`${JSON.stringify(text)} is no stock of pools like 10.200.0.0/16,24`);
  return { network: networkOf(cidr), length: Number(length) };
}

/** Those that Docker's own IPAM takes from when nothing else is configured. */
const custom = ['172.16.0.0/12,16', '192.168.0.0/16,20'].map(parseStock);
/** 172.16.0.0/16 is passed over by Docker too. */
const passedOver = '172.16.0.0/16';

/** A unique local network (RFC 4193) of this machine, in pools of /64. */
function uniqueLocal(): Stock {
  let machine = 'netloom';
  try {
    machine = readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    // a container has none
  }
  const digest = createHash('sha256').update(`netloom docker ${machine}`).digest('hex');
  const [a, b, c] = [digest.slice(0, 2), digest.slice(2, 6), digest.slice(6, 10)];
  return parseStock(`fd${a}:${b}:${c}::/48,64`);
}

/** Pools to choose from, one after the other. */
export function* poolCandidates(v6: boolean, own: readonly Stock[]): Generator<Cidr> {
  const bits = v6 ? 128 : 32;
  const mine = own.filter(({ network }) => network.address.bits === bits);
  const stocks = mine.length > 0 ? mine : v6 ? [uniqueLocal()] : custom;
  for (const { network, length } of stocks) {
    const size = 1n << BigInt(bits - length);
    for (let i = 0n; i < 1n << BigInt(length - network.length); i++) {
      const pool = { address: plus(network.address, i * size), length };
      if (mine.length === 0 && parseCidr(passedOver)?.address.value === pool.address.value && !v6) continue;
      yield pool;
    }
  }
}

/** The networks that the host has routes to, default routes left out: a pool must not hide them. */
export async function routedNetworks({ routes }: Network, v6: boolean): Promise<Cidr[]> {
  // a filter by table would be refused where nothing has been routed yet
  const all = await routes.list({ family: v6 ? 'inet6' : 'inet' });
  return all
    .filter(({ table }) => table === MAIN_TABLE)
    .map(({ dst }) => parseCidr(dst.includes('/') ? dst : `${dst}/${v6 ? 128 : 32}`))
    .filter((cidr) => cidr !== undefined)
    .filter(({ length }) => length > 0);
}
