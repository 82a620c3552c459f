import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

const source = fileURLToPath(new URL('../../../../test/schema/fixtures/request.c', import.meta.url));

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A shell in a network namespace of its own, which is gone when the script ends; `$REQUEST` is request.c, compiled. */
export function namespaceShell(t: Test): (script: string) => string {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-request-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const program = join(directory, 'request');
  execFileSync('gcc', ['-O1', '-Wall', '-Werror', '-o', program, source]);
  return (script) =>
    execFileSync('unshare', ['--net', 'sh', '-e'], {
      input: script,
      encoding: 'utf8',
      env: { ...process.env, REQUEST: program },
      maxBuffer: 1 << 26,
    });
}

/** The datagrams that request.c printed, in one block. */
export function datagrams(output: string): Uint8Array[] {
  return output
    .trim()
    .split('\n')
    .map((line) => Uint8Array.from(Buffer.from(line, 'hex')));
}
