/** Runs plugins on behalf of a test, one after the other in this process, with something going wrong (faulty-host.ts). */
import type { Environment } from '../../../host/cni/arguments.js';
import { invoke } from '../../../host/cni/invoke.js';
import { type Fault, type FaultReport, Faults } from '../../../host/netlink/testing/index.js';
import { bundled } from '../../../host/plugins/index.js';

export interface Call {
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

async function perform({ environment, config, type, fault }: Call): Promise<Answer> {
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
