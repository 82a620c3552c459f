import { readFileSync } from 'node:fs';
import { CniError, errorCodes } from '../../cni/errors.js';
import type { Dns } from '../../cni/result.js';

/** Reads a resolv.conf(5). Throws CniError 5 when it cannot be read. */
export function readResolvConf(path: string): Dns {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CniError(errorCodes.ioFailure, `open ${path}: ${(cause as Error).message}`, '', { cause });
  }
  const nameservers: string[] = [];
  const search: string[] = [];
  const options: string[] = [];
  let domain: string | undefined;
  for (const line of text.split('\n')) {
    const [word, ...values] = line.trim().split(/\s+/);
    const [first] = values;
    if (word === undefined || word.startsWith('#') || word.startsWith(';') || first === undefined) continue;
    if (word === 'nameserver') nameservers.push(first);
    else if (word === 'domain') domain = first;
    else if (word === 'search') search.push(...values);
    else if (word === 'options') options.push(...values);
  }
  return { nameservers, search, options, ...(domain === undefined ? {} : { domain }) };
}
