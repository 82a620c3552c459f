import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { installPlugins } from '../../host/cli/install.js';
import { pluginTypes } from '../../host/plugins/index.js';

test('an executable for each plugin, for any runtime with any environment', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "net loom's $HOME "));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const paths = installPlugins({ directory });
  t.same(readdirSync(directory).sort(), [...pluginTypes].sort());
  const hostile = {
    PATH: process.env.PATH,
    NODE_OPTIONS: '--require /no/such/file',
    NODE_EXTRA_CA_CERTS: '/no/such/file',
    LD_PRELOAD: '/no/such/file',
    NODE_PATH: '/no',
  };
  for (const path of paths) {
    t.equal(statSync(path).mode & 0o777, 0o755);
    const version = spawnSync(path, [], {
      env: { ...hostile, CNI_COMMAND: 'VERSION' },
      input: '',
      encoding: 'utf8',
      cwd: '/',
    });
    t.equal(version.status, 0, version.stderr);
    t.match(JSON.parse(version.stdout), { cniVersion: '1.1.0' });
    const about = spawnSync(path, [], { env: {}, input: '', encoding: 'utf8' });
    t.equal(about.status, 0, about.stderr);
    t.match(about.stderr, /^CNI [a-z-]+ plugin v/);
  }
  const repeated = installPlugins({ directory, types: ['bridge'] });
  t.same(repeated, [join(directory, 'bridge')]);
  t.throws(() => installPlugins({ directory, types: ['bridge', 'magic'] }), { code: 'ERR_UNKNOWN_PLUGIN' });
  const below = join(directory, 'not', 'there');
  installPlugins({ directory: below, types: ['loopback'] });
  t.ok(existsSync(join(below, 'loopback')));
});

test('values reach the plugin as they are, and nothing else does', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nl-install-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const [path = ''] = installPlugins({ directory, types: ['bridge'] });
  // the same script, with a program that tells its environment
  const teller = join(directory, 'teller.mjs');
  writeFileSync(teller, 'console.log(JSON.stringify({ env: process.env, argv: process.argv.slice(2) }))');
  const script = readFileSync(path, 'utf8').replace(/'[^']*plugin\.js'/, `'${teller}'`);
  const changed = join(directory, 'changed');
  writeFileSync(changed, script);
  chmodSync(changed, 0o755);
  const values = {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'a b\tc',
    CNI_ARGS: `K='"$(id)\`id\`\\;\nL=2`,
    CNI_NETNS: '',
    CNI_PATH: '/opt/cni/bin:/a b',
  };
  const { stdout, status } = spawnSync(changed, [], {
    env: { PATH: '/usr/bin:/bin', SECRET: 'x', NODE_OPTIONS: '--bad', ...values },
    encoding: 'utf8',
  });
  t.equal(status, 0);
  t.same(JSON.parse(stdout), { env: { PATH: '/usr/bin:/bin', ...values }, argv: ['bridge'] });
});
