import type { Command, Environment } from './arguments.js';
import { record, valueAt } from './config.js';
import { CniError, errorCodes } from './errors.js';
import type { Ipam } from './plugin.js';
import { parseResult, type Result } from './result.js';

type Json = Record<string, unknown>;

/** Has another plugin do something, as a runtime would; returns what it prints. Given by `invoke`, which this file serves. */
export type Delegate = (
  type: string,
  change?: {
    readonly environment?: Partial<Environment>;
    readonly config?: Readonly<Json> | undefined;
  },
) => Promise<Json | undefined>;

/** The config's `ipam.type`, empty when there is none. */
export function ipamType(config: Readonly<Json>): string {
  const ipam = valueAt(config as Json, 'ipam');
  if (typeof ipam !== 'object' || ipam === null || Array.isArray(ipam)) return '';
  const type = valueAt(record.read(ipam, 'ipam'), 'type');
  return typeof type === 'string' ? type : '';
}

/** What a plugin printed for ADD, in the shape of 1.1.0; nothing counts as an empty result. */
export function resultOf(output: Json | undefined, version: string): Result {
  return output === undefined ? {} : parseResult(output, version);
}

export function delegatedIpam(type: string, version: string, delegate: Delegate): Ipam {
  const call = async (command: Command): Promise<Json | undefined> => {
    if (type === '') throw new CniError(errorCodes.internal, 'no plugin name provided');
    return await delegate(type, { environment: { command } });
  };
  return {
    configured: type !== '',
    add: async () => resultOf(await call('ADD'), version),
    delete: async () => {
      await call('DEL');
    },
    check: async () => {
      await call('CHECK');
    },
    gc: async () => {
      await call('GC');
    },
    status: async () => {
      await call('STATUS');
    },
  };
}
