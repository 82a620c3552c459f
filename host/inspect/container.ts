/** A container as an engine, or what an engine left on disk, tells of it. */
export interface Container {
  /** `docker`, `podman`, `containerd`, `cri-o`; `cni` where only CNI knows it, undefined where only a cgroup does. */
  readonly engine?: string | undefined;
  readonly id: string;
  readonly name?: string | undefined;
  /** The process that it began with. */
  readonly pid?: number | undefined;
  /** A file of its network namespace. */
  readonly path?: string | undefined;
  /** Inode of its network namespace. */
  readonly inode?: number | undefined;
  readonly pod?: Pod | undefined;
  /** It holds the namespace for the others of its pod. */
  readonly sandbox?: boolean | undefined;
  /** It lives in the namespace of another. */
  readonly guest?: boolean | undefined;
  /** Of podman's pods: their name. */
  readonly group?: string | undefined;
  /** Networks of its engine, or of CNI, that it is attached to. */
  readonly networks?: readonly string[] | undefined;
  readonly compose?: { readonly project: string; readonly service: string } | undefined;
}

export interface Pod {
  readonly namespace: string;
  readonly name: string;
}

/** Labels that Docker Compose and podman-compose set. */
export function composeOf(labels: Readonly<Record<string, unknown>> | undefined): Container['compose'] {
  const project = labels?.['com.docker.compose.project'] ?? labels?.['io.podman.compose.project'];
  const service = labels?.['com.docker.compose.service'] ?? labels?.['io.podman.compose.service'];
  return typeof project === 'string' && typeof service === 'string' ? { project, service } : undefined;
}

/** Two accounts of one container; the first counts where both tell something. */
export function joined(a: Container, b: Container): Container {
  return {
    engine: a.engine === undefined || a.engine === 'cni' ? (b.engine ?? a.engine) : a.engine,
    id: a.id,
    name: a.name ?? b.name,
    pid: a.pid ?? b.pid,
    path: a.path ?? b.path,
    inode: a.inode ?? b.inode,
    pod: a.pod ?? b.pod,
    sandbox: a.sandbox ?? b.sandbox,
    guest: a.guest ?? b.guest,
    group: a.group ?? b.group,
    networks: [...new Set([...(a.networks ?? []), ...(b.networks ?? [])])],
    compose: a.compose ?? b.compose,
  };
}
