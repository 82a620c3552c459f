import { type Container, composeOf, type Pod } from '../container.js';
import type { Places } from '../places.js';
import { type Json, listAt, namesIn, objectAt, readJson, textAt } from './json.js';
import { readPid } from './pid-file.js';

/** The network namespace that an OCI bundle's config names; undefined where the runtime makes one. */
function networkPath(config: unknown): string | undefined {
  const network = listAt(objectAt(config, 'linux'), 'namespaces').find(
    (entry) => textAt(entry, 'type') === 'network',
  );
  return textAt(network, 'path');
}

/** Shares the network of the host: the config asks for no namespace. */
function isOfHost(config: unknown): boolean {
  const all = listAt(objectAt(config, 'linux'), 'namespaces');
  return config !== undefined && !all.some((entry) => textAt(entry, 'type') === 'network');
}

/** The pod that annotations of containerd's CRI and of CRI-O tell. */
function podOf(annotations: Json | undefined): Pod | undefined {
  const namespace =
    textAt(annotations, 'io.kubernetes.cri.sandbox-namespace') ??
    textAt(annotations, 'io.kubernetes.pod.namespace');
  const name =
    textAt(annotations, 'io.kubernetes.cri.sandbox-name') ?? textAt(annotations, 'io.kubernetes.pod.name');
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

function isSandbox(annotations: Json | undefined): boolean {
  const type =
    textAt(annotations, 'io.kubernetes.cri.container-type') ??
    textAt(annotations, 'io.kubernetes.cri-o.ContainerType');
  return type === 'sandbox';
}

function nameOf(annotations: Json | undefined): string | undefined {
  return (
    textAt(annotations, 'nerdctl/name') ??
    textAt(annotations, 'io.kubernetes.cri.container-name') ??
    textAt(annotations, 'io.kubernetes.container.name')
  );
}

/** Containers of containerd, whose tasks leave their bundle and the number of their process; Docker's are among them. */
export function readContainerd(directory: string, proc: string): Container[] {
  return namesIn(directory).flatMap((namespace) =>
    namesIn(`${directory}/${namespace}`).map((id): Container => {
      const bundle = `${directory}/${namespace}/${id}`;
      const config = readJson(`${bundle}/config.json`);
      const annotations = objectAt(config, 'annotations');
      const pod = podOf(annotations);
      return {
        engine: namespace === 'moby' ? 'docker' : 'containerd',
        id,
        name:
          namespace === 'moby' ? undefined : (nameOf(annotations) ?? (pod === undefined ? id : undefined)),
        pid: readPid(proc, `${bundle}/init.pid`),
        path: networkPath(config),
        pod,
        sandbox: isSandbox(annotations),
        guest: isOfHost(config),
      };
    }),
  );
}

/** Containers of podman and CRI-O, by what containers/storage keeps: names, and the processes of those that run. */
export function readStorage({ run, graph }: Places['storage'][number], proc: string): Container[] {
  return namesIn(run)
    .filter((name) => name.endsWith('-containers'))
    .flatMap((layer) => {
      const names = new Map<string, string>();
      for (const entry of listAt(readJson(`${graph}/${layer}/containers.json`))) {
        const id = textAt(entry, 'id');
        const [name] = listAt(entry, 'names');
        if (id !== undefined && typeof name === 'string') names.set(id, name);
      }
      return namesIn(`${run}/${layer}`).flatMap((id): Container[] => {
        const pid = readPid(proc, `${run}/${layer}/${id}/userdata/pidfile`);
        if (pid === undefined) return [];
        // CRI-O has its bundles beside the pidfile, podman on disk
        const config =
          readJson(`${run}/${layer}/${id}/userdata/config.json`) ??
          readJson(`${graph}/${layer}/${id}/userdata/config.json`);
        return [stored(id, names.get(id), pid, config)];
      });
    });
}

function stored(id: string, name: string | undefined, pid: number, config: unknown): Container {
  const annotations = objectAt(config, 'annotations');
  const crio = annotations?.['io.kubernetes.cri-o.ContainerType'] !== undefined;
  return {
    engine: crio ? 'cri-o' : 'podman',
    id,
    name: nameOf(annotations) ?? name,
    pid,
    path: networkPath(config),
    pod: podOf(annotations),
    sandbox: isSandbox(annotations),
    guest: isOfHost(config),
    compose: composeOf(annotations),
  };
}
