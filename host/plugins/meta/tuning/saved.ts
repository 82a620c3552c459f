import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { boolean, integer, object, optional, type Read, record, string } from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import type { GcRequest } from '../../../cni/plugin.js';
import { replaceFile } from '../../../cni/replace-file.js';
import { garbageOf } from '../../common/garbage.js';
import type { LinkSettings } from './config.js';

/*
 * What an interface was like: `<dataDir>/<container>_<interface>.json`, the reference's file. It knows the settings of
 * links; the other keys are ours, and it skips them.
 */

const savedShape = object({
  mac: optional(string),
  promisc: optional(boolean),
  mtu: optional(integer),
  allmulti: optional(boolean),
  txQLen: optional(integer),
  /** Values by path below /proc/sys. */
  sysctl: optional(record),
  /** Name of the network: GC has to know. */
  network: optional(string),
  /** Device and inode of the namespace, and index of the interface: a file for another one is of no use. */
  sandbox: optional(string),
  index: optional(integer),
});

/** What is kept for DEL. */
export interface Saved {
  readonly link: LinkSettings;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly network?: string | undefined;
  readonly sandbox?: string | undefined;
  readonly index?: number | undefined;
}

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const SUFFIX = '.json';

export interface Owner {
  readonly containerId: string;
  readonly ifname: string;
}

function nameOf({ containerId, ifname }: Owner): string {
  return `${containerId}_${ifname}${SUFFIX}`;
}

/** What a file is called until it is complete. */
function draftOf(name: string): string {
  return `.${name}`;
}

function finalOf(name: string): string {
  return name.replace(/^\./, '');
}

function parse(text: string): Saved | undefined {
  let read: Read<typeof savedShape>;
  try {
    read = savedShape.read(JSON.parse(text), '');
  } catch {
    return undefined; // cut off, or not ours
  }
  const { sysctl = {}, network, sandbox, index, ...link } = read;
  const sysctls = Object.entries(sysctl).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  // the reference writes no 0 and means "not changed"
  const { mtu, mac, ...rest } = link;
  return {
    link: { ...rest, ...(mtu ? { mtu } : {}), ...(mac ? { mac } : {}) },
    sysctls: Object.fromEntries(sysctls),
    network,
    sandbox,
    index,
  };
}

function textOf({ link, sysctls, ...rest }: Saved): string {
  const sysctl = Object.keys(sysctls).length === 0 ? undefined : sysctls;
  return JSON.stringify({ ...link, sysctl, ...rest }, undefined, 1);
}

/** Can files be made in a directory, or it itself? Throws CniError 5. */
export function checkDirectory(directory: string): void {
  try {
    for (let path = resolve(directory); ; path = dirname(path)) {
      if (!existsSync(path)) continue;
      if (!statSync(path).isDirectory()) throw new Error(`${path} is no directory`);
      accessSync(path, constants.W_OK | constants.X_OK);
      return;
    }
  } catch (error) {
    throw new CniError(errorCodes.ioFailure, `settings cannot be saved: ${(error as Error).message}`);
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      throw new CniError(errorCodes.ioFailure, (error as Error).message);
  }
}

/** The files of a directory. */
export class SavedStates {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  #read(name: string): Saved | undefined {
    try {
      return parse(readFileSync(this.#path(name), 'utf8'));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
      throw new CniError(
        errorCodes.ioFailure,
        `failed to read ${this.#path(name)}: ${(error as Error).message}`,
      );
    }
  }

  /** Undefined when nothing is saved. Throws CniError 5. */
  get(owner: Owner): Saved | undefined {
    return this.#read(nameOf(owner));
  }

  /** Throws CniError 5. */
  put(owner: Owner, saved: Saved): void {
    const name = nameOf(owner);
    // whoever reads it meanwhile, or after a crash, finds the whole of the old or of the new one
    const draft = this.#path(draftOf(name));
    try {
      mkdirSync(this.#directory, { recursive: true, mode: DIRECTORY_MODE });
      replaceFile(this.#path(name), textOf(saved), { draft, mode: FILE_MODE });
    } catch (error) {
      throw new CniError(errorCodes.ioFailure, `failed to save settings: ${(error as Error).message}`);
    }
  }

  delete(owner: Owner): void {
    const name = nameOf(owner);
    for (const each of [name, draftOf(name)]) removeFile(this.#path(each));
  }

  /** Deletes the files of a network whose owners are not valid. Files of the reference name no network: they stay. */
  async collect(gc: Pick<GcRequest<unknown>, 'name' | 'validAttachments'>): Promise<void> {
    const own = (name: string): boolean => this.#read(name)?.network === gc.name;
    const gone = await garbageOf(
      gc,
      () => this.#names().filter((name) => name.endsWith(SUFFIX) && own(name)),
      finalOf,
      ({ containerID: containerId, ifname }) => nameOf({ containerId, ifname }),
    );
    for (const name of gone) removeFile(this.#path(name));
  }

  #names(): string[] {
    try {
      return readdirSync(this.#directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw new CniError(errorCodes.ioFailure, (error as Error).message);
    }
  }
}
