import { defaultSocketPath } from './config.js';
import { DhcpError } from './errors.js';
import { defaultTiming, type Timing } from './timing.js';

/** What `dhcp daemon` is started with. */
export interface DaemonFlags {
  readonly pidFile: string;
  readonly hostPrefix: string;
  readonly socketPath: string;
  readonly timing: Timing;
}

export const usage = `Usage of dhcp daemon:
  -broadcast
    	ask DHCP servers to answer by broadcast
  -hostprefix string
    	goes before the socket's path, and before paths of network namespaces
  -pidfile string
    	absolute path of a file to write the process's number to
  -resendmax duration
    	longest pause between two attempts to get a lease (default 1m2s)
  -resendtimeout duration
    	how long to try to get a lease (default 3m28s)
  -socketpath string
    	path of the socket to listen on (default "${defaultSocketPath}")
  -timeout duration
    	how long to wait for the first answer to a message; twice and four times that later (default 10s)
`;

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

function invalid(message: string): DhcpError {
  return new DhcpError('ERR_DHCP_FLAG', message);
}

/** ms; more than six days, and four times that is still what a timer takes. */
const LONGEST = 2 ** 29;

/** A duration as Go has it, `1m2s` or `1.5s`, in ms. */
function duration(text: string, flag: string): number {
  const fault = invalid(
    `invalid value "${text}" for flag -${flag}: expected a duration greater than zero, like 10s or 1m30s`,
  );
  const pieces = /^\+?((?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(text)
    ? text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)
    : [];
  let total = 0;
  for (const [, amount, unit] of pieces) total += Number(amount) * (units[unit as string] as number);
  if (!(total > 0)) throw fault;
  return Math.min(total, LONGEST);
}

function boolean(text: string, flag: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw invalid(`invalid boolean value "${text}" for -${flag}: expected true or false`);
}

const known = [
  'pidfile',
  'hostprefix',
  'socketpath',
  'broadcast',
  'timeout',
  'resendmax',
  'resendtimeout',
] as const;
type Flag = (typeof known)[number];

/**
 * Reads flags as Go's do: one dash or two, a value after `=` or as the next argument. Undefined when help is asked for.
 * Throws DhcpError `ERR_DHCP_FLAG`.
 */
export function readFlags(args: readonly string[]): DaemonFlags | undefined {
  const given: Partial<Record<Flag, string>> = {};
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (arg === '--') {
      if (i + 1 < args.length) throw invalid(`unexpected argument "${args[i + 1]}"`);
      break;
    }
    const [, name, , inline] = /^--?([^-=][^=]*)(=(.*))?$/s.exec(arg) ?? [];
    if (name === undefined) throw invalid(`unexpected argument "${arg}"`);
    if (name === 'h' || name === 'help') return undefined;
    if (!(known as readonly string[]).includes(name)) {
      throw invalid(`flag provided but not defined: -${name}`);
    }
    const value = inline ?? (name === 'broadcast' ? 'true' : args[++i]);
    if (value === undefined) throw invalid(`flag needs an argument: -${name}`);
    given[name as Flag] = value;
  }
  const time = (flag: Flag, otherwise: number): number =>
    given[flag] === undefined ? otherwise : duration(given[flag], flag);
  return {
    pidFile: given.pidfile ?? '',
    hostPrefix: given.hostprefix ?? '',
    socketPath: given.socketpath || defaultSocketPath,
    timing: {
      timeout: time('timeout', defaultTiming.timeout),
      resendMax: time('resendmax', defaultTiming.resendMax),
      resendTimeout: time('resendtimeout', defaultTiming.resendTimeout),
      broadcast: boolean(given.broadcast ?? 'false', 'broadcast'),
    },
  };
}
