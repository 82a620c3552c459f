import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { makeDirectory } from '../../../cni/directory.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import { errnoMeaning } from '../../../codec/errno.js';
import { flock } from '../../../netlink/native.js';
import { type Address, formatAddress, parseAddress } from '../../common/address.js';
import { type Lease, LeaseIndex, recall, remember } from './lease-index.js';

/** Whose an address is. */
export interface Owner {
  readonly containerId: string;
  readonly ifname: string;
}

const LOCK_EXCLUSIVE = 2;
/** A lease in the making. Only who has the lock makes one, so whatever is found there is left by a crash. */
const DRAFT = '.netloom-draft';
const LAST_RESERVED = 'last_reserved_ip.';
/** Room for what a file with an address holds, or for more than that. */
const known = Buffer.alloc(64);

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}

/** An error of the file system: the path, and what the system says. */
export function ioFailure(what: string, error: unknown): CniError {
  const { errno, message } = error as NodeJS.ErrnoException;
  const reason = typeof errno === 'number' ? errnoMeaning(Math.abs(errno)).toLowerCase() : message;
  return new CniError(errorCodes.ioFailure, `${what}: ${reason}`, '', { cause: error });
}

function text(owner: Owner): string {
  return `${owner.containerId.trim()}\r\n${owner.ifname}`;
}

/**
 * The leases of a network: a file for each address, which the reference's plugin reads and writes too. All of it is
 * done under the directory's lock (flock(2)), which is let go when the process ends, however it ends.
 */
export class Store implements Disposable {
  readonly directory: string;
  #lock = -1;
  #index: LeaseIndex | undefined;
  #changed = false;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Is there a directory for a network's leases? */
  static exists(dataDirectory: string, network: string): boolean {
    return existsSync(join(dataDirectory, network));
  }

  /** Throws CniError 5 unless a network's leases can be written, or their directory be made. */
  static requireWritable(dataDirectory: string, network: string): void {
    let path = join(dataDirectory, network);
    while (!existsSync(path) && dirname(path) !== path) path = dirname(path);
    try {
      // of a file, this is no directory
      accessSync(join(path, '.'), constants.W_OK);
      readdirSync(path);
    } catch (error) {
      throw ioFailure(`cannot keep leases in ${join(dataDirectory, network)}: ${path}`, error);
    }
  }

  /** Opens and locks a network's leases; the directory is made where it is missing. Throws CniError 5. */
  static open(dataDirectory: string, network: string): Store {
    const store = new Store(join(dataDirectory, network));
    try {
      store.#lock = openLock(store.directory);
      flock(store.#lock, LOCK_EXCLUSIVE);
    } catch (error) {
      store.close();
      throw ioFailure(`cannot lock the leases in ${store.directory}`, error);
    }
    return store;
  }

  close(): void {
    if (this.#lock >= 0) {
      if (this.#changed && this.#index !== undefined) remember(this.directory, this.#index);
      closeSync(this.#lock);
    }
    this.#lock = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Takes an address for an owner; false when it is taken. The file appears with its content or not at all, so that a
   * crash leaves no address that nobody owns. Throws CniError 5.
   */
  reserve(address: Address, owner: Owner): boolean {
    const name = formatAddress(address);
    const path = join(this.directory, name);
    const draft = join(this.directory, DRAFT);
    const content = text(owner);
    this.#changed = true;
    try {
      this.#writeDraft(draft, content);
      try {
        linkSync(draft, path);
      } catch (error) {
        if (!isCode(error, 'EEXIST') || readFileSync(path, 'utf8').trim() !== '') throw error;
        // nobody's: a crash left it empty
        renameSync(draft, path);
      }
      this.#index?.add({ name, content, time: Date.now() });
      return true;
    } catch (error) {
      if (isCode(error, 'EEXIST')) return false;
      throw ioFailure(`cannot write the lease ${path}`, error);
    } finally {
      try {
        this.#remove(DRAFT);
      } catch {
        // the lease is there or not without it; it goes when the next is written
      }
    }
  }

  /** Never into one that is there: that may be another name of a lease. */
  #writeDraft(path: string, content: string): void {
    const options = { mode: 0o600, flag: 'wx' };
    try {
      writeFileSync(path, content, options);
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error;
      this.#remove(DRAFT);
      writeFileSync(path, content, options);
    }
  }

  #remove(name: string): void {
    const path = join(this.directory, name);
    try {
      unlinkSync(path);
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw ioFailure(`cannot remove ${path}`, error);
    }
  }

  /** The address given out last from a range set, if that can be told. */
  last(set: number): Address | undefined {
    try {
      const fd = openSync(this.#lastPath(set), constants.O_RDONLY);
      try {
        return parseAddress(known.toString('latin1', 0, readSync(fd, known)));
      } finally {
        closeSync(fd);
      }
    } catch {
      return undefined; // the search then begins at the first address
    }
  }

  /** Throws CniError 5. */
  setLast(set: number, address: Address): void {
    const path = this.#lastPath(set);
    const text = formatAddress(address);
    try {
      // in place where nothing would be left over: a file that is emptied first is written to the disk at once (ext4)
      const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
      try {
        if (fstatSync(fd).size > text.length) ftruncateSync(fd);
        writeSync(fd, text, 0);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      throw ioFailure(`cannot write ${path}`, error);
    }
  }

  #lastPath(set: number): string {
    return `${this.directory}/${LAST_RESERVED}${set}`;
  }

  /** The leases: as this process remembers them where nobody else has changed any, else read. Throws CniError 5. */
  get index(): LeaseIndex {
    if (this.#index === undefined) {
      this.#index = recall(this.directory);
      if (this.#index === undefined) {
        this.#index = new LeaseIndex(this.#read());
        this.#changed = true;
      }
    }
    return this.#index;
  }

  /** Every lease, contents trimmed, as it is in the directory. Throws CniError 5. */
  leases(): Lease[] {
    this.#index = new LeaseIndex(this.#read());
    this.#changed = true;
    return this.#index.all();
  }

  #read(): Lease[] {
    const found: Lease[] = [];
    try {
      for (const { name } of readdirSync(this.directory, { withFileTypes: true }).filter((entry) =>
        entry.isFile(),
      )) {
        if (name === 'lock' || name === DRAFT || name.startsWith(LAST_RESERVED)) continue;
        const lease = readIfThere(join(this.directory, name));
        if (lease !== undefined) found.push({ name, ...lease });
      }
    } catch (error) {
      throw ioFailure(`cannot read the leases in ${this.directory}`, error);
    }
    return found;
  }

  /** Leases of an owner; those that old plugins wrote without the interface's name only where there are no others. */
  leasesOf(owner: Owner): Lease[] {
    const own = this.index.withContent(text(owner));
    return own.length > 0 ? own : this.index.withContent(owner.containerId.trim());
  }

  /** Gives leases back, and clears away what a crash left half-way. Throws CniError 5. */
  release(leases: readonly Lease[]): void {
    if (leases.length > 0) this.#changed = true;
    for (const { name } of leases) {
      this.#remove(name);
      this.#index?.remove(name);
    }
    this.#remove(DRAFT);
  }
}

/** Opens the lock's file; the directory is made where it is missing. */
function openLock(directory: string): number {
  const path = `${directory}/lock`;
  const flags = constants.O_RDONLY | constants.O_CREAT;
  try {
    return openSync(path, flags, 0o750);
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
    makeDirectory(directory, 0o755);
    return openSync(path, flags, 0o750);
  }
}

/** An administrator who removes leases by hand asks for no lock. */
function readIfThere(path: string): Omit<Lease, 'name'> | undefined {
  try {
    return { content: readFileSync(path, 'utf8').trim(), time: statSync(path).mtimeMs };
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
