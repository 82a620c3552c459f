/** Runs plugins on behalf of a test, one after the other in this process, with something going wrong (faulty-host.ts). */
import type { Environment } from '../../../host/cni/arguments.js';
import { invoke } from '../../../host/cni/invoke.js';
import { type Fault, type FaultReport, Faults } from '../../../host/netlink/testing/index.js';
import { bundled } from '../../../host/plugins/index.js';
import { parseNetworkList, Runtime } from '../../../host/runtime/index.js';

export interface Call {
  /** A list instead of a plugin: text, and where results are kept. ADD undoes what fails. */
  readonly list?: { readonly text: string; readonly cacheDirectory: string } | undefined;
  readonly environment: Environment;
  readonly config: Readonly<Record<string, unknown>>;
  readonly type: string;
  readonly fault: Fault | undefined;
}

export interface Answer {
  readonly status: 0 | 1;
  readonly output: Readonly<Record<string, unknown>>;
  readonly log: readonly string[];
  readonly report: FaultReport;
}

const faults = Faults.install();

/** The error of a list, as one of a plugin. */
async function performList(
  { environment, fault }: Call,
  { text, cacheDirectory }: NonNullable<Call['list']>,
): Promise<Answer> {
  const log: string[] = [];
  const runtime = new Runtime({ bundled, cacheDirectory, log: (line) => log.push(line) });
  const list = parseNetworkList(text);
  const { command, containerId, netns, ifname } = environment;
  const attachment = { containerId, netns, ifname };
  const work = async (): Promise<Answer['output']> => {
    if (command === 'ADD')
      return (await runtime.addNetworkList(list, attachment, { undoOnFailure: true })).output;
    await (command === 'DEL' ? runtime.delNetworkList : runtime.checkNetworkList).call(
      runtime,
      list,
      attachment,
    );
    return {};
  };
  faults.arm(fault);
  const done = await work().then(
    (output) => ({ status: 0 as const, output }),
    ({ message }: Error) => ({ status: 1 as const, output: { code: 999, msg: message } }),
  );
  const report = faults.report();
  faults.arm();
  return { ...done, log, report };
}

async function perform(call: Call): Promise<Answer> {
  if (call.list !== undefined) return await performList(call, call.list);
  const { environment, config, type, fault } = call;
  const plugin = await bundled(type);
  if (plugin === undefined) throw new Error(`there is no plugin ${type}`);
  const log: string[] = [];
  faults.arm(fault);
  const { status, output = {} } = await invoke(plugin, environment, JSON.stringify(config), {
    bundled,
    log: (line) => log.push(line),
  });
  const report = faults.report();
  faults.arm();
  return { status, output: output as Answer['output'], log, report };
}

process.on('message', async (call: Call) => process.send?.(await perform(call)));
