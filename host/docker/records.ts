import { readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../cni/directory.js';
import { replaceFile } from '../cni/replace-file.js';
import { DockerError } from './errors.js';

const SUFFIX = '.json';
const DRAFT = '.draft';

function failure(what: string, error: unknown): DockerError {
  return new DockerError('ERR_DOCKER_STATE', `${what}: ${(error as Error).message}`, { cause: error });
}

/**
 * Objects kept in a directory, a file of JSON each, and in memory. A file appears whole or not at all; `durable` ones
 * survive a loss of power too.
 */
export class Records<T extends { readonly id: string }> {
  readonly #directory: string;
  readonly #durable: boolean;
  readonly #all = new Map<string, T>();

  /** Reads what is there. Files that are no JSON are told to `log` and left alone. Throws DockerError `ERR_DOCKER_STATE`. */
  constructor(directory: string, { durable, log }: { durable: boolean; log: (line: string) => void }) {
    this.#directory = directory;
    this.#durable = durable;
    try {
      makeDirectory(directory, 0o700);
      for (const name of readdirSync(directory)) {
        const path = join(directory, name);
        if (name.endsWith(DRAFT)) unlinkSync(path);
        if (!name.endsWith(SUFFIX)) continue;
        try {
          const record = JSON.parse(readFileSync(path, 'utf8')) as T;
          this.#all.set(record.id, record);
        } catch (error) {
          log(`${path} is passed over: ${(error as Error).message}`);
        }
      }
    } catch (error) {
      throw failure(`cannot read the state in ${directory}`, error);
    }
  }

  get(id: string): T | undefined {
    return this.#all.get(id);
  }

  list(): T[] {
    return [...this.#all.values()];
  }

  /** Throws DockerError `ERR_DOCKER_STATE`; then the record is as before. */
  put(record: T): T {
    const path = this.#path(record.id);
    try {
      replaceFile(path, JSON.stringify(record), { draft: path + DRAFT, mode: 0o600, durable: this.#durable });
    } catch (error) {
      throw failure(`cannot write ${path}`, error);
    }
    this.#all.set(record.id, record);
    return record;
  }

  /** Idempotent. Throws DockerError `ERR_DOCKER_STATE`. */
  delete(id: string): void {
    const path = this.#path(id);
    try {
      unlinkSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw failure(`cannot remove ${path}`, error);
    }
    this.#all.delete(id);
  }

  #path(id: string): string {
    return join(this.#directory, encodeURIComponent(id) + SUFFIX);
  }
}
