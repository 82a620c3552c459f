import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { CniError, errorCodes } from '../../../cni/errors.js';
import { flock } from '../../../netlink/native.js';
import { type Address, formatAddress, parseAddress } from '../../common/address.js';

/** Whose an address is. */
export interface Owner {
  readonly containerId: string;
  readonly ifname: string;
}

const LOCK_EXCLUSIVE = 2;
const NAMES = /^(lock|last_reserved_ip\..*|\.new-.*)$/;

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}

function failure(what: string, error: unknown): CniError {
  return new CniError(errorCodes.ioFailure, `${what}: ${(error as Error).message}`, '', { cause: error });
}

/**
 * The leases of a network: a file for each address, which the reference's plugin reads and writes too. All of it is
 * done under the directory's lock, which is let go when the process ends, however it ends.
 */
export class Store {
  readonly directory: string;
  #lock = -1;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Opens and locks a network's leases. Throws CniError 5. */
  static open(dataDirectory: string, network: string): Store {
    const store = new Store(join(dataDirectory, network));
    try {
      mkdirSync(store.directory, { recursive: true, mode: 0o755 });
      store.#lock = openSync(join(store.directory, 'lock'), 'a', 0o600);
      flock(store.#lock, LOCK_EXCLUSIVE);
    } catch (error) {
      store.close();
      throw failure(`cannot use the leases' directory ${store.directory}`, error);
    }
    return store;
  }

  close(): void {
    if (this.#lock >= 0) closeSync(this.#lock);
    this.#lock = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Takes an address for an owner; false when it is taken. The file appears with its content or not at all, so that
   * a crash leaves no address that nobody owns.
   */
  reserve(address: Address, owner: Owner): boolean {
    const name = formatAddress(address);
    const path = join(this.directory, name);
    const draft = join(this.directory, `.new-${process.pid}`);
    try {
      writeFileSync(draft, `${owner.containerId.trim()}\r\n${owner.ifname}`, { mode: 0o600 });
      try {
        linkSync(draft, path);
      } catch (error) {
        if (!isCode(error, 'EEXIST')) throw error;
        // left empty by a crash of an older plugin: nobody's
        if (readFileSync(path, 'utf8').trim() !== '') return false;
        renameSync(draft, path);
        return true;
      }
      return true;
    } catch (error) {
      throw failure(`cannot write the lease ${path}`, error);
    } finally {
      this.#remove(draft);
    }
  }

  #remove(path: string): boolean {
    try {
      unlinkSync(path);
      return true;
    } catch (error) {
      if (isCode(error, 'ENOENT')) return false;
      throw failure(`cannot remove ${path}`, error);
    }
  }

  /** The address given out last from a range set. */
  last(set: number): Address | undefined {
    try {
      return parseAddress(readFileSync(join(this.directory, `last_reserved_ip.${set}`), 'utf8'));
    } catch (error) {
      if (isCode(error, 'ENOENT')) return undefined;
      throw failure(`cannot read last_reserved_ip.${set}`, error);
    }
  }

  setLast(set: number, address: Address): void {
    const path = join(this.directory, `last_reserved_ip.${set}`);
    try {
      writeFileSync(path, formatAddress(address), { mode: 0o600 });
    } catch (error) {
      throw failure(`cannot write ${path}`, error);
    }
  }

  /** Every lease: its file's name and what stands in it, trimmed. */
  leases(): { name: string; content: string }[] {
    const found: { name: string; content: string }[] = [];
    try {
      for (const entry of readdirSync(this.directory, { withFileTypes: true })) {
        if (!entry.isFile() || NAMES.test(entry.name)) continue;
        found.push({
          name: entry.name,
          content: readFileSync(join(this.directory, entry.name), 'utf8').trim(),
        });
      }
    } catch (error) {
      throw failure(`cannot read the leases in ${this.directory}`, error);
    }
    return found;
  }

  /** Leases of an owner; those that old plugins wrote without the interface's name only where there are no others. */
  leasesOf({ containerId, ifname }: Owner): string[] {
    const all = this.leases();
    const own = all.filter(({ content }) => content === `${containerId.trim()}\r\n${ifname}`);
    const legacy = own.length > 0 ? own : all.filter(({ content }) => content === containerId.trim());
    return legacy.map(({ name }) => name);
  }

  /** Gives leases back. */
  release(names: readonly string[]): void {
    for (const name of names) this.#remove(join(this.directory, name));
  }
}
