import { readFileSync, writeSync } from 'node:fs';
import { environmentOf } from './arguments.js';
import { invoke } from './invoke.js';
import type { Plugin, PluginLookup } from './plugin.js';
import { allVersions } from './version.js';

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

function writeAll(fd: number, text: string): void {
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

/** Runs a plugin as a program: environment, config on stdin, result or error on stdout. Sets the exit status. */
export async function runPlugin(plugin: Plugin, version: string, bundled?: PluginLookup): Promise<void> {
  const environment = environmentOf(process.env);
  if (environment.command === '') {
    const versions = (plugin.versions ?? allVersions).join(', ');
    writeAll(STDERR, `CNI ${plugin.type} plugin ${version}\nCNI protocol versions supported: ${versions}\n`);
    return;
  }
  const outcome = await invoke(plugin, environment, () => readFileSync(STDIN, 'utf8'), { bundled });
  writeAll(STDOUT, outcome.text);
  process.exitCode = outcome.status;
}
