import { CniError, errorCodes } from './errors.js';

export const commands = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const;
export type Command = (typeof commands)[number];

/** The environment of a plugin, SPEC.md section 2. Empty means missing. */
export interface Environment {
  readonly command: string;
  readonly containerId: string;
  readonly netns: string;
  readonly ifname: string;
  /** As it is: `K=V;K=V`. */
  readonly args: string;
  /** Directories with plugins. */
  readonly path: string;
  /** `1` or `true`: CNI_NETNS may be the plugin's own namespace. */
  readonly netnsOverride: string;
}

const variables = {
  command: 'CNI_COMMAND',
  containerId: 'CNI_CONTAINERID',
  netns: 'CNI_NETNS',
  ifname: 'CNI_IFNAME',
  args: 'CNI_ARGS',
  path: 'CNI_PATH',
  netnsOverride: 'CNI_NETNS_OVERRIDE',
} as const satisfies Record<keyof Environment, string>;

export function environmentOf(env: NodeJS.ProcessEnv): Environment {
  return Object.fromEntries(
    Object.entries(variables).map(([key, name]) => [key, env[name] ?? '']),
  ) as unknown as Environment;
}

export function toVariables(environment: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).map(([key, name]) => [name, environment[key as keyof Environment]]),
  );
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

function invalid(msg: string, details = ''): CniError {
  return new CniError(errorCodes.invalidEnvironment, msg, details);
}

export function validateContainerId(id: string): void {
  if (!NAME.test(id)) throw invalid('invalid characters in containerID', id);
}

/** Throws CniError 7. */
export function validateNetworkName(name: string): void {
  if (name === '') {
    throw new CniError(errorCodes.invalidNetworkConfig, 'missing network name');
  }
  if (!NAME.test(name)) {
    throw new CniError(errorCodes.invalidNetworkConfig, 'invalid characters found in network name', name);
  }
}

export function validateInterfaceName(name: string): void {
  if (name === '') throw invalid('interface name is empty');
  if (Buffer.byteLength(name) > 15) {
    throw invalid('interface name is too long', 'interface name should be less than 16 characters');
  }
  if (name === '.' || name === '..') throw invalid('interface name is . or ..');
  if (/[/:\s]/u.test(name)) throw invalid('interface name contains / or : or whitespace characters');
}

const required: Record<string, readonly (keyof Environment)[]> = {
  ADD: ['command', 'containerId', 'netns', 'ifname', 'path'],
  CHECK: ['command', 'containerId', 'netns', 'ifname', 'path'],
  DEL: ['command', 'containerId', 'ifname', 'path'],
  GC: ['command', 'path'],
  STATUS: ['command', 'path'],
  VERSION: ['command'],
};
const onlyCommand = ['command'] as const;

const validators: Partial<Record<keyof Environment, (value: string) => void>> = {
  containerId: validateContainerId,
  ifname: validateInterfaceName,
};

/** Throws CniError 4: for the first variable that is wrong, else for those that are missing. */
export function validateEnvironment(environment: Environment): void {
  const missing: string[] = [];
  for (const key of required[environment.command] ?? onlyCommand) {
    if (environment[key] === '') missing.push(variables[key]);
    else validators[key]?.(environment[key]);
  }
  if (missing.length > 0) throw invalid(`required env variables [${missing.join(',')}] missing`);
}

/** The pairs of CNI_ARGS. Throws CniError 999 with the reference's text. */
export function parsePairs(text: string): [key: string, value: string][] {
  if (text === '') return [];
  return text.split(';').map((pair) => {
    const fields = pair.split('=');
    if (fields.length !== 2) throw new CniError(errorCodes.internal, `ARGS: invalid pair "${pair}"`);
    return [fields[0] as string, fields[1] as string];
  });
}

/**
 * The values of the CNI_ARGS that a plugin knows. Others are an error unless `IgnoreUnknown` says otherwise.
 * CONVENTIONS.md, "CNI_ARGS"
 */
export function knownArgs<K extends string>(text: string, known: readonly K[]): Partial<Record<K, string>> {
  const out: Partial<Record<K, string>> = {};
  const unknown: string[] = [];
  let ignore = false;
  for (const [key, value] of parsePairs(text)) {
    if (key === 'IgnoreUnknown') {
      if (!/^(1|true|0|false)$/i.test(value)) {
        throw new CniError(
          errorCodes.internal,
          `ARGS: error parsing value of pair "${key}=${value}": boolean unmarshal error: invalid input ${value}`,
        );
      }
      ignore = /^(1|true)$/i.test(value);
    } else if ((known as readonly string[]).includes(key)) out[key as K] = value;
    else unknown.push(`${key}=${value}`);
  }
  if (unknown.length > 0 && !ignore) {
    throw new CniError(
      errorCodes.internal,
      `ARGS: unknown args [${unknown.map((pair) => JSON.stringify(pair)).join(' ')}]`,
    );
  }
  return out;
}
