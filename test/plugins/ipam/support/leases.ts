import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Teardown {
  teardown(work: () => unknown): void;
}

/** The compiled program that runs our host-local. */
export const program = fileURLToPath(new URL('run-host-local.js', import.meta.url));

/** A directory that is gone when the test ends. */
export function temporaryDirectory(t: Teardown): string {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-leases-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Every file of a directory with its content; empty when there is no such directory. */
export function contents(directory: string): Record<string, string> {
  let names: string[];
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    names = entries.flatMap((entry) => (entry.isFile() ? [entry.name] : [])).sort();
  } catch {
    return {};
  }
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name), 'utf8')]));
}

/** Names of the files that stand for addresses. */
export function leased(directory: string): string[] {
  return Object.keys(contents(directory)).filter(
    (name) => name !== 'lock' && !name.startsWith('last_reserved_ip.'),
  );
}
