import { createInterface } from 'node:readline';
import { environmentOf } from '../../../host/cni/arguments.js';
import { invoke } from '../../../host/cni/invoke.js';
import { bundled } from '../../../host/plugins/index.js';

interface Call {
  readonly id: number;
  readonly type: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: string;
}

async function answer({ id, type, environment, stdin }: Call): Promise<void> {
  const plugin = await bundled(type);
  if (plugin === undefined) throw new Error(`no plugin ${type}`);
  const messages: string[] = [];
  const log = (message: string): void => {
    messages.push(message);
  };
  const { status, text } = await invoke(plugin, environmentOf(environment), stdin, { bundled, log });
  const outcome = { id, status, stdout: text, stderr: messages.join('\n') };
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

// one call a line, as many at once as come
for await (const line of createInterface({ input: process.stdin })) void answer(JSON.parse(line) as Call);
