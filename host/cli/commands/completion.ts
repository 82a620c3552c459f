import { Argument, type Command } from 'commander';
import { guarded } from '../guarded.js';

/** `netloom completion`, and `netloom complete`, which its scripts ask. */
export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a script that completes netloom command lines')
    .addArgument(new Argument('<shell>', 'what is to read the script').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      `
bash: source <(netloom completion bash)
zsh:  source <(netloom completion zsh)
fish: netloom completion fish | source`,
    )
    .action((shell: 'bash' | 'zsh' | 'fish') =>
      guarded(async () => {
        const { scripts } = await import('../completion/scripts.js');
        process.stdout.write(scripts[shell]);
      }),
    );

  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action((words: string[]) =>
      guarded(async () => {
        const { complete } = await import('../completion/candidates.js');
        const { valuesHere } = await import('../completion/values.js');
        const { candidates, paths } = await complete(program, words, valuesHere);
        const { printable } = await import('../../inspect/printable.js');
        const lines = candidates
          // a shell would obey what is in it, or take it for two
          .filter(({ value }) => printable(value) === value)
          .map(({ value, description = '' }) => `${value}\t${printable(description)}`);
        process.stdout.write(`${[`:${paths}`, ...lines].join('\n')}\n`);
      }),
    );
}
