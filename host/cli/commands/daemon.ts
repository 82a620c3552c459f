import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DaemonCommandOptions } from '../daemon.js';
import { guarded } from '../guarded.js';
import { addServingOptions } from './docker.js';

const defaultSocketPath = '/run/netloom/daemon.sock';

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('A number above 0 is needed.');
  return value;
}

/** As commander reads them. */
interface DaemonFlags extends Pick<DaemonCommandOptions, 'socket' | 'concurrency' | 'idleExit' | 'logLevel'> {
  readonly docker?: boolean;
  readonly dockerListen: string;
  readonly dockerStateDir: string;
  readonly dockerSocket: string;
  readonly dockerPool?: readonly string[];
  readonly dockerConfDir: string;
  readonly dockerPath: string;
}

/** `netloom daemon`, `netloom daemon status`. */
export function addDaemon(program: Command): void {
  const daemon = program
    .command('daemon')
    .description('serve the CNI executables that netloom install wrote; runs until SIGTERM')
    .option('--socket <path>', 'where to listen, unless systemd passes a socket', defaultSocketPath)
    .option('--concurrency <count>', 'how many calls may change the network at a time', positive, 32)
    .option('--idle-exit <seconds>', 'end after so long without a call (with socket activation)', positive)
    .addOption(
      new Option('--log-level <level>', 'what is logged, as lines of JSON on stderr')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .addOption(new Option('--docker', "serve Docker's networks too").conflicts('idleExit'));
  addServingOptions(daemon, 'docker-').action((flags: DaemonFlags) =>
    guarded(async () => {
      const { daemonCommand } = await import('../daemon.js');
      await daemonCommand({
        ...flags,
        serveDocker: flags.docker ?? false,
        docker: {
          socket: flags.dockerListen,
          stateDir: flags.dockerStateDir,
          dockerSocket: flags.dockerSocket,
          pool: flags.dockerPool,
          confDir: flags.dockerConfDir,
          path: flags.dockerPath,
        },
      });
    }),
  );
  daemon
    .command('status')
    .description('tell what a daemon does; exit status 1 when none answers')
    .option('--socket <path>', 'where it listens')
    .option('--json', 'as JSON')
    .option('--metrics', "the daemon's metrics, as Prometheus reads them")
    .action(({ socket, ...options }: { socket?: string; json?: boolean; metrics?: boolean }) =>
      guarded(async () => {
        const { daemonStatus } = await import('../daemon.js');
        const given = socket ?? daemon.opts<{ socket: string }>().socket;
        process.stdout.write(await daemonStatus({ ...options, socket: given }));
      }),
    );
}
