import { enter } from './support/enter.js';

enter('docker', 'dockerd', 'busybox', 'runc', 'ldd', 'iptables-restore');

const { execFileSync } = await import('node:child_process');
const { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } =
  await import('node:fs');
const { dirname, join, relative } = await import('node:path');
const { fileURLToPath } = await import('node:url');
const { test } = await import('tap');
const { DockerDriver, DockerEngine } = await import('./support/docker.js');
const { must } = await import('./support/programs.js');

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The plugin's config.json, as docs/docker.md has it; its state lies in the test's directory. */
function documented(state: string): string {
  const text = readFileSync(join(root, 'docs/docker.md'), 'utf8');
  const [, block = ''] = /## As a managed plugin.*?^```json\n(.*?)^```$/ms.exec(text) ?? [];
  return block.replace('"source": "/var/lib/netloom"', `"source": "${state}"`);
}

/** A program, with the libraries that it is linked to. */
function copyProgram(rootfs: string, program: string): void {
  const libraries = execFileSync('ldd', [program], { encoding: 'utf8' });
  for (const file of [program, ...(libraries.match(/\/\S+\.so\S*/g) ?? [])])
    cpSync(file, join(rootfs, file), { recursive: true, dereference: true });
}

/** What the documented image has: Node.js, iptables, and a shell. */
function copyPrograms(rootfs: string): void {
  copyProgram(rootfs, process.execPath);
  for (const name of ['iptables', 'ip6tables'].flatMap((family) => [`${family}-save`, `${family}-restore`]))
    copyProgram(rootfs, join('/usr/sbin', name));
  const [modules = ''] =
    /\S+\/xtables$/m.exec(execFileSync('sh', ['-c', 'ls -d /usr/lib/*/xtables'], { encoding: 'utf8' })) ?? [];
  cpSync(modules, join(rootfs, modules), { recursive: true });
  mkdirSync(join(rootfs, 'bin'), { recursive: true });
  for (const name of ['sh', 'mount'])
    cpSync('/bin/busybox', join(rootfs, 'bin', name), { dereference: true });
  mkdirSync(join(rootfs, 'usr/local/bin'), { recursive: true });
  cpSync(process.execPath, join(rootfs, 'usr/local/bin/node'));
}

/** What `npm install netloom` brings. */
function copyPackage(rootfs: string): void {
  const listed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], {
    cwd: root,
    encoding: 'utf8',
  });
  const modules = listed.trim().split('\n').slice(1);
  const own = ['package.json', 'dist/host', 'dist/plugins', 'prebuilds', 'bindings/build/Release'];
  for (const path of [...own.map((name) => join(root, name)), ...modules]) {
    const name = relative(root, path);
    const to = join(rootfs, name.startsWith('node_modules') ? name : `node_modules/netloom/${name}`);
    mkdirSync(dirname(to), { recursive: true });
    cpSync(path, to, { recursive: true, filter: (source) => !/\/(obj\.target|test)$/.test(source) });
  }
}

const directory = mkdtempSync('/tmp/nl-managed-');
const docker = new DockerEngine(directory);

test('as a plugin that Docker manages', { timeout: 150_000 }, async (t) => {
  t.teardown(async () => {
    await docker.end();
    rmSync(directory, { recursive: true, force: true });
  });
  const state = join(directory, 'netloom');
  const plugin = join(directory, 'plugin');
  mkdirSync(join(state, 'docker'), { recursive: true });
  for (const name of ['tmp', 'run', 'proc', 'sys', 'dev', 'etc', 'var/lib/netloom'])
    mkdirSync(join(plugin, 'rootfs', name), { recursive: true });
  copyPrograms(join(plugin, 'rootfs'));
  copyPackage(join(plugin, 'rootfs'));
  writeFileSync(join(plugin, 'config.json'), documented(state));

  await docker.start();
  await docker.importImage();
  await docker.must('plugin', 'create', 'netloom', plugin);
  await docker.must('plugin', 'enable', 'netloom');
  const driver = ['-d', 'netloom:latest', '--ipam-driver', 'netloom:latest'];
  const [installed = ''] = readdirSync(join(directory, 'root/plugins')).filter((name) =>
    /^[0-9a-f]{64}$/.test(name),
  );
  const restore = join(directory, 'root/plugins', installed, 'rootfs/usr/sbin/iptables-restore');
  const create = () => docker.run('network', 'create', ...driver, '--subnet', '10.51.0.0/24', 'managed');
  renameSync(restore, `${restore}.away`);
  t.match(
    (await create()).stderr,
    /no iptables to let them through: install it/,
    'Docker drops what it does not know',
  );
  renameSync(`${restore}.away`, restore);
  t.match(await create(), { status: 0 });
  await docker.web('web', 'managed', '-p', '8085:80');
  const asked = await docker.once('managed', 'nc -w 3 web 80');
  t.match(asked.stdout, /web/, `a container, by its name ${asked.stderr}`);
  t.match(await must('busybox', ['nc', '-w', '3', '127.0.0.1', '8085']), /web/, 'a published port');
  const [seen] = JSON.parse(await docker.must('network', 'inspect', 'managed'));
  t.match(seen, { Driver: 'netloom:latest', IPAM: { Config: [{ Subnet: '10.51.0.0/24' }] } });

  await docker.must('plugin', 'disable', '--force', 'netloom');
  t.match(
    await must('busybox', ['nc', '-w', '3', '10.51.0.2', '80']),
    /web/,
    'it goes on without the plugin',
  );
  await docker.must('plugin', 'enable', 'netloom');
  await docker.must('rm', '-f', 'web');
  await docker.must('network', 'rm', 'managed');
  await docker.must('plugin', 'rm', '--force', 'netloom');
  t.same(await new DockerDriver(state).leftovers(), []);
});
