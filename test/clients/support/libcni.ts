import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { skip } from './enter.js';

const source = fileURLToPath(new URL('../../../../test/clients/libcni', import.meta.url));
const program = fileURLToPath(new URL('../libcni-oracle', import.meta.url));

function go(...args: string[]): SpawnSyncReturns<string> {
  const PATH = `${process.env.PATH}:/usr/local/go/bin`;
  return spawnSync('go', args, {
    cwd: source,
    env: { ...process.env, PATH },
    encoding: 'utf8',
    timeout: 200_000,
  });
}

/** Builds the program that asks libcni and go-cni; skips the file where that cannot be. */
export function build(): void {
  const changed = Math.max(...['main.go', 'go.mod'].map((name) => statSync(`${source}/${name}`).mtimeMs));
  if (existsSync(program) && statSync(program).mtimeMs > changed) return;
  const { error, stderr } = go('build', '-o', program, '.');
  if (error !== undefined) skip(`libcni is asked with Go, which does not run here: ${error.message}`);
  if (!existsSync(program)) skip(`libcni cannot be built: ${stderr.trim().split('\n').at(-1)}`);
}

/** What libcni and go-cni are asked: the fields of `request` in main.go. */
export type Question = Readonly<Record<string, unknown>>;

export interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: what another program answers
  readonly value?: any;
  readonly error?: string;
}

/** Has libcni, or go-cni, do something. */
export function ask(operation: string, question: Question): Answer {
  const input = JSON.stringify({ operation, ...question });
  const { status, stdout, stderr } = spawnSync(program, [], { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`libcni, ${operation}: ${stdout}${stderr}`);
  return JSON.parse(stdout) as Answer;
}
