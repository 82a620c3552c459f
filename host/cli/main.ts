#!/usr/bin/env node
import { Command } from 'commander';
import { addCni } from './commands/cni.js';
import { addDecode } from './commands/decode.js';
import { addDemo } from './commands/demo.js';
import { addDocker } from './commands/docker.js';
import { addInstall } from './commands/install.js';

const program = new Command('netloom')
  .description('Netlink, and the container networking built on it')
  .version('0.1.0');

// what a command does is imported when it is called: here are only its name and options
for (const add of [addDecode, addCni, addInstall, addDemo, addDocker]) add(program);

await program.parseAsync();
