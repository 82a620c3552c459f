/** Our plugins in this process. */
import { invoke } from '../../host/cni/invoke.js';
import { WarmSockets } from '../../host/cni/sides.js';
import { bundled } from '../../host/plugins/index.js';
import type { Json } from './cases.js';
import type { Container } from './cycle.js';

/** Runs operations, with sockets of each call's own unless there are warm ones. What it returns throws when one fails. */
export function operating(warm?: WarmSockets) {
  return async (command: string, config: Json, { id, netns, ifname }: Container): Promise<Json> => {
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
    const options = { bundled, warm };
    const { error, output } = await invoke(plugin, environment, JSON.stringify(config), options);
    if (error !== undefined) throw new Error(`${config.type} ${command}: ${error.msg}`);
    return (output ?? {}) as Json;
  };
}

/** As a process does that attaches many containers, and keeps its sockets. */
export const operate = operating(new WarmSockets());
