import { statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Environment, toVariables } from './arguments.js';
import { integer, object, optional, record, string } from './config.js';
import { CniError, errorCodes } from './errors.js';

/** The path of a plugin's executable: the first regular file of that name. Throws with the reference's texts. */
export function findPlugin(type: string, path: readonly string[]): string {
  const fail = (msg: string): CniError => new CniError(errorCodes.internal, msg);
  if (type === '') throw fail('no plugin name provided');
  if (type.includes('/')) throw fail(`invalid plugin name: ${type}`);
  if (path.length === 0) throw fail('no paths provided');
  for (const directory of path) {
    const file = join(directory, type);
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  }
  throw fail(`failed to find plugin "${type}" in path [${path.join(' ')}]`);
}

/** The path of a plugin's executable, as whoever executes it finds it. Throws what that throws. */
export async function findWith(
  exec: Exec | undefined,
  type: string,
  path: readonly string[],
): Promise<string> {
  return await (exec?.find ?? findPlugin)(type, path);
}

export function splitPath(path: string): string[] {
  return path.split(delimiter).filter((directory) => directory !== '');
}

/** What an executed plugin left. */
export interface ExecOutcome {
  readonly stdout: string;
  readonly stderr: string;
  /** Undefined when it ended well; else how it ended: `exit status 1`, `signal: SIGKILL`. */
  readonly status: string | undefined;
}

/** What a plugin is executed with. */
export interface ExecCall {
  /** The whole of it: CNI's variables among those of this process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The config. */
  readonly stdin: string;
  /** Ends the plugin. */
  readonly signal: AbortSignal | undefined;
  /** To be told what it writes to stderr, as it comes. */
  readonly stderr: (text: string) => void;
}

/**
 * How plugins that are not bundled are found and executed, for those who do that in another way: in a container, on
 * another host, with a supervisor. libcni's invoke.Exec
 */
export interface Exec {
  /** The executable of a type; throws when there is none. Default: the first regular file of that name. */
  readonly find?: ((type: string, path: readonly string[]) => string | Promise<string>) | undefined;
  /** Executes it, and waits for its end. Throws what keeps it from running; ETXTBSY is tried again. */
  readonly execute?: ((file: string, call: ExecCall) => Promise<ExecOutcome>) | undefined;
}

/** How a plugin is executed. */
export interface Execution {
  /** Set in its environment beside CNI's variables. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
  /** Gets what it writes to stderr, as it comes. Default: our own stderr. */
  readonly stderr?: ((text: string) => void) | undefined;
  /** In place of executing files of this host. */
  readonly exec?: Exec | undefined;
}

/** ms from SIGTERM to SIGKILL */
const GRACE = 5000;

async function run(
  file: string,
  { environment, stdin, signal, stderr: heard }: ExecCall,
): Promise<ExecOutcome> {
  const { spawn } = await import('node:child_process'); // 2 ms that most calls can do without
  signal?.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const child = spawn(file, [], {
      env: environment,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let timer: NodeJS.Timeout | undefined;
    // the call ends when the process does: what comes next must not meet it at work
    const stop = (): void => {
      child.kill('SIGTERM');
      timer = setTimeout(() => child.kill('SIGKILL'), GRACE);
    };
    signal?.addEventListener('abort', stop, { once: true });
    const ended = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    };
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      heard(text);
    });
    child.stdin.on('error', () => undefined); // a plugin need not read its config
    child.stdin.end(stdin);
    child.once('error', (error) => {
      ended();
      reject(error);
    });
    // what it has started itself may hold its output open
    child.once('exit', () => {
      if (!signal?.aborted) return;
      ended();
      child.stdout.destroy();
      child.stderr.destroy();
      reject(signal.reason);
    });
    child.once('close', (code, killed) => {
      ended();
      const status = code === 0 ? undefined : code === null ? `signal: ${killed}` : `exit status ${code}`;
      resolve({ stdout, stderr, status });
    });
  });
}

const BUSY_RETRIES = 5;

/**
 * Executes a plugin. Returns what it printed, parsed; throws CniError with the plugin's own code. When `signal` is set, it
 * is terminated; the call throws the signal's reason once it has ended.
 */
export async function executePlugin(
  file: string,
  environment: Environment,
  stdin: string,
  signal?: AbortSignal,
  how: Execution = {},
): Promise<Record<string, unknown> | undefined> {
  const { variables, stderr = (text) => process.stderr.write(text), exec } = how;
  const call: ExecCall = {
    environment: { ...process.env, ...variables, ...toVariables(environment) },
    stdin,
    signal,
    stderr,
  };
  const execute = exec?.execute ?? run;
  for (let attempt = 0; ; attempt++) {
    try {
      const outcome = await execute(file, call);
      if (outcome.status !== undefined) throw failure(outcome);
      return parse(outcome.stdout);
    } catch (error) {
      // an installer is writing the file
      if ((error as NodeJS.ErrnoException).code !== 'ETXTBSY' || attempt >= BUSY_RETRIES) throw error;
      await sleep(1000, undefined, { signal });
    }
  }
}

function parse(stdout: string): Record<string, unknown> | undefined {
  if (stdout.trim() === '') return undefined;
  try {
    return optional(record).read(JSON.parse(stdout), 'result');
  } catch (cause) {
    throw new CniError(
      errorCodes.decodingFailure,
      `failed to unmarshal raw result: ${(cause as Error).message}`,
      '',
      { cause },
    );
  }
}

const errorShape = object({
  code: optional(integer, errorCodes.unknown),
  msg: optional(string, ''),
  details: optional(string, ''),
});

function failure({ stdout, stderr, status }: ExecOutcome): CniError {
  if (stdout === '') {
    const msg =
      stderr === ''
        ? `netplugin failed with no error message: ${status}`
        : `netplugin failed: ${JSON.stringify(stderr)}`;
    return new CniError(errorCodes.internal, msg);
  }
  try {
    const { code, msg, details } = errorShape.read(JSON.parse(stdout), 'error');
    return new CniError(code, msg, details);
  } catch (cause) {
    const text = `netplugin failed but error parsing its diagnostic message ${JSON.stringify(stdout)}: ${(cause as Error).message}`;
    return new CniError(errorCodes.internal, text);
  }
}
