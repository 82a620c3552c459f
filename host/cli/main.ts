#!/usr/bin/env node
import { Command } from 'commander';
import { addCni } from './commands/cni.js';
import { addDecode } from './commands/decode.js';
import { addDemo } from './commands/demo.js';
import { addInstall } from './commands/install.js';
import { addMonitor } from './commands/monitor.js';
import { addNs } from './commands/ns.js';
import { addTables } from './commands/tables.js';

const program = new Command('netloom')
  .description('Netlink, and the container networking built on it')
  .version('0.1.0')
  .enablePositionalOptions();

// what a command does is imported when it is called: here are only its name and options
for (const add of [addDecode, addCni, addInstall, addNs, addTables, addMonitor, addDemo]) add(program);

await program.parseAsync();
