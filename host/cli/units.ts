import { existsSync, mkdirSync, readFileSync, unlinkSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { execPath, pid } from 'node:process';
import { fileURLToPath } from 'node:url';
import { socketUnit } from '../docker/activation.js';
import { NetloomError } from '../netlink/errors.js';
import { placeFiles } from './install.js';

const origin = '# written by netloom install';
const main = fileURLToPath(new URL('main.js', import.meta.url));

/** Does systemd run this machine? sd_booted(3) */
export function hasSystemd(): boolean {
  return existsSync('/run/systemd/system');
}

export const unitDirectory = '/etc/systemd/system';

/** An argument of ExecStart=, or a path: systemd.syntax(7), systemd.service(5). */
function quoted(text: string): string {
  const plain = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$');
  return `"${plain}"`;
}

function daemonSocket(socketPath: string): string {
  return `${origin}
[Unit]
Description=Netloom CNI daemon, socket

[Socket]
ListenStream=${socketPath.replaceAll('%', '%%')}
SocketMode=0600
DirectoryMode=0700
Backlog=4096

[Install]
WantedBy=sockets.target
`;
}

/** Node's options of a resident daemon: garbage is collected before there is much, MB. */
export const daemonOptions: readonly string[] = ['--max-semi-space-size=4'];

/** Variables of a resident daemon. */
export const daemonEnvironment: Readonly<Record<string, string>> = {
  // a pool thread for each call that may change the network
  UV_THREADPOOL_SIZE: '16',
  // without these, each of them keeps memory of its own. mallopt(3)
  MALLOC_ARENA_MAX: '2',
  MALLOC_TRIM_THRESHOLD_: '131072',
};

function daemonService(node: string, socketPath: string): string {
  return `${origin}
[Unit]
Description=Netloom CNI daemon
Requires=netloom.socket
After=netloom.socket

[Service]
ExecStart=${[node, ...daemonOptions, main, 'daemon', '--socket', socketPath].map(quoted).join(' ')}
# threads for calls at the same time, and little memory
Environment=${Object.entries(daemonEnvironment)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}
Restart=always
RestartSec=100ms
# calls that are under way are answered first
TimeoutStopSec=180
KillMode=mixed
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
`;
}

/** Files of units by their names. */
export type UnitFiles = Readonly<Record<string, string>>;

const dockerService = 'netloom-docker.service';

/** Units of Docker's networks; `inDaemon`: the daemon's service gets the socket, and there is none of their own. */
export function dockerUnits(socketPath: string, { inDaemon }: { readonly inDaemon: boolean }): UnitFiles {
  const command = [execPath, main, 'docker', '--socket', socketPath];
  const service = `${origin}
[Unit]
Description=Netloom's networks for Docker
Requires=${socketUnit}
After=${socketUnit}
# Docker restores its networks when it starts
Before=docker.service

[Service]
ExecStart=${command.map(quoted).join(' ')}
Restart=always
RestartSec=100ms

[Install]
WantedBy=multi-user.target
`;
  return {
    [socketUnit]: `${origin}
[Unit]
Description=Netloom's networks for Docker, socket
Before=docker.service

[Socket]
ListenStream=${socketPath.replaceAll('%', '%%')}
SocketMode=0600
${inDaemon ? 'Service=netloom.service\n' : ''}
[Install]
WantedBy=sockets.target
`,
    ...(inDaemon ? {} : { [dockerService]: service }),
  };
}

/** Removes the units that `dockerUnits` are, where we wrote them; returns their paths. */
export function removeDockerUnits(
  directory: string,
  { butSocket = false }: { readonly butSocket?: boolean } = {},
): string[] {
  return removeOwn([...(butSocket ? [] : [socketUnit]), dockerService].map((name) => join(directory, name)));
}

export interface UnitOptions {
  /** Where units belong: /etc/systemd/system. */
  readonly directory: string;
  readonly socketPath: string;
  readonly node?: string | undefined;
}

function filesOf(directory: string): { socket: string; service: string } {
  return { socket: join(directory, 'netloom.socket'), service: join(directory, 'netloom.service') };
}

/** Writes the socket unit and the service unit; returns their paths. Throws NetloomError `ERR_RELATIVE_PATH`. */
export function writeUnits({ directory, socketPath, node = execPath }: UnitOptions): string[] {
  for (const path of [socketPath, node]) {
    if (!isAbsolute(path)) throw new NetloomError('ERR_RELATIVE_PATH', `'${path}' must be an absolute path`);
  }
  const { socket, service } = filesOf(directory);
  mkdirSync(directory, { recursive: true });
  const files = [
    { path: socket, content: daemonSocket(socketPath) },
    { path: service, content: daemonService(node, socketPath) },
  ].map((file) => ({ ...file, draft: join(dirname(file.path), `.netloom.${pid}.${file.path.length}`) }));
  placeFiles(files, 0o644);
  return [socket, service];
}

/** Removes the units that `writeUnits` wrote; returns their paths. */
export function removeUnits(directory: string): string[] {
  return removeOwn(Object.values(filesOf(directory)));
}

function removeOwn(paths: readonly string[]): string[] {
  const own = paths.filter((path) => existsSync(path) && readFileSync(path, 'utf8').startsWith(origin));
  for (const path of own) unlinkSync(path);
  return own;
}
