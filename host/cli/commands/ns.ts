import type { Command } from 'commander';
import { guarded } from '../guarded.js';
import type { ExecOptions } from '../ns/exec.js';
import type { LinkOptions } from '../ns/link.js';
import type { ListOptions } from '../ns/list.js';

const selectors =
  'docker:web, podman:web, pod:default/nginx, netns:blue, pid:123, a path, net:[4026531840], or the beginning of one';

function addList(ns: Command): void {
  ns.command('ls')
    .alias('list')
    .description('every network namespace of the host, and whose it is')
    .argument('[selectors...]', `only these: ${selectors}`)
    .option('--json', 'as one JSON document')
    .option('--no-engines', 'ask no container engine')
    .action((texts: string[], options: ListOptions) =>
      guarded(async () => {
        const { listNamespaces } = await import('../ns/list.js');
        const { text, complaints } = await listNamespaces(texts, options);
        process.stdout.write(`${text}\n`);
        for (const complaint of complaints) process.stderr.write(`netloom: ${complaint}\n`);
      }),
    );
}

function addExec(ns: Command): void {
  ns.command('exec')
    .description('become a command inside a namespace, with the programs and files of this host')
    .usage('[options] <selector> -- <command> [arguments...]')
    .argument('[words...]', 'selector, and the command after --')
    .passThroughOptions()
    .option('--etc', 'see the files of /etc/netns/<its name> in /etc, as ip netns exec does')
    .option('--etc-of <name>', 'the same, with those of another name')
    .option('--sys', "see the namespace's links in /sys, as ip netns exec does")
    .option('--resolv', "see the container's own /etc/resolv.conf and /etc/hosts")
    .option('--all', 'run the command in every namespace, one after another')
    .action((words: string[], options: ExecOptions) =>
      guarded(async () => {
        const { execInNamespace } = await import('../ns/exec.js');
        process.exitCode = await execInNamespace(words, { ...options, etc: options.etcOf ?? options.etc });
      }),
    );
}

function addManage(ns: Command): void {
  ns.command('create')
    .description('make a namespace with a name in /run/netns, as ip netns add')
    .argument('<name>')
    .option('--up', 'set its loopback interface up')
    .action((name: string, options: { up?: boolean }) =>
      guarded(async () => {
        const { createNamespace } = await import('../ns/manage.js');
        await createNamespace(name, options);
      }),
    );
  ns.command('delete')
    .description('take names in /run/netns away, as ip netns delete; links too')
    .argument('<names...>')
    .action((names: string[]) =>
      guarded(async () => {
        const { deleteNamespaces } = await import('../ns/manage.js');
        deleteNamespaces(names);
      }),
    );
  ns.command('link')
    .description(
      'give a namespace a name in /run/netns, so that ip -n finds it; without arguments, list such links',
    )
    .argument('[name]')
    .argument('[selector]', selectors)
    .option('--json', 'list links, or tell what was repaired, as JSON')
    .option('--hold', 'bind it, so that it lives on when its processes end')
    .option(
      '--repair',
      'have every link lead to where its selector does by now, and remove those that lead nowhere',
    )
    .action((name: string | undefined, selector: string | undefined, options: LinkOptions) =>
      guarded(async () => {
        const { linkCommand } = await import('../ns/link.js');
        const text = await linkCommand(name, selector, options);
        if (text !== '') process.stdout.write(`${text}\n`);
      }),
    );
}

/** `netloom ns ls|exec|link|create|delete`. */
export function addNs(program: Command): void {
  const ns = program.command('ns').description('the network namespaces of this host');
  ns.enablePositionalOptions();
  addList(ns);
  addExec(ns);
  addManage(ns);
}
