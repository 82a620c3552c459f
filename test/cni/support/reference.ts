import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../../../host/cni/arguments.js';
import { toVariables } from '../../../host/cni/arguments.js';
import { type InvokeOptions, type InvokeOutcome, invoke } from '../../../host/cni/invoke.js';
import type { Plugin } from '../../../host/cni/plugin.js';

/** Debian's build of the reference plugins (containernetworking-plugins 1.1.1, which stops at version 1.0.0). */
export const referencePath = '/usr/lib/cni';
export const hasReference = existsSync(`${referencePath}/host-local`);

/** Versions of the specification that the reference's build supports. */
export const referenceVersions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'] as const;

export function environment(changes: Partial<Environment> = {}): Environment {
  return {
    command: 'ADD',
    containerId: 'container-1',
    netns: '/no/such/namespace',
    ifname: 'eth0',
    args: '',
    path: referencePath,
    netnsOverride: '',
    ...changes,
  };
}

export interface Answer {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout parsed; undefined when there is none, or when it isn't JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: what another program prints
  readonly json: any;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Runs a plugin's executable with nothing but the CNI variables that aren't empty. */
export function runProgram(file: string, env: Environment, stdin: string, argv: string[] = []): Answer {
  const variables = Object.fromEntries(Object.entries(toVariables(env)).filter(([, value]) => value !== ''));
  const { status, stdout, stderr, error } = spawnSync(file, argv, {
    env: variables,
    input: stdin,
    encoding: 'utf8',
  });
  if (error !== undefined && (error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  return { status: status ?? -1, stdout, stderr, json: parsed(stdout) };
}

export function runReference(type: string, env: Environment, config: unknown): Answer {
  return runProgram(
    `${referencePath}/${type}`,
    env,
    typeof config === 'string' ? config : JSON.stringify(config),
  );
}

/** ADDs are noted for this process alone: others use the same names. */
const runDirectory = join(tmpdir(), `netloom-run-${process.pid}`);
process.once('exit', () => rmSync(runDirectory, { recursive: true, force: true }));

/** Ours, in this process; log lines are kept out of the test's output. */
export function runOurs(
  plugin: Plugin,
  env: Environment,
  config: unknown,
  options: InvokeOptions = {},
): Promise<InvokeOutcome> {
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  return invoke(plugin, env, text, { log: () => undefined, runDirectory, ...options });
}

/** A result without what differs between builds of the reference: an empty `dns` is printed or not. */
export function comparable(result: unknown): unknown {
  if (typeof result !== 'object' || result === null) return result;
  const { dns, ...rest } = result as Record<string, unknown>;
  const empty = dns === undefined || Object.keys(dns as object).length === 0;
  return empty ? rest : { ...rest, dns };
}
