import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import type { Fault, FaultReport } from '../../../host/netlink/testing/index.js';
import type { Lab } from '../../support/lab.js';
import { Driver, type Reply } from './driver.js';
import type { Order } from './faulty-driver.js';

const program = fileURLToPath(new URL('faulty-driver.js', import.meta.url));

/** A driver whose system calls can be made to fail, or to be its last. */
export class FaultyDriver extends Driver {
  readonly #lab: Lab;
  #process: ChildProcess | undefined;

  constructor(t: Test, lab: Lab) {
    super(t, lab);
    this.#lab = lab;
    t.teardown(() => this.#process?.kill('SIGKILL'));
  }

  override async start(): Promise<void> {
    const args = [this.socket, this.state, this.confDir];
    const child = this.#lab.namespace.run(() =>
      fork(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    );
    this.#process = child;
    const ended = once(child, 'exit').then(() => {
      throw new Error('the driver did not start');
    });
    await Promise.race([once(child, 'message'), ended]);
    ended.catch(() => undefined);
  }

  async #order(order: Order): Promise<FaultReport> {
    const child = this.#process as ChildProcess;
    const answer = once(child, 'message');
    child.send(order);
    const [report] = (await answer) as [FaultReport];
    return report;
  }

  /** Asks with a fault; the reply is undefined when the process was killed by it. */
  async spoiled(
    name: string,
    body: object,
    fault: Fault,
  ): Promise<{ reply: Reply | undefined; struck: string | undefined }> {
    await this.#order({ fault });
    const child = this.#process as ChildProcess;
    const dead = once(child, 'exit').then(() => undefined);
    const reply = await Promise.race([this.ask(name, body).catch(() => undefined), dead]);
    if (reply === undefined) {
      await dead;
      return { reply, struck: 'killed' };
    }
    const { struck } = await this.#order({ fault: undefined });
    return { reply, struck };
  }

  /** As after kill -9. */
  async restart(): Promise<void> {
    await this.#order({ restart: true });
  }
}
