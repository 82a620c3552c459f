import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Fault } from '../../../host/netlink/testing/index.js';
import type { Answer, Call } from './faulty-program.js';
import type { CniHost, Container, Json } from './host.js';

const program = fileURLToPath(new URL('faulty-program.js', import.meta.url));

interface Teardown {
  teardown(work: () => unknown): void;
}

/** Plugins run in one process on a host, in which calls of the system can be made to fail. */
export class FaultyHost {
  readonly host: CniHost;
  readonly #ifname: string;
  #child: ChildProcess | undefined;

  constructor(t: Teardown, host: CniHost, ifname = 'eth0') {
    this.host = host;
    this.#ifname = ifname;
    t.teardown(() => this.#child?.kill('SIGKILL'));
  }

  /** Of a plugin, or of a list of them. `undefined`: the process was killed, as the fault says. */
  async run(command: string, config: Json, container: Container, fault?: Fault): Promise<Answer | undefined> {
    const child = this.#process();
    const call: Call = {
      type: String(config.type),
      config,
      list: Array.isArray(config.plugins)
        ? { text: JSON.stringify(config), cacheDirectory: join(this.host.dataDir, 'cache') }
        : undefined,
      fault,
      environment: {
        command,
        containerId: container.id,
        netns: container.lab.path,
        ifname: this.#ifname,
        args: '',
        path: '/nowhere',
        netnsOverride: '',
      },
    };
    return await new Promise((resolve, reject) => {
      const ended = (_status: number | null, signal: NodeJS.Signals | null): void => {
        this.#child = undefined;
        if (signal === 'SIGKILL' && fault?.kind === 'killed') resolve(undefined);
        else reject(new Error(`the process ended: ${signal}`));
      };
      child.once('exit', ended);
      child.once('message', (answer) => {
        child.off('exit', ended);
        resolve(answer as Answer);
      });
      child.send(call);
    });
  }

  #process(): ChildProcess {
    this.#child ??= this.host.lab.namespace.run(() =>
      fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    );
    return this.#child;
  }
}
