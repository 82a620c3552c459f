import type { Command } from 'commander';
import type { DockerInstallOptions, DockerOptions } from '../docker.js';
import { guarded } from '../guarded.js';

const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** `netloom docker`, `netloom docker install`. */
export function addDocker(program: Command): void {
  const docker = program
    .command('docker')
    .description("serve networks and addresses to Docker: its plugin 'netloom'")
    .option('--socket <path>', 'where to listen', '/run/docker/plugins/netloom.sock')
    .option('--state-dir <directory>', 'what is kept between starts', '/var/lib/netloom/docker')
    .option(
      '--docker-socket <path>',
      "Docker's own socket, to learn networks' names; empty: never",
      '/run/docker.sock',
    )
    .option(
      '--pool <network,length>',
      'where pools are chosen from, as 10.200.0.0/16,24; may be repeated',
      collect,
    )
    .option('--conf-dir <directory>', "CNI's configurations, for -o type=cni", '/etc/cni/net.d')
    .option('--path <directories>', 'where plugins are that are not bundled', '/opt/cni/bin')
    .option('--log-calls', 'a line for every call, with the time it took')
    .action((options: DockerOptions) =>
      guarded(async () => {
        const { serveDocker } = await import('../docker.js');
        await serveDocker(options);
      }),
    );
  docker
    .command('install')
    .description('write what Docker finds the plugin by, and units for systemd')
    .option('--plugins-dir <directory>', 'where Docker looks for plugins', '/etc/docker/plugins')
    .option('--json', 'write netloom.json in place of netloom.spec')
    .option(
      '--systemd-dir <directory>',
      'where systemd looks for units; empty: none is written',
      '/etc/systemd/system',
    )
    .action((options: DockerInstallOptions, command: Command) =>
      guarded(async () => {
        const { installDocker } = await import('../docker.js');
        const { socket } = command.optsWithGlobals<{ socket: string }>();
        process.stdout.write(`${installDocker({ ...options, socket }).join('\n')}\n`);
      }),
    );
}
