import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { installDocker, uninstallDocker } from '../../host/cli/docker.js';
import { installCommand } from '../../host/cli/install-command.js';

t.test('what Docker and systemd find the plugin by', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-docker-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const pluginsDir = join(directory, 'etc/plugins');
  const systemdDir = join(directory, 'units');
  const socket = join(directory, '100% of "it"', 'netloom.sock');
  const plugins = (): string[] => readdirSync(pluginsDir).sort();
  const units = (): string[] => readdirSync(systemdDir).sort();
  const unit = (name: string): string => readFileSync(join(systemdDir, name), 'utf8');

  const printed = installDocker({ pluginsDir, systemdDir, socket });
  t.same(printed, [
    join(pluginsDir, 'netloom.spec'),
    join(systemdDir, 'netloom-docker.socket'),
    join(systemdDir, 'netloom-docker.service'),
  ]);
  t.equal(readFileSync(printed[0] as string, 'utf8'), `unix://${socket}\n`);
  for (const path of printed) t.equal(statSync(path).mode & 0o777, 0o644);
  t.match(unit('netloom-docker.socket'), /Before=docker.service[\s\S]*ListenStream=.*100%% of "it"/);
  t.match(unit('netloom-docker.socket'), 'SocketMode=0600');
  t.match(
    unit('netloom-docker.service'),
    /ExecStart=".*node" ".*main.js" "docker" "--socket" ".*100%% of \\"it\\"/,
  );

  installDocker({ pluginsDir, systemdDir: '', socket, json: true });
  t.same(plugins(), ['netloom.json'], 'one of both');
  t.same(JSON.parse(readFileSync(join(pluginsDir, 'netloom.json'), 'utf8')), {
    Name: 'netloom',
    Addr: `unix://${socket}`,
  });

  // the daemon's service in place of its own
  installCommand([], { dir: join(directory, 'bin'), units: systemdDir });
  installDocker({ pluginsDir, systemdDir, socket, daemon: true });
  t.same(units(), ['netloom-docker.socket', 'netloom.service', 'netloom.socket']);
  t.match(unit('netloom-docker.socket'), '\nService=netloom.service\n');

  writeFileSync(join(systemdDir, 'netloom-docker.service'), '# somebody else’s\n');
  writeFileSync(join(pluginsDir, 'other.spec'), 'unix:///other.sock\n');
  t.same(uninstallDocker({ pluginsDir, systemdDir }), [
    join(pluginsDir, 'netloom.spec'),
    join(systemdDir, 'netloom-docker.socket'),
  ]);
  t.same(plugins(), ['other.spec']);
  t.same(units(), ['netloom-docker.service', 'netloom.service', 'netloom.socket'], "others' stay");
  t.same(uninstallDocker({ pluginsDir: join(directory, 'none'), systemdDir: '' }), []);
  const file = join(directory, 'file');
  writeFileSync(file, '');
  t.throws(() => installDocker({ pluginsDir: file, systemdDir: '', socket }), { code: 'EEXIST' });
});
