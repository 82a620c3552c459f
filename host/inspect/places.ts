import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Where the kernel and the engines of a host leave what names its namespaces. */
export interface Places {
  readonly proc: string;
  /** Directories of bound namespaces, as `ip netns` has one; the word is what selectors call them. */
  readonly names: readonly { readonly word: string; readonly directory: string }[];
  /** Docker's API: a unix socket. */
  readonly docker: string;
  /** Docker's containers on disk, for when it does not answer. */
  readonly dockerState: string;
  /** libpod's API: unix sockets. */
  readonly podman: readonly string[];
  /** State of containers/storage (podman, CRI-O): bundles below `run`, names below `graph`. */
  readonly storage: readonly { readonly run: string; readonly graph: string }[];
  /** State of containerd's tasks: `<namespace>/<container>/config.json`. */
  readonly containerd: readonly string[];
  /** Cache of libcni. */
  readonly cni: string;
}

function socketOf(variable: string | undefined, otherwise: string): string {
  return variable?.startsWith('unix://') ? variable.slice('unix://'.length) : otherwise;
}

/** Where containers/storage was told to be, containers-storage.conf(5). */
function storageOf(env: NodeJS.ProcessEnv): Places['storage'][number] {
  let text = '';
  try {
    text = readFileSync(env.CONTAINERS_STORAGE_CONF ?? '/etc/containers/storage.conf', 'utf8');
  } catch {
    // not told
  }
  const value = (key: string): string | undefined =>
    new RegExp(`^\\s*${key}\\s*=\\s*"([^"]+)"`, 'm').exec(text)?.[1];
  return {
    run: value('runroot') ?? '/run/containers/storage',
    graph: value('graphroot') ?? '/var/lib/containers/storage',
  };
}

/** Where containerds keep the state of tasks: /run/containerd, k3s' and Docker's own, and those told to be elsewhere. */
function containerdStates(run: string): string[] {
  let names: string[];
  try {
    names = readdirSync(run);
  } catch {
    return [];
  }
  return names
    .flatMap((name) => ['', '/containerd', '/containerd/daemon'].map((below) => `${run}/${name}${below}`))
    .map((state) => `${state}/io.containerd.runtime.v2.task`)
    .filter((directory) => existsSync(directory));
}

/** The places of this host, as the environment tells them: DOCKER_HOST, CONTAINER_HOST, XDG_RUNTIME_DIR, XDG_DATA_HOME. */
export function placesOf(env: NodeJS.ProcessEnv = process.env): Places {
  const runtime = env.XDG_RUNTIME_DIR;
  const data = env.XDG_DATA_HOME ?? (env.HOME === undefined ? undefined : `${env.HOME}/.local/share`);
  const rootless = runtime === undefined || runtime === '' ? [] : [runtime];
  return {
    proc: '/proc',
    names: [
      { word: 'netns', directory: '/run/netns' },
      { word: 'docker-netns', directory: '/run/docker/netns' },
    ],
    docker: socketOf(env.DOCKER_HOST, '/run/docker.sock'),
    dockerState: '/var/lib/docker/containers',
    podman: [
      ...new Set([
        socketOf(env.CONTAINER_HOST, '/run/podman/podman.sock'),
        ...rootless.map((directory) => `${directory}/podman/podman.sock`),
      ]),
    ],
    storage: [
      storageOf(env),
      ...rootless.flatMap((directory) =>
        data === undefined ? [] : [{ run: `${directory}/containers`, graph: `${data}/containers/storage` }],
      ),
    ],
    containerd: containerdStates('/run'),
    cni: '/var/lib/cni',
  };
}
