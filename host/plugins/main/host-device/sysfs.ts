import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, join, normalize } from 'node:path';
import { CniError, errorCodes } from '../../../cni/errors.js';

/** Drivers that hand a PCI function to a process: it has no link then. */
const userspaceDrivers: readonly string[] = ['vfio-pci', 'uio_pci_generic', 'igb_uio'];

const DEVICES = '/sys/devices/';

function fault(msg: string, cause?: unknown): CniError {
  return new CniError(errorCodes.internal, msg, '', { cause });
}

/** Names below a bus are one part of a path. */
function isName(id: string): boolean {
  return id !== '' && id !== '.' && id !== '..' && !id.includes('/') && !id.includes('\0');
}

/** What sysfs tells of devices that have links. Throws CniError 999. */
export class Sysfs {
  readonly #root: string;

  constructor(root = '/sys') {
    this.#root = root;
  }

  #pci(id: string): string {
    return join(this.#root, 'bus/pci/devices', id);
  }

  #auxiliary(id: string): string {
    return join(this.#root, 'bus/auxiliary/devices', id);
  }

  isPci(id: string): boolean {
    return isName(id) && existsSync(this.#pci(id));
  }

  isAuxiliary(id: string): boolean {
    return isName(id) && existsSync(this.#auxiliary(id));
  }

  /** Is a PCI function bound to a driver that hands it to a process? */
  isUserspacePci(id: string): boolean {
    const missing = (path: string): CniError =>
      fault(`error with host device: lstat ${path}: no such file or directory`);
    if (!this.isPci(id)) throw missing(this.#pci(id));
    const driver = join(this.#pci(id), 'driver');
    try {
      return userspaceDrivers.includes(basename(readlinkSync(driver)));
    } catch {
      throw missing(driver);
    }
  }

  /** The link of a PCI function; of a virtio device on it otherwise. */
  linkOfPci(id: string): string {
    const device = this.#pci(id);
    const found = ['.', ...this.#entries(device).filter((name) => name.startsWith('virtio'))]
      .map((name) => join(device, name, 'net'))
      .find((directory) => existsSync(directory));
    if (found === undefined) throw fault(`no net directory under pci device ${id}`);
    return this.#firstLink(found);
  }

  linkOfAuxiliary(id: string): string {
    const directory = join(this.#auxiliary(id), 'net');
    if (!existsSync(directory)) throw fault(`no net directory under auxiliary device ${id}`);
    return this.#firstLink(directory);
  }

  /** The link of the device at an absolute path below /sys/devices/. */
  linkOfPath(path: string): string {
    const plain = normalize(path);
    if (!plain.startsWith(DEVICES) || plain.includes('\0')) {
      throw fault(`kernel device path ${JSON.stringify(path)} must be absolute and begin with ${DEVICES}`);
    }
    const directory = join(this.#root, plain.slice('/sys/'.length), 'net');
    if (!existsSync(directory)) throw fault(`failed to find network devices at ${JSON.stringify(directory)}`);
    return this.#firstLink(directory);
  }

  #firstLink(directory: string): string {
    const [first] = this.#entries(directory);
    if (first === undefined) throw fault(`failed to find network device in path ${directory}`);
    return first;
  }

  #entries(directory: string): string[] {
    try {
      return readdirSync(directory).sort();
    } catch (error) {
      throw fault(`failed to read directory ${directory}: ${(error as Error).message}`, error);
    }
  }
}
