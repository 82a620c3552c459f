import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pid } from 'node:process';
import { splitPath } from '../cni/execution.js';
import { activatedSocket, type DriverOptions, startDriver } from '../docker/index.js';
import { placeFiles } from './install.js';
import { dockerUnits, removeDockerUnits, type UnitFiles } from './units.js';

export interface DockerOptions {
  readonly socket: string;
  readonly stateDir: string;
  readonly dockerSocket: string;
  readonly pool?: readonly string[] | undefined;
  readonly confDir: string;
  readonly path: string;
}

const log = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** `descriptor`: a socket that systemd has passed. */
export function driverOptions(
  options: DockerOptions,
  descriptor: number | undefined,
): Omit<DriverOptions, 'log'> {
  return {
    listen: descriptor === undefined ? { path: resolve(options.socket) } : { fd: descriptor },
    stateDirectory: resolve(options.stateDir),
    dockerSocket: options.dockerSocket,
    pools: options.pool,
    confDir: options.confDir,
    path: splitPath(options.path),
  };
}

/** Serves until SIGTERM or SIGINT. Throws DockerError. */
export async function serveDocker(options: DockerOptions & { readonly logCalls?: boolean }): Promise<void> {
  const descriptor = activatedSocket(process.env);
  const driver = await startDriver({
    ...driverOptions(options, descriptor),
    log,
    ...(options.logCalls ? { report: ({ name, duration }) => log(`${name} ${duration.toFixed(2)} ms`) } : {}),
  });
  log(
    `netloom docker: listening on ${descriptor === undefined ? options.socket : 'the socket that systemd passed'}`,
  );
  await new Promise<void>((ended) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ended());
  });
  await driver.close();
}

export interface DockerInstallOptions {
  readonly pluginsDir: string;
  readonly json?: boolean;
  /** Empty: no units. */
  readonly systemdDir: string;
  /** `netloom daemon` serves Docker too: no service of its own. */
  readonly daemon?: boolean;
}

const NAME = 'netloom';
const discoveryFiles = [`${NAME}.spec`, `${NAME}.json`] as const;

/**
 * Writes what Docker finds the plugin by (`.spec`, or `.json`) and systemd's units; returns the paths. All files take
 * their places when all have been written. Throws the file system's errors as Node gives them.
 */
export function installDocker(options: DockerInstallOptions & { readonly socket: string }): string[] {
  const { pluginsDir, systemdDir } = options;
  const socket = resolve(options.socket);
  const address = `unix://${socket}`;
  const [spec, json] = discoveryFiles.map((name) => join(pluginsDir, name)) as [string, string];
  const units: UnitFiles =
    systemdDir === '' ? {} : dockerUnits(socket, { inDaemon: options.daemon ?? false });
  const files = [
    options.json
      ? { path: json, content: `${JSON.stringify({ Name: NAME, Addr: address }, undefined, 2)}\n` }
      : { path: spec, content: `${address}\n` },
    ...Object.entries(units).map(([name, content]) => ({ path: join(systemdDir, name), content })),
  ].map((file) => ({ ...file, draft: `${file.path}.${pid}` }));
  mkdirSync(pluginsDir, { recursive: true });
  if (systemdDir !== '') mkdirSync(systemdDir, { recursive: true });
  placeFiles(files, 0o644);
  // one of both tells where the plugin is
  rmSync(options.json ? spec : json, { force: true });
  // two services cannot have the socket
  if (systemdDir !== '' && options.daemon) removeDockerUnits(systemdDir, { butSocket: true });
  return files.map(({ path }) => path);
}

/** Removes what `installDocker` wrote, and nothing else; returns the paths. */
export function uninstallDocker({
  pluginsDir,
  systemdDir,
}: Pick<DockerInstallOptions, 'pluginsDir' | 'systemdDir'>): string[] {
  const found = discoveryFiles.map((name) => join(pluginsDir, name)).filter((path) => existsSync(path));
  for (const path of found) rmSync(path);
  return systemdDir === '' ? found : [...found, ...removeDockerUnits(systemdDir)];
}
