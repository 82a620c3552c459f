import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Lab } from '../support/lab.js';
import type { Answer, Question } from './resident-program.js';

const program = fileURLToPath(new URL('./resident-program.js', import.meta.url));

/** A process with Netloom's plugins in a namespace: see resident-program.ts. One question at a time. */
export class Resident {
  readonly #child: ChildProcess;

  constructor(lab: Lab) {
    this.#child = lab.namespace.run(() =>
      spawn(process.execPath, ['--enable-source-maps', program], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      }),
    );
  }

  async ask(question: Question): Promise<Answer> {
    this.#child.send(question);
    const answered = once(this.#child, 'message') as Promise<[Answer]>;
    const ended = once(this.#child, 'exit').then(() => {
      throw new Error('the process with the plugins has ended');
    });
    ended.catch(() => undefined);
    const [answer] = await Promise.race([answered, ended]);
    return answer;
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}
