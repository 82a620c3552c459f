/**
 * A driver in a process of its own, in which calls of the system go wrong (faulty.ts): faulty-driver.js SOCKET STATE CONFDIR.
 */
import { startDriver } from '../../../host/docker/index.js';
import { type Fault, type FaultReport, Faults } from '../../../host/netlink/testing/index.js';

/** `fault` arms one, and none disarms; `restart`: this process goes on as if it had been killed and started again. */
export type Order = { readonly fault: Fault | undefined } | { readonly restart: true };

const [, , path = '', stateDirectory = '', confDir = ''] = process.argv;
const faults = Faults.install();
const options = {
  listen: { path },
  stateDirectory,
  confDir,
  dockerSocket: '',
  log: () => undefined,
};
let driver = await startDriver(options);

async function follow(order: Order): Promise<FaultReport> {
  const report = faults.report();
  if ('restart' in order) {
    faults.arm();
    await driver.close();
    driver = await startDriver(options);
  } else faults.arm(order.fault);
  return report;
}

process.on('message', async (order: Order) => process.send?.(await follow(order)));
process.send?.('ready');
