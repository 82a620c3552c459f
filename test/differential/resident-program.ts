/**
 * Netloom's plugins in one process, which is started in the namespace of a host: a message asks for an operation, the
 * answer is what the plugin's executable would leave behind. Starting a program for each would take most of the time.
 */
import { environmentOf } from '../../host/cni/arguments.js';
import { invoke } from '../../host/cni/invoke.js';
import { bundled } from '../../host/plugins/index.js';

export interface Question {
  readonly type: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly config: string;
}

export interface Answer {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function answer({ type, environment, config }: Question): Promise<Answer> {
  const plugin = await bundled(type);
  if (plugin === undefined) return { status: 2, stdout: '', stderr: `netloom has no plugin "${type}"` };
  let stderr = '';
  const log = (message: string): void => {
    stderr += `${message}\n`;
  };
  const { status, text } = await invoke(plugin, environmentOf(environment), config, { bundled, log });
  return { status, stdout: text, stderr };
}

process.on('message', (question: Question) => {
  void answer(question).then((given) => process.send?.(given));
});
