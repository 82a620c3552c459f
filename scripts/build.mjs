#!/usr/bin/env node
/** Builds what is missing or out of date: dependencies, WebAssembly, TypeScript, the native addon, the plugins' bundle. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { arch, execPath, pid, platform } from 'node:process';
import { bundlePlugins } from './lib/bundle.mjs';
import { Failure, installed, newest, oldest, root, run, say, script } from './lib/steps.mjs';

const wasm = 'assembly/build/netloom.wasm';
const generated = 'host/codec/generated/wasm.ts';
const addon = `prebuilds/${platform}-${arch}/netloom.node`;
const client = `prebuilds/${platform}-${arch}/netloom-client`;
const bundle = 'dist/plugins/plugin.js';
const compiled = 'dist/.compiled';

/** Are the packages there that package-lock.json names? npm keeps its own list of what it has installed. */
function installedAll() {
  try {
    const [wanted, present] = ['package-lock.json', 'node_modules/.package-lock.json'].map(
      (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages,
    );
    return Object.entries(wanted).every(
      ([path, { version, optional }]) =>
        path === '' || present[path]?.version === version || (optional && present[path] === undefined),
    );
  } catch {
    return false;
  }
}

function dependencies() {
  if (installedAll()) return;
  say('Installing dependencies (npm ci) …');
  run('npm', ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund']);
}

function webAssembly() {
  if (
    oldest(wasm, generated) >= Math.max(newest(join(root, 'assembly')), newest(join(root, 'asconfig.json')))
  )
    return;
  say('Compiling AssemblyScript …');
  run(execPath, [
    'node_modules/assemblyscript/bin/asc.js',
    'assembly/index.ts',
    '--config',
    'asconfig.json',
    '--target',
    'release',
  ]);
  const base64 = readFileSync(join(root, wasm)).toString('base64');
  mkdirSync(join(root, dirname(generated)), { recursive: true });
  writeFileSync(join(root, generated), `export const wasmBase64 =\n  '${base64}';\n`);
}

function typeScript() {
  const sources = Math.max(
    ...['host', 'test', 'bench', 'tsconfig.json'].map((path) =>
      newest(join(root, path), (file) => /\.(ts|json)$/.test(file)),
    ),
    newest(join(root, generated)),
  );
  if (oldest(compiled, 'dist/host/index.js') >= sources) return;
  say('Compiling TypeScript …');
  const started = new Date();
  run(execPath, ['node_modules/typescript/bin/tsc', '-p', '.']);
  // a file of our own: tsc writes its list even when it found errors; what is saved meanwhile is newer
  writeFileSync(join(root, compiled), '');
  utimesSync(join(root, compiled), started, started);
}

function nativeAddon() {
  if (platform !== 'linux') {
    say('The native addon is for Linux only; the codec works without it.');
    return;
  }
  if (
    oldest(addon) >= Math.max(...['src', 'binding.gyp'].map((path) => newest(join(root, 'bindings', path))))
  )
    return;
  const missing = ['g++', 'make', 'python3'].filter((program) => !installed(program));
  if (missing.length > 0) {
    throw new Failure(
      `The native addon needs ${missing.join(', ')}. On Debian or Ubuntu: sudo apt-get install -y g++ make python3`,
    );
  }
  say('Compiling the native addon …');
  // Node's own headers, where they are installed with it
  const prefix = dirname(dirname(execPath));
  const headers = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
  run(execPath, ['node_modules/node-gyp/bin/node-gyp.js', 'rebuild', '-C', 'bindings', ...headers]);
  mkdirSync(join(root, dirname(addon)), { recursive: true });
  // renamed, never written over: a process may have it mapped
  copyFileSync(join(root, 'bindings/build/Release/netloom.node'), join(root, `${addon}.${pid}`));
  renameSync(join(root, `${addon}.${pid}`), join(root, addon));
}

/** The native CNI client: no C library, so that it starts in a moment and runs on any. */
function nativeClient() {
  if (platform !== 'linux' || !['x64', 'arm64'].includes(arch)) return;
  if (oldest(client) >= newest(join(root, 'bindings/client'))) return;
  say('Compiling the CNI client …');
  const draft = join(root, `${client}.${pid}`);
  mkdirSync(dirname(draft), { recursive: true });
  run('gcc', [
    ...['-Os', '-Wall', '-Wextra', '-ffreestanding', '-nostdlib', '-static', '-fno-stack-protector'],
    ...['-fno-asynchronous-unwind-tables', '-fno-tree-loop-distribute-patterns'],
    ...['-Wl,--build-id=none,-z,noseparate-code,-s', '-o', draft, 'bindings/client/client.c'],
  ]);
  renameSync(draft, join(root, client));
}

async function pluginBundle() {
  const inputs = ['dist/host', 'scripts/lib/bundle.mjs', 'scripts/lib/compile.mjs'].map((path) =>
    newest(join(root, path), (file) => /\.m?js$/.test(file)),
  );
  if (oldest(bundle) >= Math.max(...inputs)) return;
  say('Bundling the plugins …');
  const { writeParts } = await import('../dist/host/plugins/parts.js');
  await bundlePlugins('dist/host/plugins/entry.js', writeParts);
}

await script(async () => {
  dependencies();
  webAssembly();
  typeScript();
  nativeAddon();
  nativeClient();
  await pluginBundle();
});
