import type { Command } from 'commander';
import type { CniOptions } from '../cni.js';
import { guarded } from '../guarded.js';

/** `netloom cni add|check|del`. */
export function addCni(program: Command): void {
  const cni = program.command('cni').description('attach network namespaces to the networks in a directory');
  for (const [name, what] of [
    ['add', 'attach a namespace to a network; prints the result'],
    ['check', 'check that a namespace is attached as it was'],
    ['del', 'detach a namespace from a network'],
  ] as const) {
    cni
      .command(name)
      .description(what)
      .argument('<network>', 'name of the network')
      .argument('<namespace>', 'name below /run/netns, or a path')
      .option('--conf-dir <directory>', 'where the configs are', process.env.NETCONFPATH ?? '/etc/cni/net.d')
      .option('--ifname <name>', "name of the container's interface", process.env.CNI_IFNAME ?? 'eth0')
      .option('--container-id <id>', 'identifier of the container; made of the namespace by default')
      .option('--args <pairs>', 'CNI_ARGS: KEY=VALUE;KEY=VALUE', process.env.CNI_ARGS ?? '')
      .option('--capabilities <json>', 'values of capabilities, as a JSON object')
      .option('--cache-dir <directory>', 'where results are kept (default: /var/lib/cni)')
      .option(
        '--path <directories>',
        'where plugins are that are not bundled',
        process.env.CNI_PATH ?? '/opt/cni/bin',
      )
      .action((network: string, namespace: string, options: CniOptions) =>
        guarded(async () => {
          const { cniCommand } = await import('../cni.js');
          const text = await cniCommand(name, network, namespace, options);
          if (text !== '') process.stdout.write(`${text}\n`);
        }),
      );
  }
}
