/** Whose a cgroup is, as far as its path tells. */
export interface CgroupOwner {
  /** The control group, without what names nobody. */
  readonly path: string;
  readonly container?: { readonly engine: string | undefined; readonly id: string };
  /** A system container: LXC, systemd-nspawn. */
  readonly machine?: string;
  /** A unit of systemd. */
  readonly unit?: string;
}

const id = '([0-9a-f]{64})';

/** What engines call the cgroup of a container: moby, containerd's CRI, CRI-O, libpod, nerdctl. */
const containers: readonly (readonly [pattern: RegExp, engine: string | undefined])[] = [
  [new RegExp(`^docker-${id}\\.scope$`), 'docker'],
  [new RegExp(`(?:^|:)cri-containerd[-:]${id}(?:\\.scope)?$`), 'containerd'],
  [new RegExp(`^crio-${id}(?:\\.scope)?$`), 'cri-o'],
  [new RegExp(`(?:^|:)crio:${id}$`), 'cri-o'],
  [new RegExp(`^libpod-(?:payload-)?${id}(?:\\.scope)?$`), 'podman'],
  [new RegExp(`(?:^|:)libpod:${id}$`), 'podman'],
  [new RegExp(`^nerdctl-${id}\\.scope$`), 'containerd'],
  [new RegExp(`(?:^|:)nerdctl:${id}$`), 'containerd'],
  [new RegExp(`(?:^|:)docker:${id}$`), 'docker'],
  [new RegExp(`^${id}$`), undefined],
];

const machines: readonly RegExp[] = [
  /^lxc\.payload\.(.+)$/,
  /^machine-(.+)\.scope$/,
  /^systemd-nspawn@(.+)\.service$/,
];

function unescapedUnit(name: string): string {
  return name.replaceAll(/\\x([0-9a-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

function ownerOf(path: string): CgroupOwner {
  const parts = path.split('/').filter((part) => part !== '');
  // the innermost name counts: an engine may run in another engine's container
  for (let at = parts.length - 1; at >= 0; at--) {
    const part = parts[at] as string;
    for (const [pattern, engine] of containers) {
      const found = pattern.exec(part)?.[1];
      if (found !== undefined) {
        const parent = parts[at - 1] === 'docker' ? 'docker' : undefined;
        return { path, container: { engine: engine ?? parent, id: found } };
      }
    }
    for (const pattern of machines) {
      const found = pattern.exec(part)?.[1];
      if (found !== undefined) return { path, machine: unescapedUnit(found) };
    }
    if (parts[at - 1] === 'lxc') return { path, machine: part };
  }
  const unit = parts.findLast(
    (part) => /\.(service|scope|socket|mount)$/.test(part) && !/^(init\.scope|user@\d+\.service)$/.test(part),
  );
  return unit === undefined ? { path } : { path, unit };
}

/**
 * Reads a /proc/PID/cgroup. Of several hierarchies the one counts that tells a container, else systemd's; undefined
 * when they name nobody.
 */
export function parseCgroup(text: string): CgroupOwner | undefined {
  let best: CgroupOwner | undefined;
  const rank = (owner: CgroupOwner): number => {
    if (owner.container !== undefined) return 3;
    if (owner.machine !== undefined) return 2;
    return owner.unit === undefined ? 0 : 1;
  };
  for (const line of text.split('\n')) {
    const path = /^\d+:[^:]*:(.*)$/.exec(line)?.[1];
    if (path === undefined || path === '/' || path === '') continue;
    const owner = ownerOf(path);
    if (best === undefined || rank(owner) > rank(best)) best = owner;
  }
  return best;
}
