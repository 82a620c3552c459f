#!/usr/bin/env node
/** npm run lint: biome, and the rules that are the project's own. The last line is `N passed, N failed`. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root, script } from './lib/steps.mjs';

const LINES = 450;
const folders = ['assembly', 'bindings/src', 'host', 'test', 'bench', 'scripts'];

/** Layers, highest first: imports point down. */
const layers = [
  'cli',
  'daemon',
  'docker',
  'monitor',
  'inspect',
  'runtime',
  'plugins',
  'cni',
  'netfilter',
  'network',
  'namespace',
  'netlink',
  'schema',
  'codec',
];

function files(directory) {
  return readdirSync(join(root, directory), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs|cc|h|c)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((file) => !/node_modules|\/build\/|\/target\/|generated\//.test(file));
}

function tooLong(all) {
  return all.flatMap((file) => {
    const lines = readFileSync(join(root, file), 'utf8').split('\n').length;
    return lines > LINES ? [`${file}: ${lines} lines, more than ${LINES}`] : [];
  });
}

function layering(all) {
  const wrong = [];
  for (const file of all) {
    const own = /^host\/([a-z]+)\//.exec(file)?.[1];
    if (own === undefined) continue;
    const rank = layers.indexOf(own);
    if (rank < 0) wrong.push(`${file}: host/${own} is no layer`);
    for (const [, path] of readFileSync(join(root, file), 'utf8').matchAll(/from '(\.[^']+)'/g)) {
      const target = relative(root, join(root, file, '..', path));
      const other = /^host\/([a-z]+)\//.exec(target)?.[1];
      if (other === undefined || other === own) continue;
      // the language of schemas and the control messages are the codec's own vocabulary
      if (own === 'codec' && /^host\/schema\/(definition|control)\.js$/.test(target)) continue;
      if (layers.indexOf(other) < rank) wrong.push(`${file}: imports ${target}, which is above it`);
    }
  }
  return wrong;
}

await script(async () => {
  const all = folders.flatMap((folder) => {
    try {
      return files(folder);
    } catch {
      return [];
    }
  });
  const checks = {
    biome: () => {
      const done = spawnSync('node_modules/.bin/biome', ['check', '.'], { cwd: root, encoding: 'utf8' });
      return done.status === 0 ? [] : [`${done.stdout}${done.stderr}`];
    },
    'length of files': () => tooLong(all),
    'direction of imports': () => layering(all),
  };
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    const complaints = check();
    process.stdout.write(`${complaints.length === 0 ? 'ok  ' : 'FAIL'} ${name}\n`);
    for (const complaint of complaints) process.stdout.write(`${complaint}\n`);
    if (complaints.length > 0) failed++;
  }
  process.stdout.write(`${Object.keys(checks).length - failed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
});
