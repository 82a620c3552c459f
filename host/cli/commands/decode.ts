import { type Command, Option } from 'commander';
import type { Protocol } from '../../schema/definition.js';
import { guarded } from '../guarded.js';

/** `netloom decode`. */
export function addDecode(program: Command): void {
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
        const { decodeFile } = await import('../decode.js');
        process.stdout.write(`${decodeFile(file, options)}\n`);
      }),
    );
}
