import { type Container, composeOf } from '../container.js';
import { EngineClient } from './http.js';
import { listAt, namesIn, numberAt, objectAt, readJson, textAt } from './json.js';
import type { EngineNetwork } from './network.js';
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

/** Names of the networks that a container is attached to. */
function networksIn(settings: unknown): string[] {
  return Object.keys(objectAt(settings, 'Networks') ?? {}).filter(
    (name) => name !== 'host' && name !== 'none',
  );
}

const labels = { bridge: 'com.docker.network.bridge.name', type: 'type', parent: 'parent' } as const;

/** The link of the host that a network is made on, as the options say, or as drivers name theirs. */
function linkOf(driver: string, id: string, options: unknown): string | undefined {
  const kind = textAt(options, labels.type) ?? driver;
  const short = id.slice(0, 12);
  if (kind === 'macvlan' || kind === 'ipvlan')
    return textAt(options, labels.parent) ?? `${kind === 'macvlan' ? 'dm' : 'di'}-${short}`;
  if (['host', 'null', 'cni', 'overlay'].includes(kind)) return undefined;
  return textAt(options, labels.bridge) ?? `br-${short}`;
}

/** Docker's networks, as its API tells. Throws what EngineClient does. */
export async function askDockerNetworks(socket: string, signal: AbortSignal): Promise<EngineNetwork[]> {
  const client = new EngineClient(socket, signal);
  try {
    return listAt(await client.get('/networks')).flatMap((entry) => {
      const [id, name, driver] = ['Id', 'Name', 'Driver'].map((key) => textAt(entry, key));
      if (id === undefined || name === undefined || driver === undefined) return [];
      const link = linkOf(driver, id, objectAt(entry, 'Options'));
      return link === undefined ? [] : [{ engine: 'docker', name, link }];
    });
  } finally {
    client.close();
  }
}

async function inspected(client: EngineClient, container: Container): Promise<Container> {
  try {
    const details = await client.get(`/containers/${container.id}/json`);
    const settings = objectAt(details, 'NetworkSettings');
    const path = textAt(settings, 'SandboxKey');
    return {
      ...container,
      pid: numberAt(objectAt(details, 'State'), 'Pid'),
      path,
      networks: networksIn(settings),
    };
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
      networks: networksIn(objectAt(config, 'NetworkSettings')),
    };
  });
}
