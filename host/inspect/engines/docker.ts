import { type Container, composeOf } from '../container.js';
import { EngineClient } from './http.js';
import { listAt, namesIn, numberAt, objectAt, readJson, textAt } from './json.js';
import { livingProcess } from './pid-file.js';

const plainName = (name: string | undefined): string | undefined => name?.replace(/^\//, '');

/** It lives in the namespace of another container, or of the host. */
function isGuest(mode: string | undefined): boolean {
  return mode === 'host' || mode?.startsWith('container:') === true;
}

/** What `GET /containers/json` tells of one, which lacks where its namespace is. */
function listed(entry: unknown): Container | undefined {
  const id = textAt(entry, 'Id');
  if (id === undefined) return undefined;
  const [name] = listAt(entry, 'Names');
  return {
    engine: 'docker',
    id,
    name: plainName(typeof name === 'string' ? name : undefined),
    guest: isGuest(textAt(objectAt(entry, 'HostConfig'), 'NetworkMode')),
    compose: composeOf(objectAt(entry, 'Labels')),
  };
}

/**
 * Docker's running containers, as its API tells. Where not all can be inspected in time, the rest comes without process
 * and path: its cgroup may lead to it. Throws what EngineClient does when not even the list comes.
 */
export async function askDocker(socket: string, signal: AbortSignal): Promise<Container[]> {
  const client = new EngineClient(socket, signal);
  try {
    const list = listAt(await client.get('/containers/json'));
    return await Promise.all(
      list.flatMap((entry) => {
        const container = listed(entry);
        return container === undefined ? [] : [inspected(client, container)];
      }),
    );
  } finally {
    client.close();
  }
}

async function inspected(client: EngineClient, container: Container): Promise<Container> {
  try {
    const details = await client.get(`/containers/${container.id}/json`);
    const path = textAt(objectAt(details, 'NetworkSettings'), 'SandboxKey');
    return { ...container, pid: numberAt(objectAt(details, 'State'), 'Pid'), path };
  } catch {
    return container; // gone meanwhile, or too late
  }
}

/** Docker's running containers, as its daemon left them on disk. */
export function readDocker(directory: string, proc: string): Container[] {
  return namesIn(directory).flatMap((name) => {
    const file = `${directory}/${name}/config.v2.json`;
    const config = readJson(file);
    const id = textAt(config, 'ID');
    const state = objectAt(config, 'State');
    if (id === undefined || state?.Running !== true) return [];
    const mode = textAt(readJson(`${directory}/${name}/hostconfig.json`), 'NetworkMode');
    return {
      engine: 'docker',
      id,
      name: plainName(textAt(config, 'Name')),
      guest: isGuest(mode),
      compose: composeOf(objectAt(config, 'Config', 'Labels')),
      pid: livingProcess(proc, numberAt(state, 'Pid'), file),
      path: textAt(objectAt(config, 'NetworkSettings'), 'SandboxKey'),
    };
  });
}
