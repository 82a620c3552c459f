#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { addCni } from './commands/cni.js';
import { addCompletion } from './commands/completion.js';
import { addDaemon } from './commands/daemon.js';
import { addDecode } from './commands/decode.js';
import { addDemo } from './commands/demo.js';
import { addDocker } from './commands/docker.js';
import { addGraph } from './commands/graph.js';
import { addInstall } from './commands/install.js';
import { addMonitor } from './commands/monitor.js';
import { addNs } from './commands/ns.js';
import { addTables } from './commands/tables.js';

/** The command line makes no sense. */
const WRONG_USAGE = 2;

const program = new Command('netloom')
  .description('Netlink, and the container networking built on it')
  .version('0.1.0')
  .enablePositionalOptions()
  .exitOverride();

// what a command does is imported when it is called: here are only its name and options
for (const add of [
  ...[addDecode, addCni, addInstall, addDaemon, addNs, addTables, addGraph],
  ...[addMonitor, addDocker, addDemo, addCompletion],
])
  add(program);

// who reads the output may have had enough of it
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  // ip's -ts is one option, and -t -s are two others
  const words = process.argv.map((word) => (word === '-ts' ? '--tshort' : word));
  await program.parseAsync(process.argv[2] === 'monitor' ? words : process.argv);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : WRONG_USAGE;
}
