import { Argument, type Command, Option } from 'commander';
import type { AttachOptions, CniOptions } from '../cni/attach.js';
import type { GcOptions } from '../cni/network.js';
import { guarded } from '../guarded.js';

/** An option that an environment variable of cnitool sets too; an empty one sets nothing. */
function fromVariable(flags: string, description: string, variable: string, otherwise?: string): Option {
  const option = new Option(flags, description).default(otherwise);
  return process.env[variable] === '' ? option : option.env(variable);
}

function withCommon(command: Command): Command {
  return command
    .addOption(
      fromVariable('--conf-dir <directory>', 'where the configs are', 'NETCONFPATH', '/etc/cni/net.d'),
    )
    .addOption(
      fromVariable(
        '--path <directories>',
        'where plugins are that are not bundled',
        'CNI_PATH',
        '/opt/cni/bin',
      ),
    )
    .option('--exec', 'execute plugins from there, also those that are bundled')
    .option('--cache-dir <directory>', 'where results are kept (default: /var/lib/cni)')
    .option('--json', 'print one line of JSON, errors too');
}

const timings = ['--timings', 'tell on stderr what each plugin took'] as const;

function withAttachment(command: Command): Command {
  return withCommon(command)
    .addOption(fromVariable('-i, --ifname <name>', "name of the container's interface", 'CNI_IFNAME', 'eth0'))
    .option('--container-id <id>', 'identifier of the container; made of the namespace by default')
    .addOption(fromVariable('--args <pairs>', 'KEY=VALUE;KEY=VALUE for the plugins', 'CNI_ARGS'))
    .addOption(fromVariable('--capabilities <json>', 'values of capabilities, as a JSON object', 'CAP_ARGS'))
    .option(...timings);
}

/** cnitool has it for all commands. */
const meaningless = (): Option =>
  new Option('-i, --ifname <name>', 'means nothing; cnitool has it').hideHelp();

/** Prints what the command says, if anything. */
function printing(options: CniOptions, work: () => Promise<string>): Promise<void> {
  return guarded(async () => {
    const text = await work();
    if (text !== '') process.stdout.write(`${text}\n`);
  }, options);
}

const network = ['<network>', 'name of a network, or path of its file'] as const;
const namespace = ['<namespace>', 'name below /run/netns, or a path'] as const;

/** `netloom cni …`: what cnitool does, and more. */
export function addCni(program: Command): void {
  const cni = program
    .command('cni')
    .description('attach network namespaces to networks, as cnitool does')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong usage, 130 and 143 interrupted and undone.',
    );

  withAttachment(cni.command('add').description('attach a namespace to a network; prints the result'))
    .argument(...network)
    .addArgument(new Argument('[namespace]', namespace[1]))
    .option('--new <name>', 'create the namespace /run/netns/<name>; it goes again when ADD fails')
    .action((name: string, given: string | undefined, options: AttachOptions, command: Command) => {
      const target = options.new ?? given;
      if (target === undefined || (options.new !== undefined && given !== undefined)) {
        command.error('error: either a namespace or --new <name> is needed');
        return;
      }
      return printing(options, async () => (await import('../cni/attach.js')).add(name, target, options));
    });

  for (const [verb, what] of [
    ['check', 'check that a namespace is attached as it was'],
    ['del', 'detach a namespace from a network'],
  ] as const) {
    const command = withAttachment(cni.command(verb).description(what))
      .argument(...network)
      .argument(...namespace);
    if (verb === 'del') command.option('--delete', 'delete the namespace afterwards');
    command.action((name: string, target: string, options: AttachOptions) =>
      printing(options, async () =>
        (await import('../cni/attach.js')).checkOrDelete(verb, name, target, options),
      ),
    );
  }

  withCommon(cni.command('gc').description('remove what belongs to no valid attachment of a network'))
    .argument(...network)
    .argument('[namespace]', 'means nothing; cnitool has it, and then nothing is valid')
    .option('--valid <attachments...>', 'CONTAINER or CONTAINER:INTERFACE; the rest goes')
    .option('--stale', 'what is in the cache and has a namespace is valid; the rest goes')
    .option('--all', 'nothing is valid')
    .addOption(meaningless())
    .option(...timings)
    .action((name: string, target: string | undefined, options: GcOptions) =>
      printing(options, async () => (await import('../cni/network.js')).gc(name, target, options)),
    );

  withCommon(cni.command('status').description('could a namespace be attached now?'))
    .argument('[network]', 'name of a network, or path of its file; all by default')
    .argument('[namespace]', 'means nothing; cnitool has it')
    .addOption(meaningless())
    .option(...timings)
    .action((name: string | undefined, _target: string | undefined, options: CniOptions) =>
      printing(options, async () => (await import('../cni/network.js')).status(name, options)),
    );

  withCommon(cni.command('validate').description('check configs, and that their plugins are there'))
    .argument('[networks...]', 'names of networks, or paths of their files; all by default')
    .action((names: string[], options: CniOptions) =>
      printing(options, async () => (await import('../cni/network.js')).validate(names, options)),
    );

  withCommon(
    cni.command('version').description('print the versions of the specification that plugins support'),
  )
    .argument('[types...]', 'plugins; by default the bundled ones and those that networks use')
    .action((types: string[], options: CniOptions) =>
      printing(options, async () => (await import('../cni/network.js')).version(types, options)),
    );
}
