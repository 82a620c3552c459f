import { type Container, composeOf } from '../container.js';
import { InspectError } from '../errors.js';
import { EngineClient } from './http.js';
import { listAt, numberAt, objectAt, textAt } from './json.js';

/** Versions of libpod's API, the newest that is needed first: a server refuses what is newer or much older than it. */
const versions = ['v4.0.0', 'v3.0.0'] as const;

function listed(entry: unknown): Container | undefined {
  const id = textAt(entry, 'Id');
  if (id === undefined) return undefined;
  const [name] = listAt(entry, 'Names');
  const net = Number(textAt(objectAt(entry, 'Namespaces'), 'Net'));
  const group = textAt(entry, 'PodName');
  const infra = objectAt(entry)?.IsInfra === true;
  return {
    engine: 'podman',
    id,
    name: typeof name === 'string' ? name : undefined,
    pid: numberAt(entry, 'Pid'),
    inode: Number.isSafeInteger(net) && net > 0 ? net : undefined,
    sandbox: infra,
    group,
    compose: composeOf(objectAt(entry, 'Labels')),
  };
}

/** podman's running containers, as libpod's API tells. Throws what EngineClient does. */
export async function askPodman(socket: string, signal: AbortSignal): Promise<Container[]> {
  const client = new EngineClient(socket, signal);
  try {
    for (const version of versions) {
      try {
        const list = listAt(await client.get(`/${version}/libpod/containers/json?namespace=true`));
        return list.flatMap((entry) => listed(entry) ?? []);
      } catch (error) {
        const last = version === versions.at(-1);
        if (last || !(error instanceof InspectError)) throw error;
      }
    }
    return [];
  } finally {
    client.close();
  }
}
