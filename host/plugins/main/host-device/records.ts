import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { boolean, integer, object, optional, type Read, string } from '../../../cni/config.js';
import { makeDirectory } from '../../../cni/directory.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import { replaceFile } from '../../../cni/replace-file.js';

/** Kept until the next boot, which puts devices back as well. */
export const defaultDirectory = '/run/cni/host-device';

const recordShape = object({
  network: string,
  containerId: string,
  /** Name in the container. */
  ifname: string,
  /** Path of the container's namespace, and its number in the kernel: paths are used again. */
  sandbox: string,
  sandboxId: integer,
  /** Name on the host. */
  device: string,
  /** Hardware address. */
  address: optional(string, ''),
  /** What an administrator had called it. */
  alias: optional(string, ''),
  up: boolean,
  /** The kernel brings such a device back when the container's namespace ends. */
  physical: boolean,
});

/** Whose a device is, and how it was before it was taken. */
export type DeviceRecord = Readonly<Read<typeof recordShape>>;

type Owner = Pick<DeviceRecord, 'containerId' | 'ifname'>;

const ENDING = '.json';

/** The records, a file each. */
export class Records {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory === '' ? defaultDirectory : directory;
  }

  /** Neither an id nor a name of an interface can have a colon. */
  #file({ containerId, ifname }: Owner): string {
    return join(this.#directory, `${containerId}:${ifname}${ENDING}`);
  }

  /** Throws CniError 5. */
  save(record: DeviceRecord): void {
    const file = this.#file(record);
    const draft = `${file}.new`;
    try {
      makeDirectory(this.#directory, 0o700);
      replaceFile(file, JSON.stringify(record), { draft, mode: 0o600 });
    } catch (error) {
      const reason = (error as Error).message;
      throw new CniError(errorCodes.ioFailure, `failed to record the device: ${reason}`, '', {
        cause: error,
      });
    }
  }

  /** None when there is none, or it cannot be understood. */
  find(owner: Owner): DeviceRecord | undefined {
    return read(this.#file(owner));
  }

  remove(owner: Owner): void {
    const file = this.#file(owner);
    for (const path of [file, `${file}.new`]) rmSync(path, { force: true });
  }

  list(): DeviceRecord[] {
    let names: string[];
    try {
      names = readdirSync(this.#directory);
    } catch {
      return [];
    }
    return names
      .filter((name) => name.endsWith(ENDING))
      .map((name) => read(join(this.#directory, name)))
      .filter((record) => record !== undefined);
  }
}

function read(file: string): DeviceRecord | undefined {
  try {
    return recordShape.read(JSON.parse(readFileSync(file, 'utf8')), 'record');
  } catch {
    return undefined;
  }
}
