import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { record } from '../../../cni/config.js';
import { makeDirectory } from '../../../cni/directory.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import { replaceFile } from '../../../cni/replace-file.js';
import { errnoMeaning } from '../../../codec/errno.js';
import type { DelegateConfig } from './config.js';

/** Whose a saved config is. */
export interface Owner {
  readonly containerId: string;
  readonly ifname: string;
}

/** A config that a delegate was called with, kept for its DEL. */
export interface Saved {
  /** Path of the file. */
  readonly path: string;
  readonly containerId: string;
  /** Unknown of what the reference saved. */
  readonly ifname: string | undefined;
  /** Missing where the file makes no sense. */
  readonly config: DelegateConfig | undefined;
  /** When it was saved, ms since 1970. */
  readonly time: number;
}

/** The key by which a saved config tells whose it is. Plugins pass over it. */
const OWNER = 'netloom/ifname';

function failure(what: string, cause: unknown): CniError {
  const { errno, message } = cause as NodeJS.ErrnoException;
  const reason = typeof errno === 'number' ? errnoMeaning(Math.abs(errno)).toLowerCase() : message;
  return new CniError(errorCodes.ioFailure, `${what}: ${reason}`, '', { cause });
}

function parse(text: string): Pick<Saved, 'ifname' | 'config'> {
  try {
    const { [OWNER]: ifname, ...config } = record.read(JSON.parse(text), '');
    if (typeof config.type !== 'string' || config.type === '')
      return { ifname: undefined, config: undefined };
    return {
      ifname: typeof ifname === 'string' ? ifname : undefined,
      config: config as DelegateConfig,
    };
  } catch {
    return { ifname: undefined, config: undefined };
  }
}

/**
 * Configs of delegates, a file each: `<container>` as the reference has it, or `<container>:<interface>` where that is
 * taken by another interface of the container. Errors are CniError 5.
 */
export class Scratch {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  #read(path: string, containerId: string): Saved | undefined {
    try {
      const text = readFileSync(path, 'utf8');
      return { path, containerId, ...parse(text), time: statSync(path).mtimeMs };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw failure(`cannot read the delegate's config ${path}`, error);
    }
  }

  #paths({ containerId, ifname }: Owner): [shared: string, own: string] {
    return [join(this.#directory, containerId), join(this.#directory, `${containerId}:${ifname}`)];
  }

  find(owner: Owner): Saved | undefined {
    const [shared, own] = this.#paths(owner);
    const saved = this.#read(own, owner.containerId);
    if (saved !== undefined) return saved;
    const other = this.#read(shared, owner.containerId);
    return other?.ifname === undefined || other.ifname === owner.ifname ? other : undefined;
  }

  /** Saves a config; returns what takes that back. */
  save(owner: Owner, config: DelegateConfig): () => void {
    const [shared, own] = this.#paths(owner);
    const other = this.#read(shared, owner.containerId);
    // what the reference saved does not tell for which interface
    const isFree = other === undefined || other.ifname === owner.ifname;
    const path = isFree && this.#read(own, owner.containerId) === undefined ? shared : own;
    const old = this.#read(path, owner.containerId) === undefined ? undefined : readFileSync(path, 'utf8');
    this.#write(owner, path, JSON.stringify({ ...config, [OWNER]: owner.ifname }));
    return () => {
      if (old === undefined) rmSync(path, { force: true });
      else this.#write(owner, path, old);
    };
  }

  /** The file is the old or the new one, whenever the machine stops. */
  #write({ containerId, ifname }: Owner, path: string, text: string): void {
    const draft = join(this.#directory, `.${containerId}:${ifname}`);
    try {
      makeDirectory(this.#directory, 0o700);
      replaceFile(path, text, { draft, mode: 0o600, durable: true });
    } catch (error) {
      throw failure(`cannot save the delegate's config ${path}`, error);
    }
  }

  remove({ path }: Saved): void {
    rmSync(path, { force: true });
  }

  /** What an ADD that was killed left half-way. */
  removeDraft({ containerId, ifname }: Owner): void {
    rmSync(join(this.#directory, `.${containerId}:${ifname}`), { force: true });
  }

  list(): Saved[] {
    let names: string[];
    try {
      names = readdirSync(this.#directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw failure(`cannot read the delegates' configs in ${this.#directory}`, error);
    }
    return names.flatMap((name) => {
      if (name.startsWith('.')) return [];
      const [containerId = ''] = name.split(':', 1);
      return this.#read(join(this.#directory, name), containerId) ?? [];
    });
  }
}
