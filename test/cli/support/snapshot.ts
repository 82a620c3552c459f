import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const directory = fileURLToPath(new URL('../../../../test/cli/fixtures/', import.meta.url));

/** Write what is there now, in place of comparing: NETLOOM_SNAPSHOTS=write npm test test/cli */
const isWriting = process.env.NETLOOM_SNAPSHOTS === 'write';

interface Compare {
  equal(found: string, wanted: string, message: string): unknown;
}

/** Compares a text with the file of that name below test/cli/fixtures. */
export function matches(t: Compare, text: string, name: string): void {
  const file = `${directory}${name}`;
  if (isWriting) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  let wanted = '(there is no such file)';
  try {
    wanted = readFileSync(file, 'utf8');
  } catch {
    // a new one
  }
  t.equal(text, wanted, `${name}; if the change is meant: NETLOOM_SNAPSHOTS=write npm test test/cli`);
}
