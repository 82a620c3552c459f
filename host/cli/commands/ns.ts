import type { Command } from 'commander';
import { guarded } from '../guarded.js';
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

/** `netloom ns ls|exec|link|create|delete`. */
export function addNs(program: Command): void {
  const ns = program.command('ns').description('the network namespaces of this host');
  addList(ns);
}
