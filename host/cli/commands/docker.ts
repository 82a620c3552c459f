import type { Command } from 'commander';
import type { DockerInstallOptions, DockerOptions } from '../docker.js';
import { guarded } from '../guarded.js';

const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** Options of both commands that serve Docker; `daemon` has them with `docker-` before their names. */
export function addServingOptions(command: Command, prefix: '' | 'docker-'): Command {
  return command
    .option(
      `--${prefix === '' ? 'socket' : 'docker-listen'} <path>`,
      'where to listen for Docker',
      '/run/docker/plugins/netloom.sock',
    )
    .option(`--${prefix}state-dir <directory>`, 'what is kept between starts', '/var/lib/netloom/docker')
    .option(
      '--docker-socket <path>',
      "Docker's own socket, to learn networks' names; empty: never",
      '/run/docker.sock',
    )
    .option(
      `--${prefix}pool <network,length>`,
      'where pools are chosen from, as 10.200.0.0/16,24; may be repeated',
      collect,
    )
    .option(`--${prefix}conf-dir <directory>`, "CNI's configurations, for -o type=cni", '/etc/cni/net.d')
    .option(`--${prefix}path <directories>`, 'where plugins are that are not bundled', '/opt/cni/bin');
}

/** Where `install` writes, and `uninstall` removes. */
function addPlaces(command: Command): Command {
  return command
    .option('--plugins-dir <directory>', 'where Docker looks for plugins', '/etc/docker/plugins')
    .option('--systemd-dir <directory>', 'where systemd looks for units; empty: none', '/etc/systemd/system');
}

/** `netloom docker`, `netloom docker install`, `netloom docker uninstall`. */
export function addDocker(program: Command): void {
  const docker = program
    .command('docker')
    .description("serve networks and addresses to Docker: its plugin 'netloom'");
  addServingOptions(docker, '')
    .option('--log-calls', 'a line for every call, with the time it took')
    .action((options: DockerOptions & { readonly logCalls?: boolean }) =>
      guarded(async () => {
        const { serveDocker } = await import('../docker.js');
        await serveDocker(options);
      }),
    );
  addPlaces(
    docker.command('install').description('write what Docker finds the plugin by, and units for systemd'),
  )
    .option('--json', 'write netloom.json in place of netloom.spec')
    .option('--daemon', "the socket leads to netloom daemon's service, which serves Docker too")
    .action((options: DockerInstallOptions, command: Command) =>
      guarded(async () => {
        const { installDocker } = await import('../docker.js');
        const { socket } = command.optsWithGlobals<{ socket: string }>();
        process.stdout.write(`${installDocker({ ...options, socket }).join('\n')}\n`);
      }),
    );
  addPlaces(docker.command('uninstall').description('remove what install wrote')).action(
    (options: { pluginsDir: string; systemdDir: string }) =>
      guarded(async () => {
        const { uninstallDocker } = await import('../docker.js');
        process.stdout.write(
          uninstallDocker(options)
            .map((path) => `${path}\n`)
            .join(''),
        );
      }),
  );
}
