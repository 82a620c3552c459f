import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pid } from 'node:process';
import {
  anything,
  array,
  integer,
  integerIn,
  object,
  optional,
  type Read,
  record,
  string,
} from '../../../cni/config.js';
import { replaceFile } from '../../../cni/replace-file.js';
import { isCode } from '../../../namespace/errors.js';
import { flock } from '../../../netlink/native.js';
import type { ClientOptions } from './config.js';
import { DhcpError } from './errors.js';
import type { LeaseTerms } from './terms.js';

/** A lease as it is kept on disk, so that the daemon's successor goes on with it. */
export interface LeaseRecord {
  /** Of the machine's start: leases do not outlive it, as no namespace does. */
  readonly boot: string;
  readonly containerId: string;
  readonly network: string;
  readonly ifname: string;
  /** As the runtime gave it, without the daemon's prefix. */
  readonly netns: string;
  /** Device and inode of the namespace: another one may come to have the same path. */
  readonly namespace: { readonly dev: number; readonly ino: number };
  readonly ifindex: number;
  readonly options: ClientOptions;
  readonly terms: LeaseTerms;
  /** Link-layer address on the way to the server. */
  readonly mac: Uint8Array;
  /** When the lease was last asked for, seconds since the machine's start. */
  readonly since: number;
  /** When the attachment was made, as above. */
  readonly created: number;
}

const number = {
  read: (value: unknown, path: string) => (typeof value === 'number' ? value : integer.read(value, path)),
};
const seconds = {
  read: (value: unknown, path: string) => (value === null ? null : number.read(value, path)),
};
const hex = {
  read: (value: unknown, path: string) => Uint8Array.from(Buffer.from(string.read(value, path), 'hex')),
};
const octet = integerIn(0, 255);

const shape = object({
  boot: string,
  containerId: string,
  network: string,
  ifname: string,
  netns: string,
  namespace: object({ dev: integer, ino: integer }),
  ifindex: integer,
  options: object({ provided: record, requested: array(octet) }),
  terms: object({
    address: string,
    prefixLength: integerIn(0, 32),
    server: string,
    routers: array(string),
    routes: array(object({ dst: string, router: string })),
    dns: anything,
    mtu: optional(integer),
    leaseTime: seconds,
    renewalTime: seconds,
    rebindingTime: seconds,
  }),
  mac: hex,
  since: number,
  created: number,
});

function toJson(lease: LeaseRecord): unknown {
  const { provided, requested } = lease.options;
  const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return {
    ...lease,
    mac: hexOf(lease.mac),
    options: {
      provided: Object.fromEntries([...provided].map(([code, value]) => [code, hexOf(value)])),
      requested,
    },
  };
}

function fromJson(text: string): LeaseRecord {
  const read: Read<typeof shape> = shape.read(JSON.parse(text), '');
  const provided = Object.entries(read.options.provided).map(
    ([code, value]) =>
      [octet.read(Number(code), 'options.provided'), hex.read(value, `options.provided.${code}`)] as const,
  );
  return {
    ...read,
    options: { provided: new Map(provided), requested: read.options.requested },
    terms: read.terms as LeaseTerms,
  };
}

/** Identifies the machine's start. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Where the leases of the daemon with this socket are kept. */
export function leaseDirectory(socketPath: string): string {
  return `${socketPath.replace(/\.sock$/, '')}.leases`;
}

const LOCK_EX_NB = 2 | 4;

/** The leases of one daemon, a file each. Who has it open has it alone. */
export class LeaseStore {
  readonly #directory: string;
  readonly #lock: number;
  readonly #boot = bootId();

  private constructor(directory: string, lock: number) {
    this.#directory = directory;
    this.#lock = lock;
  }

  /** Makes the directory where it is missing. Throws DhcpError `ERR_DHCP_STATE` where another process has it open. */
  static open(directory: string): LeaseStore {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const lock = openSync(join(directory, 'lock'), 'a', 0o600);
    try {
      flock(lock, LOCK_EX_NB);
    } catch (error) {
      closeSync(lock);
      if (!isCode(error, 'EAGAIN')) throw error;
      throw new DhcpError('ERR_DHCP_STATE', `${directory} belongs to a DHCP daemon that runs`, {
        cause: error,
      });
    }
    return new LeaseStore(directory, lock);
  }

  get boot(): string {
    return this.#boot;
  }

  #path({ containerId, network, ifname }: Pick<LeaseRecord, 'containerId' | 'network' | 'ifname'>): string {
    const hash = createHash('sha256').update(`${containerId}/${network}/${ifname}`).digest('hex');
    return join(this.#directory, `${hash.slice(0, 40)}.json`);
  }

  /** All leases of this start of the machine; older ones are removed. What cannot be read is left, and told of. */
  load(log: (message: string) => void): LeaseRecord[] {
    const leases: LeaseRecord[] = [];
    for (const name of readdirSync(this.#directory)) {
      const path = join(this.#directory, name);
      // a draft that nobody will finish
      if (name.startsWith('.')) rmSync(path, { force: true });
      if (!/^[0-9a-f]+\.json$/.test(name)) continue;
      try {
        const lease = fromJson(readFileSync(path, 'utf8'));
        if (lease.boot === this.#boot) leases.push(lease);
        else rmSync(path, { force: true });
      } catch (error) {
        log(`${path} is no lease: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return leases;
  }

  /** Writes a lease: the file is the new or the old one, whenever the machine stops. */
  save(lease: LeaseRecord): void {
    const path = this.#path(lease);
    const draft = join(this.#directory, `.${pid}.draft`);
    replaceFile(path, JSON.stringify(toJson(lease)), { draft, mode: 0o600, durable: true });
  }

  remove(name: Pick<LeaseRecord, 'containerId' | 'network' | 'ifname'>): void {
    rmSync(this.#path(name), { force: true });
  }

  close(): void {
    closeSync(this.#lock);
  }
}
