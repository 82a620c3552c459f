import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { test } from 'tap';
import { openSocket } from '../../host/netlink/native.js';
import { Lab } from '../support/lab.js';

const shimUrl = new URL('../../host/netlink/native.js', import.meta.url).href;

function netlinkDescriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith('socket:') || target.includes('eventfd') || target.startsWith('net:')
        ? [target]
        : [];
    } catch {
      return [];
    }
  });
}

/** Runs a module in a process of its own; what it prints, or how it ended. A process that hangs is ended after 10 s. */
function program(
  script: string,
  ...flags: string[]
): { stdout: string; stderr: string; status: number | null } {
  const imports = `import * as shim from ${JSON.stringify(shimUrl)};
    const arrays = () => [new Uint8Array(65536), new Uint32Array(84)];
    const none = new Uint8Array(0);`;
  return spawnSync(process.execPath, [...flags, '--input-type=module', '-e', imports + script], {
    encoding: 'utf8',
    timeout: 10_000,
  });
}

test('nothing leaks: neither when closed nor when forgotten', async (t) => {
  const before = netlinkDescriptors().length;
  const script = `
    import { openSocket } from ${JSON.stringify(shimUrl)};
    import { readdirSync } from 'node:fs';
    const count = () => readdirSync('/proc/self/fd').length;
    const before = count();
    // the first exchange on the thread pool makes an eventfd
    const used = async () => {
      const socket = openSocket({ protocol: 0 });
      await socket.exchange(new Uint8Array(0), new Uint8Array(32768), new Uint32Array(10), 0);
      return socket;
    };
    for (let i = 0; i < 50; i++) (await used()).close();
    const closed = count();
    await (async () => { for (let i = 0; i < 50; i++) await used(); })();
    const open = count();
    for (let i = 0; i < 20 && count() > before; i++) { globalThis.gc(); await new Promise((done) => setTimeout(done, 10)); }
    console.log(JSON.stringify({ closed: closed - before, open: open - before, collected: count() - before }));`;
  const out = execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  t.same(JSON.parse(out), { closed: 0, open: 100, collected: 0 });
  t.equal(netlinkDescriptors().length, before);
});

test('children inherit no descriptor', (t) => {
  const lab = new Lab(t, 'shim');
  const socket = openSocket({ protocol: 0, namespace: lab.namespace.fd });
  const own = readlinkSync(`/proc/self/fd/${socket.fd}`);
  const fds = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
  t.notOk(fds.includes(own), own);
  t.notMatch(fds, /net:\[|eventfd/);
  socket.close();
  t.end();
});

test('a worker that ends while it listens takes nothing down', async (t) => {
  const script = `
    import { openSocket } from ${JSON.stringify(shimUrl)};
    import { parentPort } from 'node:worker_threads';
    const socket = openSocket({ protocol: 0 });
    socket.setOption(270, 1, 1);
    socket.startReading(() => undefined);
    parentPort.postMessage('listening');`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
  await new Promise((resolve) => worker.once('message', resolve));
  t.equal(await worker.terminate(), 1);
});

test('an exchange that waits for ever holds up neither the end of a process nor of a worker', async (t) => {
  const waits = `const socket = shim.openSocket({ protocol: 0 });
    const waiting = socket.exchange(none, ...arrays(), -1);`;
  t.equal(program(`${waits} setTimeout(() => process.exit(7), 20);`).status, 7, 'process.exit');
  t.equal(program(`${waits} setTimeout(() => { throw new Error(); }, 20);`).status, 1, 'uncaught');
  const { status, stdout, stderr } = program(`
    import { Worker, isMainThread } from 'node:worker_threads';
    import { readdirSync } from 'node:fs';
    const count = () => readdirSync('/proc/self/fd').length;
    const script = ${JSON.stringify(`import * as shim from ${JSON.stringify(shimUrl)};
      import { parentPort } from 'node:worker_threads';
      const sockets = [0, 1, 2].map(() => shim.openSocket({ protocol: 0 }));
      for (const socket of sockets) {
        socket.exchange(new Uint8Array(0), new Uint8Array(65536), new Uint32Array(84), -1);
      }
      const listening = shim.openSocket({ protocol: 0 });
      listening.startReading(() => undefined);
      shim.createAnonymousNamespace();
      parentPort.postMessage('waiting');`)};
    const url = new URL('data:text/javascript,' + encodeURIComponent(script));
    const turn = async (end) => {
      const worker = new Worker(url);
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      await end(worker);
    };
    await turn((worker) => worker.terminate());
    const before = count();
    for (let i = 0; i < 10; i++) await turn((worker) => worker.terminate());
    console.log(count() - before);`);
  t.equal(stdout, '0\n', `terminate; no descriptor is left: ${stderr}`);
  t.equal(status, 0);
});

test('a worker that calls process.exit while it waits', (t) => {
  const { status, stdout } = program(`
    import { Worker } from 'node:worker_threads';
    const script = ${JSON.stringify(`import * as shim from ${JSON.stringify(shimUrl)};
      shim.openSocket({ protocol: 0 }).exchange(new Uint8Array(0), new Uint8Array(65536), new Uint32Array(84), -1);
      setTimeout(() => process.exit(5), 10);`)};
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(script)));
    worker.once('exit', (code) => console.log(code));`);
  t.equal(stdout, '5\n');
  t.equal(status, 0);
  t.end();
});

test('what a listener throws is an uncaught exception, and does not turn up elsewhere', (t) => {
  const { stdout } = program(`
    process.on('uncaughtException', (error) => console.log('uncaught', error.message));
    const socket = shim.openSocket({ protocol: 0 });
    socket.startReading(() => { socket.receive(...arrays()); throw new Error('mine'); });
    socket.sendSync(Uint8Array.from([20, 0, 0, 0, 16, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    setTimeout(() => { socket.close(); console.log('closed'); }, 50);`);
  t.equal(stdout, 'uncaught mine\nclosed\n');
  t.end();
});

test('a kernel that lacks an option is used without it', (t) => {
  const { stderr, stdout } = spawnSync(
    'strace',
    [
      ...['-f', '-qq', '-e', 'trace=setsockopt', '-e', 'inject=setsockopt:error=ENOPROTOOPT'],
      ...[process.execPath, '--input-type=module', '-e'],
      `import { openSocket } from ${JSON.stringify(shimUrl)}; console.log(JSON.stringify(openSocket({ protocol: 0 }).options))`,
    ],
    { encoding: 'utf8' },
  );
  t.same(JSON.parse(stdout), { extendedAck: false, cappedAck: false, strictChecks: false }, stderr);
  const socket = openSocket({ protocol: 0 });
  t.same(socket.options, { extendedAck: true, cappedAck: true, strictChecks: true });
  const NETLINK_EXT_ACK = 11;
  t.equal(socket.getOption(270, NETLINK_EXT_ACK), 1, 'as the kernel says');
  socket.close();
  t.end();
});

test('no thread can be made: an error, not the end', (t) => {
  // the user's limit of processes is set when all of Node's threads run; root has none, so another user is needed
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const addon = `${root}prebuilds/linux-${process.arch}/netloom.node`;
  const copy = mkdtempSync(join(tmpdir(), 'nl-limit-'));
  t.teardown(() => rmSync(copy, { recursive: true }));
  copyFileSync(addon, join(copy, 'netloom.node'));
  chmodSync(copy, 0o755);
  const script = `
    const native = require('${copy}/netloom.node');
    require('child_process').execFileSync('prlimit', ['--pid', String(process.pid), '--nproc=1']);
    try { native.createAnonymousNamespace(); } catch (error) { console.log(error.errno, error.syscall); }`;
  const user = 1_234_567;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    uid: user,
    gid: user,
  });
  t.equal(stdout, '11 pthread_create\n', stderr);
  t.end();
});

test('without the addon: what was looked for, and how to build it', (t) => {
  const script = `try { shim.openSocket({ protocol: 0 }); } catch (error) { console.log(JSON.stringify({ ...error, message: error.message, available: shim.nativeAvailable() })); }`;
  const ran = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `import * as shim from ${JSON.stringify(shimUrl)}; ${script}`],
    { encoding: 'utf8', env: { ...process.env, NETLOOM_ADDON: '/no/such/netloom.node' } },
  );
  const error = JSON.parse(ran.stdout) as Record<string, unknown>;
  t.match(error, {
    code: 'ERR_NATIVE_UNAVAILABLE',
    paths: ['/no/such/netloom.node'],
    message:
      /there is no native addon; looked for \/no\/such\/netloom.node; to build it, run: npx node-gyp rebuild -C \/.*bindings/,
    available: false,
  });
  const broken = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `import * as shim from ${JSON.stringify(shimUrl)}; ${script}`],
    { encoding: 'utf8', env: { ...process.env, NETLOOM_ADDON: '/etc/passwd' } },
  );
  t.match(JSON.parse(broken.stdout), {
    code: 'ERR_NATIVE_UNAVAILABLE',
    message: /cannot be loaded \(.*invalid ELF header/,
  });
  t.end();
});

test('found where the package has it, also when built for one C library only', (t) => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const copy = mkdtempSync(join(tmpdir(), 'nl-package-'));
  t.teardown(() => rmSync(copy, { recursive: true }));
  const prebuilds = join(copy, `prebuilds/linux-${process.arch}`);
  mkdirSync(prebuilds, { recursive: true });
  for (const file of ['netlink/native.js', 'netlink/errors.js', 'netlink/shim-errors.js', 'codec/errno.js']) {
    mkdirSync(dirname(join(copy, 'dist/host', file)), { recursive: true });
    copyFileSync(join(root, 'dist/host', file), join(copy, 'dist/host', file));
  }
  copyFileSync(join(root, 'package.json'), join(copy, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const { NETLOOM_ADDON: _, ...env } = process.env;
  const load = (): string => {
    const url = pathToFileURL(join(copy, 'dist/host/netlink/native.js')).href;
    const script = `import { openSocket } from ${JSON.stringify(url)};
      import { readFileSync } from 'node:fs';
      try { openSocket({ protocol: 0 }); console.log(/\\S+netloom\\S*\\.node/.exec(readFileSync('/proc/self/maps', 'utf8'))[0]); }
      catch (error) { console.log(error.code, error.paths.join(' '), error.buildCommand); }`;
    return execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env,
    }).trim();
  };
  const plain = join(prebuilds, 'netloom.node');
  const built = join(copy, 'bindings/build/Release/netloom.node');
  t.match(load(), `ERR_NATIVE_UNAVAILABLE ${plain} ${built} npx node-gyp rebuild -C ${copy}/bindings`);
  writeFileSync(plain, 'of another machine');
  copyFileSync(
    join(root, `prebuilds/linux-${process.arch}/netloom.node`),
    join(prebuilds, 'netloom.glibc.node'),
  );
  t.equal(load(), join(prebuilds, 'netloom.glibc.node'), 'as node-gyp-build chooses');
  copyFileSync(join(prebuilds, 'netloom.glibc.node'), plain);
  t.equal(load(), plain);
  t.end();
});
