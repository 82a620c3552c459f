/**
 * Makes dist/plugins: the program that every installed plugin runs. One CommonJS file, compiled ahead by V8: it starts
 * a third faster than modules do. Everything is written before plugin.js names it, so that a plugin may run meanwhile.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { root } from './steps.mjs';

const directory = join(root, 'dist/plugins');

const opening = '(function (exports, require, module, __filename, __dirname) {';
const closing = '\n})';

/** Modules of Node that take milliseconds to load, and that most calls of a plugin can do without. */
const late = ['node:child_process', 'node:crypto'];

/** Functions of theirs load the module when they are called; what is not used falls out of the bundle. */
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

/** Starts the bundle; another version of Node rejects the compiled code, and then compiles it itself. */
function launcher(bundle) {
  return `'use strict';
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');
const filename = __dirname + '/${bundle}.js';
let cachedData;
try {
  cachedData = readFileSync(__dirname + '/${bundle}.cache');
} catch {}
new Script(readFileSync(filename, 'utf8'), { filename, cachedData })
  .runInThisContext()(exports, require, module, filename, __dirname);
`;
}

/** Compiles every function now: V8 leaves them for their first call else, and out of its cache. */
function compiled(source, filename) {
  setFlagsFromString('--no-lazy');
  try {
    const script = new Script(source, { filename });
    // the cache is only taken by a V8 with the flags that it had at the end
    setFlagsFromString('--lazy');
    return script.createCachedData();
  } finally {
    setFlagsFromString('--lazy');
  }
}

function replace(name, content) {
  const draft = join(directory, `.${name}.${process.pid}`);
  writeFileSync(draft, content);
  renameSync(draft, join(directory, name));
}

/** Bundles a compiled entry, given relative to the root. */
export async function bundlePlugins(entry) {
  const { build } = await import(pathToFileURL(join(root, 'node_modules/esbuild/lib/main.js')).href);
  mkdirSync(directory, { recursive: true });
  const clockFile = join(directory, `clock.${process.pid}.js`);
  writeFileSync(clockFile, clock);
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'eof',
    // loaded only where firewalld runs, and then from node_modules
    external: ['dbus-next'],
    supported: { 'dynamic-import': false },
    plugins: [loadedLate],
    inject: [clockFile],
    define: { 'import.meta.url': 'netloomUrl' },
    banner: { js: "const netloomUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  const source = `${opening}${outputFiles[0].text}${closing}`;
  // V8 knows a source by its length only, so the name must tell one from another
  const bundle = `bundle-${createHash('sha256').update(source).digest('hex').slice(0, 16)}`;
  rmSync(clockFile);
  replace('package.json', '{ "type": "commonjs" }\n');
  replace(`${bundle}.js`, source);
  replace(`${bundle}.cache`, compiled(source, join(directory, `${bundle}.js`)));
  replace('plugin.js', launcher(bundle));
  const current = ['package.json', 'plugin.js', `${bundle}.js`, `${bundle}.cache`];
  for (const name of readdirSync(directory)) {
    if (!current.includes(name)) rmSync(join(directory, name), { recursive: true, force: true });
  }
}
