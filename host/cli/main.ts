#!/usr/bin/env node
import { Command, Option } from 'commander';
import { NetloomError } from '../netlink/errors.js';
import type { Protocol } from '../schema/definition.js';
import { type CniOptions, cniCommand } from './cni.js';

/** Runs a command; errors with a code are told in a line, others with their stack. */
async function guarded(work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    const known = error instanceof NetloomError || (error instanceof Error && 'code' in error);
    process.stderr.write(`netloom: ${known ? (error as Error).message : (error as Error).stack}\n`);
    process.exitCode = 1;
  }
}

const program = new Command('netloom')
  .description('Netlink, and the container networking built on it')
  .version('0.1.0');

program
  .command('decode')
  .description(
    'print the netlink messages in a capture of an nlmon device, in hexadecimal text, or in raw bytes',
  )
  .argument('[file]', 'what to read; - is stdin', '-')
  .option('--json', 'a line of JSON for each message')
  .addOption(
    new Option('--protocol <name>', 'what messages without a capture around them were sent over')
      .choices(['route', 'generic', 'netfilter'])
      .default('route'),
  )
  .action((file: string, options: { json?: boolean; protocol: Protocol }) =>
    guarded(async () => {
      const { decodeFile } = await import('./decode.js');
      process.stdout.write(`${decodeFile(file, options)}\n`);
    }),
  );

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
        const text = await cniCommand(name, network, namespace, options);
        if (text !== '') process.stdout.write(`${text}\n`);
      }),
    );
}

program
  .command('install')
  .description('write an executable for each CNI plugin')
  .argument('[types...]', 'plugins; all by default')
  .requiredOption('--dir <directory>', 'where container runtimes look for plugins, as /opt/cni/bin')
  .action((types: string[], { dir }: { dir: string }) =>
    guarded(async () => {
      const { installPlugins } = await import('./install.js');
      const paths = installPlugins({ directory: dir, types: types.length === 0 ? undefined : types });
      process.stdout.write(`${paths.join('\n')}\n`);
    }),
  );

program
  .command('demo', { hidden: false })
  .description('the openfaas network with two containers, in namespaces of their own')
  .allowUnknownOption()
  .allowExcessArguments()
  .action(() =>
    guarded(async () => {
      const { demo } = await import('./demo.js');
      await demo();
    }),
  );

await program.parseAsync();
