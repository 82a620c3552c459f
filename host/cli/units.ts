import { existsSync, mkdirSync, readFileSync, unlinkSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { execPath, pid } from 'node:process';
import { fileURLToPath } from 'node:url';
import { NetloomError } from '../netlink/errors.js';
import { placeFiles } from './install.js';

const origin = '# written by netloom install';

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

function socketUnit(socketPath: string): string {
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

function serviceUnit(node: string, command: string, socketPath: string): string {
  return `${origin}
[Unit]
Description=Netloom CNI daemon
Requires=netloom.socket
After=netloom.socket

[Service]
ExecStart=${[node, command, 'daemon', '--socket', socketPath].map(quoted).join(' ')}
# a pool thread for each call that may change the network
Environment=UV_THREADPOOL_SIZE=16
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
  const command = fileURLToPath(new URL('main.js', import.meta.url));
  const { socket, service } = filesOf(directory);
  mkdirSync(directory, { recursive: true });
  const files = [
    { path: socket, content: socketUnit(socketPath) },
    { path: service, content: serviceUnit(node, command, socketPath) },
  ].map((file) => ({ ...file, draft: join(dirname(file.path), `.netloom.${pid}.${file.path.length}`) }));
  placeFiles(files, 0o644);
  return [socket, service];
}

/** Removes the units that `writeUnits` wrote; returns their paths. */
export function removeUnits(directory: string): string[] {
  const own = Object.values(filesOf(directory)).filter(
    (path) => existsSync(path) && readFileSync(path, 'utf8').startsWith(origin),
  );
  for (const path of own) unlinkSync(path);
  return own;
}
