import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

export interface Done {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface How {
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
}

/** Runs a program; the event loop goes on, for servers in it. */
export function run(
  file: string,
  args: readonly string[],
  { env = {}, input = '' }: How = {},
): Promise<Done> {
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

/** The same; throws with what it says when it fails. Returns what it prints. */
export async function must(file: string, args: readonly string[], how?: How): Promise<string> {
  const { status, stdout, stderr } = await run(file, args, how);
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: status ${status}: ${stdout}${stderr}`);
  return stdout;
}

/** A program that runs until it is stopped. */
export class Service {
  readonly child: ChildProcess;
  log = '';
  constructor(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (text) => {
        this.log += text;
      });
    }
  }

  /** Waits until `ready` says so. */
  async ready(ready: () => boolean | Promise<boolean>, timeout = 30_000): Promise<void> {
    for (const end = performance.now() + timeout; !(await ready()); await pause(50)) {
      if (performance.now() > end || this.child.exitCode !== null) {
        throw new Error(`${this.child.spawnfile} is not ready: ${this.log.slice(-2000)}`);
      }
    }
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
  }
}

/** Stops a process; when this returns, none of its threads does anything any more. */
export async function halt(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const isStopped = (thread: string): boolean =>
    /\) T /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'));
  while (!readdirSync(`/proc/${pid}/task`).every(isStopped)) await pause(5);
}
