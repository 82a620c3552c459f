import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { execPath, pid } from 'node:process';
import { fileURLToPath } from 'node:url';
import { splitPath } from '../cni/execution.js';
import { startDriver } from '../docker/index.js';
import { NetloomError } from '../netlink/errors.js';
import { activated } from '../plugins/ipam/dhcp/server.js';

export interface DockerOptions {
  readonly socket: string;
  readonly stateDir: string;
  readonly dockerSocket: string;
  readonly pool?: readonly string[];
  readonly confDir: string;
  readonly path: string;
  readonly logCalls?: boolean;
}

const log = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Serves until SIGTERM or SIGINT. */
export async function serveDocker(options: DockerOptions): Promise<void> {
  const fd = activated(process.env);
  const driver = await startDriver({
    listen: fd === undefined ? { path: resolve(options.socket) } : { fd },
    stateDirectory: resolve(options.stateDir),
    dockerSocket: options.dockerSocket,
    pools: options.pool,
    confDir: options.confDir,
    path: splitPath(options.path),
    log,
    ...(options.logCalls ? { report: ({ name, duration }) => log(`${name} ${duration.toFixed(2)} ms`) } : {}),
  });
  log(`netloom docker: listening on ${fd === undefined ? options.socket : 'the socket that systemd passed'}`);
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
}

const NAME = 'netloom';

function unitFiles(socket: string, program: string): Record<string, string> {
  return {
    'netloom-docker.socket': `[Unit]
Description=Netloom's networks for Docker
Before=docker.service

[Socket]
ListenStream=${socket}
SocketMode=0600

[Install]
WantedBy=sockets.target
`,
    // Docker restores its networks when it starts, and needs the plugin then
    'netloom-docker.service': `[Unit]
Description=Netloom's networks for Docker
Requires=netloom-docker.socket
After=netloom-docker.socket
Before=docker.service

[Service]
ExecStart=${execPath} ${program} docker --socket ${socket}
Restart=on-failure

[Install]
WantedBy=multi-user.target
`,
  };
}

/**
 * Writes what Docker finds the plugin by (`.spec`, or `.json`) and systemd's units; returns the paths. Each file appears
 * whole. Throws NetloomError `ERR_INVALID_PATH`; errors of the file system as Node gives them.
 */
export function installDocker(options: DockerInstallOptions & { readonly socket: string }): string[] {
  const socket = resolve(options.socket);
  const program = fileURLToPath(new URL('./main.js', import.meta.url));
  for (const path of [socket, program, execPath]) {
    if (/\s/.test(path)) {
      throw new NetloomError(
        'ERR_INVALID_PATH',
        `${JSON.stringify(path)} has blanks, which units cannot name`,
      );
    }
  }
  const address = `unix://${socket}`;
  const plugin: [string, string] = options.json
    ? [`${NAME}.json`, `${JSON.stringify({ Name: NAME, Addr: address }, undefined, 2)}\n`]
    : [`${NAME}.spec`, `${address}\n`];
  const files = [
    [join(options.pluginsDir, plugin[0]), plugin[1]],
    ...(options.systemdDir === ''
      ? []
      : Object.entries(unitFiles(socket, program)).map(([name, text]) => [
          join(options.systemdDir, name),
          text,
        ])),
  ] as [string, string][];
  mkdirSync(options.pluginsDir, { recursive: true });
  if (options.systemdDir !== '') mkdirSync(options.systemdDir, { recursive: true });
  // one of both tells where the plugin is
  rmSync(join(options.pluginsDir, `${NAME}.${options.json ? 'spec' : 'json'}`), { force: true });
  for (const [path, text] of files) {
    const draft = `${path}.${pid}`;
    writeFileSync(draft, text, { mode: 0o644 });
    renameSync(draft, path);
  }
  return files.map(([path]) => path);
}
