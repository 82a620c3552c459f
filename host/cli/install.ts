import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { arch, execPath, pid, platform } from 'node:process';
import { fileURLToPath } from 'node:url';
import { defaultSocketPath } from '../daemon/server.js';
import { NetloomError } from '../netlink/errors.js';
import { pluginTypes } from '../plugins/index.js';
import { nodeOptions } from '../plugins/node-options.js';
import { renewParts } from '../plugins/parts.js';

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

/** How plugins are executed: by the native client, which asks the daemon first, or by a script that starts Node. */
export type InstallMode = 'client' | 'node';

export interface InstallOptions {
  /** Where the runtime looks for plugins, as /opt/cni/bin. Made if it is not there. */
  readonly directory: string;
  /** All plugins by default. */
  readonly types?: readonly string[] | undefined;
  /** Absolute path of the Node.js that runs them; that of this process by default. */
  readonly node?: string | undefined;
  /** `node` by default. */
  readonly mode?: InstallMode | undefined;
  /** Of mode `client`: where the daemon listens; /run/netloom/daemon.sock by default. */
  readonly socketPath?: string | undefined;
}

const program = fileURLToPath(new URL('../../plugins/plugin.js', import.meta.url));
const clientFile = fileURLToPath(
  new URL(`../../../prebuilds/${platform}-${arch}/netloom-client`, import.meta.url),
);

/** Is there a native client for this machine? */
export function hasClient(): boolean {
  return existsSync(clientFile);
}

/** What marks the client's settings: struct settings in bindings/client/client.c. */
const mark = 'netloom-settings';
const fields = [
  ['socket', 108],
  ['node', 1024],
  ['program', 1024],
  ['options', 256],
] as const;

/** Options of Node, each with a NUL behind it, if this very Node takes them: other versions may have others. */
function optionsOf(node: string): string {
  if (node !== execPath) return '';
  const tried = spawnSync(node, [...nodeOptions, '--eval', '0'], { env: {}, stdio: 'ignore' });
  return tried.status === 0 ? nodeOptions.map((option) => `${option}\0`).join('') : '';
}

/** The native client with its settings filled in. */
function configuredClient(settings: Readonly<Record<'socket' | 'node' | 'program', string>>): Buffer {
  const image = readFileSync(clientFile);
  let at = image.indexOf(mark);
  if (at < 0 || image.indexOf(mark, at + 1) >= 0)
    throw new NetloomError('ERR_NOT_BUILT', `${clientFile} is no client`);
  at += mark.length;
  const node = statSync(settings.node, { bigint: true, throwIfNoEntry: false });
  at = image.writeBigUInt64LE(node?.size ?? 0n, at);
  at = image.writeBigInt64LE((node?.mtimeNs ?? 0n) / 1_000_000_000n, at);
  const texts = { ...settings, options: optionsOf(settings.node) };
  for (const [name, size] of fields) {
    const value = Buffer.from(texts[name]);
    if (value.length >= size)
      throw new NetloomError('ERR_LONG_PATH', `${name}: '${texts[name]}' has more than ${size - 1} bytes`);
    value.copy(image, at);
    at += size;
  }
  return image;
}

function refuse(types: readonly string[], node: string, mode: InstallMode): void {
  for (const file of mode === 'client' ? [program, clientFile] : [program]) {
    if (!existsSync(file)) {
      throw new NetloomError(
        'ERR_NOT_BUILT',
        `${file} is not there: run npm run build in the project's directory`,
      );
    }
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
 * `ERR_UNKNOWN_PLUGIN`, `ERR_NOT_BUILT`, `ERR_RELATIVE_PATH`, `ERR_LONG_PATH`; errors of the file system as Node gives
 * them.
 */
export function installPlugins({
  directory,
  types = pluginTypes,
  node = execPath,
  mode = 'node',
  socketPath: socket = defaultSocketPath,
}: InstallOptions): string[] {
  refuse(types, node, mode);
  const client = mode === 'client' ? configuredClient({ socket, node, program }) : undefined;
  if (node === execPath) renewParts(dirname(program), node);
  mkdirSync(directory, { recursive: true });
  const files = types.map((type) => ({
    path: join(directory, type),
    draft: join(directory, `.${type}.${pid}`),
    content: client ?? wrapper(type, node, program),
  }));
  placeFiles(files, 0o755);
  return files.map(({ path }) => path);
}

/** Writes files beside their places, and puts them there when all have been written. */
export function placeFiles(
  files: readonly { readonly path: string; readonly draft: string; readonly content: string | Buffer }[],
  mode: number,
): void {
  try {
    for (const { draft, content } of files) {
      writeFileSync(draft, content);
      chmodSync(draft, mode);
    }
    for (const { path, draft } of files) renameSync(draft, path);
  } finally {
    for (const { draft } of files) rmSync(draft, { force: true });
  }
}

const LARGEST_EXECUTABLE = 100_000;

/** Is a file what `installPlugins` writes? */
function isInstalled(path: string): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined || !status.isFile() || status.size > LARGEST_EXECUTABLE) return false;
  const content = readFileSync(path);
  const isScript = content.subarray(0, 200).includes('of Netloom, written by netloom install');
  return isScript || (content.subarray(1, 4).toString() === 'ELF' && content.includes(mark));
}

/** Removes the executables that `installPlugins` wrote, and nothing else; returns their paths. */
export function uninstallPlugins(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const paths = readdirSync(directory)
    .map((name) => join(directory, name))
    .filter(isInstalled);
  for (const path of paths) unlinkSync(path);
  return paths;
}
