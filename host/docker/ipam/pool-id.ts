import { type Cidr, contains, formatCidr, networkOf, parseCidr } from '../../cni/address.js';
import { badRequest } from '../errors.js';

/** Pools of one host; those of a swarm's managers are the global ones. */
export const addressSpaces = { local: 'netloom-local', global: 'netloom-global' } as const;

/**
 * What a pool is, which its identifier tells whole: `netloom-local/10.1.0.0/16`, with a sub-pool
 * `netloom-local/10.1.0.0/16/10.1.5.0/24`. Docker keeps identifiers for as long as a network lives, so that a driver that
 * has lost its state still knows what is meant.
 */
export interface PoolId {
  readonly space: string;
  readonly pool: Cidr;
  readonly subPool: Cidr | undefined;
}

function read(text: string, what: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw badRequest(`${what} ${JSON.stringify(text)} is no subnet like 10.1.0.0/16`);
  return networkOf(cidr);
}

/** Throws DockerError `ERR_DOCKER_REQUEST`. */
export function poolIdOf(space: string, poolText: string, subPoolText: string): PoolId {
  if (!/^[A-Za-z0-9_.-]{1,64}$/.test(space) || /^\.+$/.test(space))
    throw badRequest(`unknown address space ${JSON.stringify(space)}`);
  const pool = read(poolText, 'the pool');
  if (pool.length === 0) {
    throw badRequest(
      `${formatCidr(pool)} is no pool to give addresses from: where others give them (DHCP, CNI), use --ipam-driver null`,
    );
  }
  if (subPoolText === '') return { space, pool, subPool: undefined };
  const subPool = read(subPoolText, 'the range of addresses');
  if (!contains(pool, subPool.address) || subPool.length < pool.length)
    throw badRequest(`the range ${formatCidr(subPool)} is not in the pool ${formatCidr(pool)}`);
  return { space, pool, subPool };
}

export function formatPoolId({ space, pool, subPool }: PoolId): string {
  return [space, formatCidr(pool), ...(subPool === undefined ? [] : [formatCidr(subPool)])].join('/');
}

/** Throws DockerError `ERR_DOCKER_REQUEST`. */
export function parsePoolId(text: string): PoolId {
  const parts = text.split('/');
  const [space = '', address = '', length = '', subAddress, subLength] = parts;
  if (parts.length !== 3 && parts.length !== 5) throw badRequest(`unknown pool ${JSON.stringify(text)}`);
  return poolIdOf(
    space,
    `${address}/${length}`,
    subAddress === undefined ? '' : `${subAddress}/${subLength ?? ''}`,
  );
}

/** Name of the network of leases of a pool: all sub-pools share it, so that no address is given twice. */
export function leaseNetwork({ space, pool }: PoolId): string {
  return `${space}_${formatCidr(pool).replace('/', '_')}`;
}
