import { readSync, writeSync } from 'node:fs';
import { environmentOf } from './arguments.js';
import { invoke } from './invoke.js';
import type { Plugin, PluginLookup } from './plugin.js';
import { allVersions } from './version.js';

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

function wouldBlock(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EAGAIN';
}

/** All of stdin. Its streams take long to load, so they come in only where it is a non-blocking pipe or socket. */
async function readAll(): Promise<string> {
  const chunks: Buffer[] = [];
  const buffer = Buffer.allocUnsafe(65_536);
  try {
    for (let size = readSync(STDIN, buffer); size > 0; size = readSync(STDIN, buffer)) {
      chunks.push(Buffer.from(buffer.subarray(0, size)));
    }
  } catch (error) {
    if (!wouldBlock(error)) throw error;
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function writeAll(fd: typeof STDOUT | typeof STDERR, text: string): Promise<void> {
  let bytes = Buffer.from(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(writeSync(fd, bytes));
  } catch (error) {
    if (!wouldBlock(error)) throw error;
    const stream = fd === STDOUT ? process.stdout : process.stderr;
    await new Promise<void>((resolve, reject) => {
      stream.write(bytes, (failed) => (failed ? reject(failed) : resolve()));
    });
  }
}

/** Runs a plugin as a program: environment, config on stdin, result or error on stdout. Sets the exit status. */
export async function runPlugin(plugin: Plugin, version: string, bundled?: PluginLookup): Promise<void> {
  const environment = environmentOf(process.env);
  if (environment.command === '') {
    const versions = (plugin.versions ?? allVersions).join(', ');
    await writeAll(
      STDERR,
      `CNI ${plugin.type} plugin ${version}\nCNI protocol versions supported: ${versions}\n`,
    );
    return;
  }
  const outcome = await invoke(plugin, environment, readAll, {
    bundled,
    // of the process
    calledAt: performance.timeOrigin,
  });
  await writeAll(STDOUT, outcome.text);
  process.exitCode = outcome.status;
}
