import { env } from 'node:process';
import { destination, pino } from 'pino';
import { activatedSocket, askDaemon, type DaemonStatus, startDaemon } from '../daemon/index.js';
import { bundled, pluginTypes } from '../plugins/index.js';

export interface DaemonCommandOptions {
  readonly socket: string;
  readonly concurrency: number;
  /** Seconds. */
  readonly idleExit?: number;
  readonly logLevel: string;
}

/** Serves until SIGTERM or SIGINT, or until it was idle for long enough. Throws DaemonError. */
export async function daemonCommand(options: DaemonCommandOptions): Promise<void> {
  const log = pino({ level: options.logLevel, base: null }, destination({ dest: 2, sync: true }));
  // before anybody waits for them
  await Promise.all(pluginTypes.map(bundled));
  const daemon = await startDaemon({
    socketPath: options.socket,
    descriptor: activatedSocket(env),
    bundled,
    log,
    concurrency: options.concurrency,
    idleExit: options.idleExit === undefined ? undefined : options.idleExit * 1000,
  });
  const stop = (): void => void daemon.drain();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
  await daemon.ended;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, stop);
}

/** What a daemon tells of itself, for people or as JSON. Throws DaemonError `ERR_DAEMON_UNREACHABLE`. */
export async function daemonStatus({
  socket,
  json = false,
  metrics = false,
}: {
  readonly socket: string;
  readonly json?: boolean;
  readonly metrics?: boolean;
}): Promise<string> {
  const text = await askDaemon(socket, metrics ? '/metrics' : '/status');
  if (json || metrics) return text;
  const status = JSON.parse(text) as DaemonStatus;
  return [
    `process      ${status.pid}${status.draining ? ', draining' : ''}`,
    `since        ${status.since}`,
    `calls        ${status.calls}`,
    `at work      ${status.running}`,
    `waiting      ${status.waiting}`,
    `connections  ${status.connections}`,
    `memory       ${(status.residentBytes / 1e6).toFixed(1)} MB`,
    '',
  ].join('\n');
}
