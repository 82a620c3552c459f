import { type Command, Option } from 'commander';
import type { GraphCommandOptions } from '../graph.js';
import { guarded } from '../guarded.js';

/** `netloom graph`. */
export function addGraph(program: Command): void {
  program
    .command('graph')
    .description('what is connected to what: veth pairs, bridge ports, macvlans, published ports')
    .argument('[selectors...]', 'only these namespaces, as in netloom ns ls; all when none is given')
    .addOption(
      new Option('--format <format>', 'told by the ending of the file by default, else text').choices([
        'text',
        'json',
        'dot',
        'svg',
        'html',
      ]),
    )
    .option('--json', 'the same as --format json')
    .option('-o, --output <file>', 'write a file instead of stdout')
    .option('--title <text>', 'what stands above the picture')
    .option('--no-engines', 'ask no container engine')
    .action((texts: string[], options: GraphCommandOptions) =>
      guarded(async () => {
        const { graphCommand } = await import('../graph.js');
        await graphCommand(texts, options);
      }),
    );
}
