import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { array, object, optional, record, string } from '../cni/config.js';
import { replaceFile } from '../cni/replace-file.js';
import { errnoMeaning } from '../codec/errno.js';
import type { Attachment } from './attachment.js';
import { RuntimeError } from './errors.js';
import type { NetworkList } from './network-list.js';

type Json = Record<string, unknown>;

/** Where libcni keeps results unless told otherwise. */
export const defaultCacheDirectory = '/var/lib/cni';

const KIND = 'cniCacheV1';

/** An attachment that was added and not deleted yet. */
export interface CachedAttachment {
  readonly network: string;
  /** Text of the conflist. */
  readonly config: string;
  readonly attachment: Attachment;
  readonly result: Readonly<Json> | undefined;
  /** When it was written, ms since 1970. */
  readonly time: number;
}

const shape = object({
  kind: optional(string),
  containerId: optional(string, ''),
  config: optional(string, ''),
  ifName: optional(string, ''),
  networkName: optional(string, ''),
  netns: optional(string, ''),
  cniArgs: optional(array(array(string)), []),
  capabilityArgs: optional(record, {}),
  result: optional(record),
});

function failure(what: string, error: unknown): RuntimeError {
  const { errno, message } = error as NodeJS.ErrnoException;
  const reason = typeof errno === 'number' ? errnoMeaning(Math.abs(errno)).toLowerCase() : message;
  return new RuntimeError('ERR_CACHE', `${what}: ${reason}`, { cause: error });
}

/** Results of ADD, in the files and the format of libcni, so that either can take over from the other. */
export class ResultCache {
  readonly #directory: string;

  constructor(directory = defaultCacheDirectory) {
    this.#directory = directory;
  }

  #path(network: string, { containerId, ifname }: Attachment): string {
    if (network === '' || containerId === '' || ifname === '') {
      const given = `network name (${JSON.stringify(network)}), container ID (${JSON.stringify(containerId)}), and interface name (${JSON.stringify(ifname)})`;
      throw new RuntimeError('ERR_CACHE', `cache file path requires ${given}`);
    }
    return join(this.#directory, 'results', `${network}-${containerId}-${ifname}`);
  }

  /** A result in the making; where a crash left it, `remove` finds it. */
  #draft(network: string, { containerId, ifname }: Attachment): string {
    return join(this.#directory, `.draft-${network}-${containerId}-${ifname}`);
  }

  /** Throws RuntimeError `ERR_CACHE`. */
  write(list: NetworkList, attachment: Attachment, result: Readonly<Json>): void {
    const { containerId, ifname, netns, args = [], capabilities = {} } = attachment;
    const entry = {
      kind: KIND,
      containerId,
      config: Buffer.from(list.text).toString('base64'),
      ifName: ifname,
      networkName: list.name,
      ...(netns === '' ? {} : { netns }),
      ...(args.length === 0 ? {} : { cniArgs: args }),
      ...(Object.keys(capabilities).length === 0 ? {} : { capabilityArgs: sorted(capabilities) }),
      result: sorted(result),
    };
    const path = this.#path(list.name, attachment);
    // appears whole: a reader must not meet half of it
    const draft = this.#draft(list.name, attachment);
    try {
      mkdirSync(join(this.#directory, 'results'), { recursive: true, mode: 0o700 });
      replaceFile(path, goJson(entry), { draft, mode: 0o600 });
    } catch (error) {
      throw failure(`cannot write the cached result ${path}`, error);
    }
  }

  /** What is known of an attachment; `undefined` when it isn't there. Throws RuntimeError `ERR_CACHE`. */
  read(network: string, attachment: Attachment): CachedAttachment | undefined {
    const path = this.#path(network, attachment);
    let json: unknown;
    let time: number;
    try {
      json = JSON.parse(readFileSync(path, 'utf8'));
      time = writtenAt(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw failure(`cannot read the cached result ${path}`, error);
    }
    try {
      const given = record.read(json, '');
      // files of before libcni 0.8 are the result and nothing else
      if (given.kind === undefined) return { network, config: '', attachment, result: given, time };
      return entryOf(given, time);
    } catch (error) {
      throw failure(`cannot read the cached result ${path}`, error);
    }
  }

  /** No error when it isn't there. */
  remove(network: string, attachment: Attachment): void {
    rmSync(this.#path(network, attachment), { force: true });
    rmSync(this.#draft(network, attachment), { force: true });
  }

  /** Every attachment in the cache, by file name; files that make no sense are passed over. */
  list(containerId?: string): CachedAttachment[] {
    const directory = join(this.#directory, 'results');
    let names: string[];
    try {
      names = readdirSync(directory).sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw failure(`cannot read the cached results in ${directory}`, error);
    }
    return names.flatMap((name) => {
      if (containerId !== undefined && !name.includes(`-${containerId}-`)) return [];
      try {
        const path = join(directory, name);
        const entry = entryOf(JSON.parse(readFileSync(path, 'utf8')), writtenAt(path));
        const whole = entry.network !== '' && entry.attachment.ifname !== '';
        return whole && (containerId === undefined || entry.attachment.containerId === containerId)
          ? [entry]
          : [];
      } catch {
        return [];
      }
    });
  }
}

/** With the keys of all objects in order, as Go writes maps. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]));
}

/** JSON as libcni writes it: without spaces, and with what means something in HTML escaped. */
function goJson(value: unknown): string {
  const escaped = (character: string): string =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, escaped);
}

function writtenAt(path: string): number {
  return Math.floor(statSync(path).mtimeMs);
}

function entryOf(json: unknown, time: number): CachedAttachment {
  const entry = shape.read(json, '');
  if (entry.kind !== KIND) {
    throw new RuntimeError('ERR_CACHE', `read cached attachment has wrong kind: ${entry.kind}`);
  }
  return {
    network: entry.networkName,
    config: Buffer.from(entry.config, 'base64').toString('utf8'),
    attachment: {
      containerId: entry.containerId,
      ifname: entry.ifName,
      netns: entry.netns,
      args: entry.cniArgs.map(([key = '', value = '']) => [key, value] as const),
      capabilities: entry.capabilityArgs,
    },
    result: entry.result,
    time,
  };
}
