/** Our plugins in this process. */
import { invoke } from '../../host/cni/invoke.js';
import { WarmSockets } from '../../host/cni/sides.js';
import { bundled } from '../../host/plugins/index.js';
import type { Json } from './cases.js';
import type { Container } from './cycle.js';

/** As a process that attaches many containers keeps them. */
const warm = new WarmSockets();

/** Throws when it fails. */
export async function operate(command: string, config: Json, container: Container): Promise<Json> {
  const { id, netns, ifname } = container;
  const plugin = await bundled(String(config.type));
  if (plugin === undefined) throw new Error(`there is no plugin ${config.type}`);
  const environment = {
    command,
    containerId: id,
    netns,
    ifname,
    args: '',
    path: '/nowhere',
    netnsOverride: '',
  };
  const { error, output } = await invoke(plugin, environment, JSON.stringify(config), {
    bundled,
    warm,
  });
  if (error !== undefined) throw new Error(`${config.type} ${command}: ${error.msg}`);
  return (output ?? {}) as Json;
}
