import { readFileSync } from 'node:fs';
import { CniError, errorCodes } from '../../../cni/errors.js';

/** The reference's file: sysctls that networks may set. */
const FILE = '/etc/cni/tuning/allowlist.conf';

/** What Go's expressions have and JavaScript's have not. */
const classes: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  blank: '\\t ',
  digit: '0-9',
  lower: 'a-z',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\s',
  upper: 'A-Z',
  word: '\\w',
  xdigit: '0-9A-Fa-f',
};

/** Reads a regular expression of Go's. Throws CniError 7. */
function expressionOf(line: string): RegExp {
  const [, flags = '', pattern = ''] = /^(?:\(\?([ims]+)\))?(.*)$/.exec(line) ?? [];
  const translated = pattern
    .replaceAll(/\[:(\w+):\]/g, (whole, name: string) => classes[name] ?? whole)
    .replaceAll('\\A', '^')
    .replaceAll('\\z', '$');
  try {
    return new RegExp(translated, flags);
  } catch (cause) {
    throw new CniError(
      errorCodes.invalidNetworkConfig,
      `${FILE}: ${JSON.stringify(line)} is no regular expression: ${(cause as Error).message}`,
      '',
      { cause },
    );
  }
}

function lines(): string[] | undefined {
  try {
    const text = readFileSync(FILE, 'utf8');
    return text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CniError(errorCodes.ioFailure, `failed to read ${FILE}: ${(error as Error).message}`);
  }
}

/**
 * Does the administrator allow these sysctls? Without a list all are. Each of its lines is a regular expression that may
 * match anywhere in the name as it was given. Throws CniError 7, for an unreadable list 5.
 */
export function checkAllowed(names: readonly string[]): void {
  const allowed = lines();
  if (allowed === undefined) return;
  const expressions = allowed.map(expressionOf);
  for (const name of names) {
    if (expressions.some((expression) => expression.test(name))) continue;
    throw new CniError(
      errorCodes.invalidNetworkConfig,
      `Sysctl ${name} is not allowed. Only the following sysctls are allowed: [${allowed.join(' ')}]`,
    );
  }
}
