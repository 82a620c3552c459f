/**
 * Makes dist/plugins: the program that every installed plugin runs. Its parts are CommonJS scripts, each loaded when
 * it is needed, and compiled ahead by V8. All of them are in one file that is opened once, so that a program goes on
 * with what it began with when another is built meanwhile.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { execPath, pid } from 'node:process';
import { pathToFileURL } from 'node:url';
import { root } from './steps.mjs';

const directory = join(root, 'dist/plugins');

const opening = '(function (exports, require, module, netloomUrl) {';
const closing = '\n})';

/** Modules of Node that take milliseconds to load, and that most calls of a plugin can do without. */
const late = ['node:child_process', 'node:crypto', 'node:module', 'node:timers/promises'];

/** Functions of theirs load the module when they are called; what is not used falls out of the parts. */
const loadedLate = {
  name: 'loaded late',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, namespace }) =>
      late.includes(path) && namespace !== 'late'
        ? { path, namespace: 'late', sideEffects: false }
        : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'late' }, ({ path }) => {
      const functions = Object.entries(process.getBuiltinModule(path))
        .filter(([name, value]) => typeof value === 'function' && /^[a-z]/.test(name))
        .map(([name]) => `export const ${name} = (...args) => require('${path}').${name}(...args);`);
      return { contents: functions.join('\n'), loader: 'js' };
    });
  },
};

/** In the place of the global of that name, with which Node loads all of its measuring. */
const clock = `export const performance = {
  now: () => Number(process.hrtime.bigint()) / 1e6,
  get timeOrigin() { return Date.now() - process.uptime() * 1000; },
};`;

/**
 * Loads parts; the index of their file tells where in it the source of each lies, and its code, compiled for a Node
 * without options and for one with those of plugins (host/plugins/parts.ts). Another version of Node, or one with other
 * options, rejects that code, and then compiles by itself.
 */
function launcher(entry) {
  return `'use strict';
const { openSync, readSync } = require('node:fs');
const { Script } = require('node:vm');
const fd = openSync(__dirname + '/parts', 'r');
const url = 'file://' + encodeURI(__filename).replaceAll('#', '%23').replaceAll('?', '%3F');
const loaded = new Map();
function read(at, size) {
  const bytes = Buffer.allocUnsafeSlow(size);
  if (readSync(fd, bytes, 0, size, at) !== size) throw new Error(__dirname + '/parts is cut short');
  return bytes;
}
const length = read(0, 4).readUInt32LE();
const { parts } = JSON.parse(read(4, length).latin1Slice());
const start = 4 + length;
function load(name) {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const place = parts[name];
  if (place === undefined) return require(name);
  const module = { exports: {} };
  loaded.set(name, module);
  const [at, size, ...compiled] = place;
  const source = read(start + at, size).latin1Slice();
  const [cacheAt, cacheSize] = compiled[process.execArgv.length === 0 ? 0 : 1];
  const cachedData = read(start + cacheAt, cacheSize);
  new Script(source, { filename: __dirname + '/' + name, cachedData })
    .runInThisContext()(module.exports, load, module, url);
  return module.exports;
}
load('${entry}');
`;
}

/** The parts as ES modules: a map of names to sources. */
async function split(build, entry) {
  const clockFile = join(directory, `clock.${pid}.js`);
  writeFileSync(clockFile, clock);
  try {
    const { outputFiles } = await build({
      absWorkingDir: root,
      entryPoints: [entry],
      outdir: directory,
      write: false,
      bundle: true,
      splitting: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      minifyWhitespace: true,
      minifySyntax: true,
      legalComments: 'eof',
      // loaded only where firewalld runs, and then from node_modules
      external: ['dbus-next'],
      plugins: [loadedLate],
      inject: [clockFile],
    });
    return outputFiles.map(({ path, text }) => [`./${basename(path)}`, text]);
  } finally {
    rmSync(clockFile);
  }
}

function replace(name, content) {
  const draft = join(directory, `.${name}.${pid}`);
  writeFileSync(draft, content);
  renameSync(draft, join(directory, name));
}

/** Bundles a compiled entry, given relative to the root; `writeParts` is that of host/plugins/parts.ts. */
export async function bundlePlugins(entry, writeParts) {
  const { build, transform } = await import(
    pathToFileURL(join(root, 'node_modules/esbuild/lib/main.js')).href
  );
  mkdirSync(directory, { recursive: true });
  const sources = [];
  for (const [name, text] of await split(build, entry)) {
    const { code } = await transform(text, {
      format: 'cjs',
      platform: 'node',
      target: 'node20',
      minifyWhitespace: true,
      minifySyntax: true,
      supported: { 'dynamic-import': false },
      define: { 'import.meta.url': 'netloomUrl' },
    });
    sources.push([name, `${opening}${code}${closing}`]);
  }
  replace('package.json', '{ "type": "commonjs" }\n');
  replace('compile.mjs', readFileSync(join(root, 'scripts/lib/compile.mjs')));
  writeParts(directory, execPath, sources);
  replace('plugin.js', launcher('./entry.js'));
  for (const name of readdirSync(directory)) {
    if (!['package.json', 'compile.mjs', 'parts', 'plugin.js'].includes(name))
      rmSync(join(directory, name), { recursive: true, force: true });
  }
}
