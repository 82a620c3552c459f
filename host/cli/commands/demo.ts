import type { Command } from 'commander';
import { guarded } from '../guarded.js';

/** `netloom demo`, which is what `npm start` runs. */
export function addDemo(program: Command): void {
  program
    .command('demo', { hidden: false })
    .description('the openfaas network with two containers, in namespaces of their own')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() =>
      guarded(async () => {
        const { demo } = await import('../demo.js');
        await demo();
      }),
    );
}
