import { ResultCache } from '../../runtime/cache.js';
import type { Container, Pod } from '../container.js';

/** Kubernetes tells plugins which pod they work for; podman only has a name. */
function podOf(args: ReadonlyMap<string, string>): Pod | undefined {
  const namespace = args.get('K8S_POD_NAMESPACE');
  const name = args.get('K8S_POD_NAME');
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

/**
 * Containers that were attached to networks, by libcni's cache: the way to a name that needs no engine at all. Throws
 * RuntimeError `ERR_CACHE` when the directory may not be read.
 */
export function readCni(directory: string): Container[] {
  return new ResultCache(directory).list().map(({ network, attachment }): Container => {
    const { containerId, netns, args = [] } = attachment;
    const given = new Map(args);
    // nerdctl's are `<namespace of containerd>-<container>`
    const id = /^.+-([0-9a-f]{64})$/.exec(containerId)?.[1] ?? containerId;
    return {
      engine: 'cni',
      id,
      name: given.get('K8S_POD_NAMESPACE') === undefined ? given.get('K8S_POD_NAME') : undefined,
      // the number of a process may be another's by now: its cgroup tells
      path: netns === '' || netns.startsWith('/proc/') ? undefined : netns,
      pod: podOf(given),
      networks: [network],
    };
  });
}
