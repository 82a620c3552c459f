#!/usr/bin/env node
/** Builds what is missing or out of date: dependencies, WebAssembly, TypeScript, the native addon, the plugins' bundle. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { arch, execPath, platform } from 'node:process';
import { pathToFileURL } from 'node:url';
import { Failure, installed, newest, oldest, root, run, say, script } from './lib/steps.mjs';

const wasm = 'assembly/build/netloom.wasm';
const generated = 'host/codec/generated/wasm.ts';
const addon = `prebuilds/${platform}-${arch}/netloom.node`;
const bundle = 'dist/plugins/plugin.js';
const compiled = 'dist/.tsbuildinfo';

function dependencies() {
  if (newest(join(root, 'node_modules/.package-lock.json')) >= newest(join(root, 'package-lock.json')))
    return;
  say('Installing dependencies (npm ci) …');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
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
  if (oldest(compiled) >= sources) return;
  say('Compiling TypeScript …');
  run(execPath, ['node_modules/typescript/bin/tsc', '-p', '.']);
  // tsc leaves the file alone when nothing changed but times
  writeFileSync(join(root, compiled), readFileSync(join(root, compiled)));
}

function nativeAddon() {
  if (platform !== 'linux') {
    say('The native addon is for Linux only; the codec works without it.');
    return;
  }
  if (oldest(addon) >= newest(join(root, 'bindings'))) return;
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
  copyFileSync(join(root, 'bindings/build/Release/netloom.node'), join(root, addon));
}

async function pluginBundle() {
  const entry = 'dist/host/plugins/entry.js';
  if (oldest(bundle) >= Math.max(oldest(compiled), newest(join(root, entry)))) return;
  say('Bundling the plugins …');
  rmSync(join(root, 'dist/plugins'), { recursive: true, force: true });
  const { build } = await import(pathToFileURL(join(root, 'node_modules/esbuild/lib/main.js')).href);
  await build({
    absWorkingDir: root,
    entryPoints: { plugin: entry },
    outdir: 'dist/plugins',
    // a process loads the plugin that it is, and no other
    splitting: true,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    minifyWhitespace: true,
    minifySyntax: true,
    keepNames: true,
    legalComments: 'eof',
    // loaded only where firewalld runs, and then from node_modules
    external: ['dbus-next'],
    banner: {
      js: "import{createRequire as netloomRequire}from'node:module';const require=netloomRequire(import.meta.url);",
    },
  });
}

await script(async () => {
  dependencies();
  webAssembly();
  typeScript();
  nativeAddon();
  await pluginBundle();
});
