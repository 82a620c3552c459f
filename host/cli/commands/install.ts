import { type Command, Option } from 'commander';
import { guarded } from '../guarded.js';
import type { InstallMode } from '../install.js';

interface InstallCommandOptions {
  readonly dir: string;
  readonly mode?: InstallMode;
  readonly socket?: string;
  readonly units?: string;
}

const defaultDirectory = '/opt/cni/bin';

/** `netloom install`, `netloom uninstall`. */
export function addInstall(program: Command): void {
  program
    .command('install')
    .description('write an executable for each CNI plugin, and the units of the daemon where systemd runs')
    .argument('[types...]', 'plugins; all by default')
    .option('--dir <directory>', 'where container runtimes look for plugins', defaultDirectory)
    .addOption(
      new Option(
        '--mode <mode>',
        'client: a native program that asks the daemon, and starts Node where there is none; node: always Node (default: client, where there is one for this machine)',
      ).choices(['client', 'node']),
    )
    .option('--socket <path>', 'where the daemon listens (default: /run/netloom/daemon.sock)')
    .option(
      '--units <directory>',
      'where units are written (default: /etc/systemd/system, where systemd runs)',
    )
    .action((types: string[], options: InstallCommandOptions) =>
      guarded(async () => {
        const { installCommand } = await import('../install-command.js');
        process.stdout.write(installCommand(types, options));
      }),
    );
  program
    .command('uninstall')
    .description('remove the executables and the units that install wrote')
    .option('--dir <directory>', 'where they are', defaultDirectory)
    .option('--units <directory>', 'where the units are', '/etc/systemd/system')
    .action((options: { dir: string; units: string }) =>
      guarded(async () => {
        const { uninstallCommand } = await import('../install-command.js');
        process.stdout.write(uninstallCommand(options));
      }),
    );
}
