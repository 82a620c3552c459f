import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DaemonCommandOptions } from '../daemon.js';
import { guarded } from '../guarded.js';

const defaultSocketPath = '/run/netloom/daemon.sock';

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('A number above 0 is needed.');
  return value;
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
    .action((options: DaemonCommandOptions) =>
      guarded(async () => {
        const { daemonCommand } = await import('../daemon.js');
        await daemonCommand(options);
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
