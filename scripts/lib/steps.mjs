/** What the scripts share: running programs, telling what is missing, knowing what is out of date. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Tells what is done, on stderr: stdout belongs to results. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

export class Failure extends Error {}

/** Runs a program and waits for it; its output is only shown when it fails, unless asked for. */
export function run(file, args, { show = false, env = process.env, cwd = root } = {}) {
  const done = spawnSync(file, args, {
    cwd,
    env,
    stdio: show ? 'inherit' : 'pipe',
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (done.error !== undefined) throw new Failure(`${file}: ${done.error.message}`);
  if (done.status !== 0) {
    if (!show) process.stderr.write(`${done.stdout ?? ''}${done.stderr ?? ''}`);
    throw new Failure(`${[file, ...args].join(' ')} failed (${done.signal ?? `status ${done.status}`})`);
  }
  return done.stdout ?? '';
}

/** Is a program in PATH? */
export function installed(program) {
  return (process.env.PATH ?? '').split(':').some((directory) => existsSync(join(directory, program)));
}

/** Time of the newest file below a path, in ms; 0 when there is none. */
export function newest(path, matches = () => true) {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) return 0;
  if (!status.isDirectory()) return matches(path) ? status.mtimeMs : 0;
  let time = 0;
  for (const name of readdirSync(path)) {
    if (name === 'node_modules' || name === 'build' || name === 'generated') continue;
    time = Math.max(time, newest(join(path, name), matches));
  }
  return time;
}

/** Time of the oldest of some files, in ms; 0 when one is missing. */
export function oldest(...paths) {
  return Math.min(
    ...paths.map((path) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0),
  );
}

/** Runs `main`; a Failure is told without a stack. */
export async function script(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof Failure) && !String(error?.code).startsWith('ERR_PARSE_ARGS_')) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}
