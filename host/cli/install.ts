import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execPath, pid } from 'node:process';
import { fileURLToPath } from 'node:url';
import { NetloomError } from '../netlink/errors.js';
import { pluginTypes } from '../plugins/index.js';

/** Variables that a plugin gets; all others stay outside: what NODE_OPTIONS or LD_PRELOAD name must not run as root. */
const passed = [
  'CNI_COMMAND',
  'CNI_CONTAINERID',
  'CNI_NETNS',
  'CNI_IFNAME',
  'CNI_ARGS',
  'CNI_PATH',
  'CNI_NETNS_OVERRIDE',
  'DBUS_SYSTEM_BUS_ADDRESS',
] as const;

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * The script that stands for a plugin: starts Node with nothing in its environment but what is CNI's. The shell gets
 * no say in what the values are, whatever characters are in them.
 */
function wrapper(type: string, node: string, program: string): string {
  const variables = passed.map((name) => `\${${name}+"${name}=$${name}"}`).join(' ');
  return `#!/bin/sh
# CNI plugin ${type} of Netloom, written by netloom install
exec /usr/bin/env -i PATH="\${PATH:-/usr/sbin:/usr/bin:/sbin:/bin}" ${variables} ${quoted(node)} ${quoted(program)} ${quoted(type)}
`;
}

export interface InstallOptions {
  /** Where the runtime looks for plugins, as /opt/cni/bin. Made if it is not there. */
  readonly directory: string;
  /** All plugins by default. */
  readonly types?: readonly string[] | undefined;
}

/** Writes an executable for each plugin; returns their paths. Each appears whole or not at all. Throws NetloomError `ERR_UNKNOWN_PLUGIN`, `ERR_NOT_BUILT`. */
export function installPlugins({ directory, types = pluginTypes }: InstallOptions): string[] {
  const program = fileURLToPath(new URL('../../plugins/plugin.js', import.meta.url));
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
  mkdirSync(directory, { recursive: true });
  return types.map((type) => {
    const path = join(directory, type);
    const draft = join(directory, `.${type}.${pid}`);
    writeFileSync(draft, wrapper(type, execPath, program));
    chmodSync(draft, 0o755);
    renameSync(draft, path);
    return path;
  });
}
