import type { Command } from 'commander';
import { guarded } from '../guarded.js';
import type { TableCommandOptions } from '../tables.js';

const nouns = [
  ['link', 'the links (network interfaces)'],
  ['address', 'the addresses of links'],
  ['route', 'the routes'],
  ['neighbour', 'the neighbours (ARP and NDP)'],
  ['rule', 'the rules of routing policy'],
] as const;

const aliases = { address: 'addr', neighbour: 'neigh' } as const;

/** `netloom link|address|route|neighbour|rule`. */
export function addTables(program: Command): void {
  for (const [name, what] of nouns) {
    const command = program
      .command(name)
      .description(`${what} of namespaces`)
      .argument('[selectors...]', "namespaces, as in netloom ns ls; this process's own when none is given")
      .option('--all', 'of every namespace of the host')
      .option('-j, --json', 'in the shape of ip -j, with a key for the namespace')
      .option('-d, --details', 'in JSON, as much as ip -d tells')
      .option('-4, --inet', 'IPv4 only, which is what routes and rules are by default')
      .option('-6, --inet6', 'IPv6 only; with -4, both');
    if (name === 'route') command.option('--table <table>', 'by number or name; all for every one', 'main');
    if (name in aliases) command.alias(aliases[name as keyof typeof aliases]);
    command.action((texts: string[], options: TableCommandOptions) =>
      guarded(async () => {
        const { tableCommand } = await import('../tables.js');
        process.stdout.write(`${await tableCommand(name, texts, options)}\n`);
      }),
    );
  }
}
