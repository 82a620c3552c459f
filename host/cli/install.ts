import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { execPath, pid } from 'node:process';
import { fileURLToPath } from 'node:url';
import { NetloomError } from '../netlink/errors.js';
import { pluginTypes } from '../plugins/index.js';

/**
 * Variables that a plugin gets besides PATH: those of the CNI specification and cnitool, and the bus that firewalld is
 * asked on; systemd's about sockets that it has opened. All others stay outside: what NODE_OPTIONS or LD_PRELOAD name must not run as root.
 */
const passed = [
  'CNI_COMMAND',
  'CNI_CONTAINERID',
  'CNI_NETNS',
  'CNI_IFNAME',
  'CNI_ARGS',
  'CNI_PATH',
  'CNI_NETNS_OVERRIDE',
  'DBUS_SYSTEM_BUS_ADDRESS',
  // of systemd, for dhcp daemon: sd_listen_fds(3)
  'LISTEN_PID',
  'LISTEN_FDS',
] as const;

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * The script that stands for a plugin: starts Node with nothing in its environment but what is CNI's. Unset variables
 * stay unset, and the shell gets no say in what values are, whatever characters are in them.
 */
function wrapper(type: string, node: string, program: string): string {
  const variables = passed.map((name) => `\${${name}+"${name}=$${name}"}`).join(' ');
  // env would take a path with = for one more variable
  const command = node.includes('=') ? `/bin/sh -c 'exec "$0" "$@"' ${quoted(node)}` : quoted(node);
  return `#!/bin/sh
# CNI plugin ${type} of Netloom, written by netloom install
exec /usr/bin/env -i PATH="\${PATH:-/usr/sbin:/usr/bin:/sbin:/bin}" ${variables} ${command} ${quoted(program)} ${quoted(type)} "$@"
`;
}

export interface InstallOptions {
  /** Where the runtime looks for plugins, as /opt/cni/bin. Made if it is not there. */
  readonly directory: string;
  /** All plugins by default. */
  readonly types?: readonly string[] | undefined;
  /** Absolute path of the Node.js that runs them; that of this process by default. */
  readonly node?: string | undefined;
}

function refuse(types: readonly string[], node: string, program: string): void {
  if (!existsSync(program)) {
    throw new NetloomError(
      'ERR_NOT_BUILT',
      `${program} is not there: run npm run build in the project's directory`,
    );
  }
  for (const type of types) {
    if (!pluginTypes.includes(type)) {
      throw new NetloomError(
        'ERR_UNKNOWN_PLUGIN',
        `no plugin '${type}': there are ${pluginTypes.join(', ')}`,
      );
    }
  }
  if (!isAbsolute(node)) {
    throw new NetloomError('ERR_RELATIVE_PATH', `node: '${node}' must be an absolute path`);
  }
}

/**
 * Writes an executable for each plugin; returns their paths. Each takes its place whole, when all have been written:
 * what ran before runs on, and a failure to write leaves the directory as it was. Throws NetloomError
 * `ERR_UNKNOWN_PLUGIN`, `ERR_NOT_BUILT`, `ERR_RELATIVE_PATH`; errors of the file system as Node gives them.
 */
export function installPlugins({
  directory,
  types = pluginTypes,
  node = execPath,
}: InstallOptions): string[] {
  const program = fileURLToPath(new URL('../../plugins/plugin.js', import.meta.url));
  refuse(types, node, program);
  mkdirSync(directory, { recursive: true });
  const files = types.map((type) => ({
    type,
    path: join(directory, type),
    draft: join(directory, `.${type}.${pid}`),
  }));
  try {
    for (const { type, draft } of files) {
      writeFileSync(draft, wrapper(type, node, program));
      chmodSync(draft, 0o755);
    }
    for (const { path, draft } of files) renameSync(draft, path);
  } finally {
    for (const { draft } of files) rmSync(draft, { force: true });
  }
  return files.map(({ path }) => path);
}
