/**
 * Makes dist/plugins: the program that every installed plugin runs. Its parts are CommonJS scripts, each loaded when
 * it is needed, and compiled ahead by V8. All of them are in one file that is opened once, so that a program goes on
 * with what it began with when another is built meanwhile; plugin.js, which names that file, is written last.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { execPath, pid } from 'node:process';
import { pathToFileURL } from 'node:url';
import { root, run } from './steps.mjs';

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
 * Loads parts; the index tells where in the file the source of each lies, and its code, compiled for a Node without
 * options and for one with those of plugins. Another version of Node, or one with other options, rejects that code, and
 * then compiles by itself. Sources are ASCII.
 */
function launcher(file, index, entry) {
  return `'use strict';
const { openSync, readSync } = require('node:fs');
const { Script } = require('node:vm');
const index = ${JSON.stringify(index)};
const fd = openSync(__dirname + '/${file}', 'r');
const url = 'file://' + encodeURI(__filename).replaceAll('#', '%23').replaceAll('?', '%3F');
const loaded = new Map();
function read(at, size) {
  const bytes = Buffer.allocUnsafeSlow(size);
  if (readSync(fd, bytes, 0, size, at) !== size) throw new Error(__dirname + '/${file} is cut short');
  return bytes;
}
function load(name) {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const place = index[name];
  if (place === undefined) return require(name);
  const module = { exports: {} };
  loaded.set(name, module);
  const [at, size, ...caches] = place;
  const source = read(at, size).latin1Slice();
  const cachedData = read(...caches[process.execArgv.length === 0 ? 0 : 1]);
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

/** What V8 makes of sources in a Node with these options: it refuses another's. */
function compiled(sources, options) {
  const draft = join(directory, `.sources.${pid}`);
  writeFileSync(draft, JSON.stringify(sources));
  try {
    run(execPath, [...options, join(root, 'scripts/lib/compile.mjs'), draft]);
    return JSON.parse(readFileSync(draft, 'utf8')).map((text) => Buffer.from(text, 'base64'));
  } finally {
    rmSync(draft);
  }
}

/** Bundles a compiled entry, given relative to the root, for Node without options, and with those given. */
export async function bundlePlugins(entry, nodeOptions) {
  const { build, transform } = await import(
    pathToFileURL(join(root, 'node_modules/esbuild/lib/main.js')).href
  );
  mkdirSync(directory, { recursive: true });
  const parts = [];
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
    parts.push({ name, source: `${opening}${code}${closing}` });
  }
  const sources = parts.map(({ name, source }) => [join(directory, name), source]);
  const caches = [[], nodeOptions].map((options) => compiled(sources, options));
  const index = {};
  const pieces = [];
  let end = 0;
  const put = (bytes) => {
    pieces.push(bytes);
    end += bytes.length;
    return [end - bytes.length, bytes.length];
  };
  for (const [i, { name, source }] of parts.entries()) {
    index[name] = [...put(Buffer.from(source, 'latin1')), ...caches.map((of) => put(of[i]))];
  }
  const content = Buffer.concat(pieces);
  const file = `parts-${createHash('sha256').update(content).digest('hex').slice(0, 16)}`;
  replace('package.json', '{ "type": "commonjs" }\n');
  replace(file, content);
  replace('plugin.js', launcher(file, index, './entry.js'));
  for (const name of readdirSync(directory)) {
    if (!['package.json', 'plugin.js', file].includes(name))
      rmSync(join(directory, name), { recursive: true, force: true });
  }
}
