import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pluginDirectory } from './network.js';

/** Where a containerd of `containerdConfig` is asked. */
export const containerdSocket = '/run/nl/containerd.sock';

/** Writes the configuration of a containerd that keeps all it has in a directory; returns the file's path. */
export function containerdConfig(directory: string): string {
  const path = join(directory, 'config.toml');
  writeFileSync(
    path,
    `version = 2
root = "${directory}/root"
state = "/run/nl"
[grpc]
  address = "${containerdSocket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:test"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${pluginDirectory}"
  conf_dir = "/etc/cni/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"
`,
  );
  return path;
}

/** Writes the configuration of a podman that keeps all it has in a directory; returns the variables that name it. */
export function podmanConfig(
  directory: string,
  { networks, plugins }: { readonly networks: string; readonly plugins: string },
): { CONTAINERS_CONF: string; CONTAINERS_STORAGE_CONF: string } {
  const containers = join(directory, 'containers.conf');
  writeFileSync(
    containers,
    `[network]
network_backend = "cni"
cni_plugin_dirs = ["${plugins}"]
network_config_dir = "${networks}"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
`,
  );
  const storage = join(directory, 'storage.conf');
  writeFileSync(
    storage,
    `[storage]
driver = "vfs"
graphroot = "${directory}/graph"
runroot = "/run/containers/storage"
`,
  );
  return { CONTAINERS_CONF: containers, CONTAINERS_STORAGE_CONF: storage };
}
