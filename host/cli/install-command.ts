import { defaultSocketPath } from '../daemon/server.js';
import { hasClient, type InstallMode, installPlugins, uninstallPlugins } from './install.js';
import { hasSystemd, removeUnits, unitDirectory, writeUnits } from './units.js';

/** Installs executables and, with the client, units; returns what is to be printed: a path a line. */
export function installCommand(
  types: readonly string[],
  {
    dir: directory,
    mode = hasClient() ? 'client' : 'node',
    socket: socketPath = defaultSocketPath,
    units,
  }: {
    readonly dir: string;
    readonly mode?: InstallMode;
    readonly socket?: string;
    readonly units?: string;
  },
): string {
  const paths = installPlugins({
    directory,
    types: types.length === 0 ? undefined : types,
    mode,
    socketPath,
  });
  const place = units ?? (hasSystemd() ? unitDirectory : undefined);
  if (mode === 'client' && place !== undefined) paths.push(...writeUnits({ directory: place, socketPath }));
  return lines(paths);
}

export function uninstallCommand({ dir, units }: { readonly dir: string; readonly units: string }): string {
  return lines([...uninstallPlugins(dir), ...removeUnits(units)]);
}

function lines(paths: readonly string[]): string {
  return paths.map((path) => `${path}\n`).join('');
}
