import { env } from 'node:process';
import { destination, type Logger, pino } from 'pino';
import {
  activatedSockets,
  askDaemon,
  type Daemon,
  DaemonError,
  type DaemonStatus,
  startDaemon,
} from '../daemon/index.js';
import { socketUnit } from '../docker/activation.js';
import type { RunningDriver } from '../docker/index.js';
import { bundled, pluginTypes } from '../plugins/index.js';
import type { DockerOptions } from './docker.js';

export interface DaemonCommandOptions {
  readonly socket: string;
  readonly concurrency: number;
  /** Seconds. */
  readonly idleExit?: number;
  readonly logLevel: string;
  /** How Docker is served; it is where this is given, or where systemd passes a socket for it. */
  readonly docker: DockerOptions;
  readonly serveDocker: boolean;
}

/**
 * Serves until SIGTERM or SIGINT, or until it was idle for long enough; Docker too, in the same process. Throws
 * DaemonError, DockerError.
 */
export async function daemonCommand(options: DaemonCommandOptions): Promise<void> {
  const log = pino({ level: options.logLevel, base: null }, destination({ dest: 2, sync: true }));
  const passed = activatedSockets(env, socketUnit);
  const servesDocker = options.serveDocker || passed.docker !== undefined;
  if (servesDocker && options.idleExit !== undefined) {
    throw new DaemonError('ERR_DAEMON_ACTIVATION', '--idle-exit: ports that are published need this process');
  }
  // before anybody waits for them
  await Promise.all(pluginTypes.map(bundled));
  const driver = servesDocker ? await serveDocker(options.docker, passed.docker, log) : undefined;
  let daemon: Daemon;
  try {
    daemon = await startDaemon({
      socketPath: options.socket,
      descriptor: passed.calls,
      bundled,
      log,
      concurrency: options.concurrency,
      idleExit: options.idleExit === undefined ? undefined : options.idleExit * 1000,
    });
  } catch (error) {
    await driver?.close();
    throw error;
  }
  let closing: Promise<unknown> | undefined;
  const stop = (): void => {
    closing ??= Promise.all([daemon.drain(), driver?.close()]);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
  await daemon.ended;
  await closing;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, stop);
}

async function serveDocker(
  options: DockerOptions,
  descriptor: number | undefined,
  log: Logger,
): Promise<RunningDriver> {
  const { driverOptions } = await import('./docker.js');
  const { startDriver } = await import('../docker/index.js');
  const own = log.child({ part: 'docker' });
  const driver = await startDriver({
    ...driverOptions(options, descriptor),
    log: (line) => own.info(line),
    report: ({ name, duration, error }) => own.debug({ call: name, took: duration, error }, 'call'),
  });
  own.info({ socket: options.socket, activated: descriptor !== undefined }, 'listening');
  return driver;
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
