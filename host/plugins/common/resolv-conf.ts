import { readFileSync } from 'node:fs';
import { CniError, errorCodes } from '../../cni/errors.js';
import type { Dns } from '../../cni/result.js';
import { errnoMeaning } from '../../codec/errno.js';

/** Reads a resolv.conf(5). Throws CniError 5 when it cannot be read. */
export function readResolvConf(path: string): Dns {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const { errno = 0 } = cause as NodeJS.ErrnoException;
    const msg = `open ${path}: ${errnoMeaning(Math.abs(errno)).toLowerCase()}`;
    throw new CniError(errorCodes.ioFailure, msg, '', { cause });
  }
  return parseResolvConf(text);
}

/** Lines of a resolv.conf(5): of several `domain` the last counts, the others add up. */
export function parseResolvConf(text: string): Dns {
  const nameservers: string[] = [];
  const search: string[] = [];
  const options: string[] = [];
  let domain: string | undefined;
  for (const line of text.split('\n')) {
    const [word = '', ...values] = line.trim().split(/\s+/);
    const [first] = values;
    if (word.startsWith('#') || word.startsWith(';') || first === undefined) continue;
    if (word === 'nameserver') nameservers.push(first);
    else if (word === 'domain') domain = first;
    else if (word === 'search') search.push(...values);
    else if (word === 'options') options.push(...values);
  }
  return { nameservers, search, options, ...(domain === undefined ? {} : { domain }) };
}
