import type { Command } from 'commander';
import { guarded } from '../guarded.js';

/** `netloom install`. */
export function addInstall(program: Command): void {
  program
    .command('install')
    .description('write an executable for each CNI plugin')
    .argument('[types...]', 'plugins; all by default')
    .requiredOption('--dir <directory>', 'where container runtimes look for plugins, as /opt/cni/bin')
    .action((types: string[], { dir }: { dir: string }) =>
      guarded(async () => {
        const { installPlugins } = await import('../install.js');
        const paths = installPlugins({ directory: dir, types: types.length === 0 ? undefined : types });
        process.stdout.write(`${paths.join('\n')}\n`);
      }),
    );
}
