import { createInterface } from 'node:readline';
import { environmentOf } from '../../../host/cni/arguments.js';
import { invoke } from '../../../host/cni/invoke.js';
import { exchangeCalls, type NativeSocket, tableLayout } from '../../../host/netlink/native.js';
import { bundled } from '../../../host/plugins/index.js';

interface Call {
  readonly id: number;
  readonly type: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: string;
  /** Which of its messages to the kernel is refused; none when it is 0. */
  readonly refused: number;
}

const ENOBUFS = 105;
/** Messages still to be sent until one is refused. */
let left = 0;

interface Addon {
  Socket: new (...args: unknown[]) => NativeSocket;
}

/** Puts a socket that can be refused in the place of the addon's own, when that is loaded. */
function refuseMessages(): void {
  const { dlopen } = process;
  process.dlopen = (module: { exports: unknown }, ...rest: [path: string]) => {
    dlopen.call(process, module, ...rest);
    const addon = module.exports as Addon;
    addon.Socket = class extends addon.Socket {
      override exchange(...args: Parameters<NativeSocket['exchange']>): Promise<void> {
        const [request, , table] = args;
        if (request.length === 0 || left === 0 || --left > 0) return super.exchange(...args);
        table.fill(0);
        table[tableLayout.errno] = ENOBUFS;
        table[tableLayout.call] = exchangeCalls.indexOf('sendmsg');
        return Promise.resolve();
      }
    };
  };
}

async function answer({ id, type, environment, stdin, refused }: Call): Promise<void> {
  const plugin = await bundled(type);
  if (plugin === undefined) throw new Error(`no plugin ${type}`);
  const messages: string[] = [];
  const log = (message: string): void => {
    messages.push(message);
  };
  left = refused;
  const { status, text } = await invoke(plugin, environmentOf(environment), stdin, { bundled, log });
  const outcome = {
    id,
    status,
    stdout: text,
    stderr: messages.join('\n'),
    spoiled: refused > 0 && left === 0,
  };
  left = 0;
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

refuseMessages();
// one call a line, as many at once as come
for await (const line of createInterface({ input: process.stdin })) void answer(JSON.parse(line) as Call);
