#!/usr/bin/env node
/** npm run bench [-- PART… --json FILE --only TEXT --turns N --no-benny]: netloom against its rivals, in a clean environment. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { argv, env, execPath } from 'node:process';
import { Failure, installed, newest, oldest, root, run, script } from './lib/steps.mjs';
import { privileged } from './lib/unprivileged.mjs';

const sourceOf = (file) => /\.(c|h|go|mod|rs|toml|py|cjs)$/.test(file);

await script(async () => {
  run(execPath, ['scripts/build.mjs'], { show: true });
  const needsPeers = !argv.includes('docker');
  if (needsPeers && oldest('bench/peers/build/peers.json') < newest(join(root, 'bench/peers'), sourceOf)) {
    run(execPath, ['scripts/bench-peers.mjs'], { show: true });
  }
  for (const program of ['ip', 'nsenter']) {
    if (!installed(program) && !installed(`../sbin/${program}`))
      throw new Failure(`The benchmarks need ${program}: sudo apt-get install -y iproute2 util-linux`);
  }
  if (!privileged('The benchmark')) return;
  // what NODE_OPTIONS, GOGC and their like would change, they would change on one side only
  const clean = { PATH: env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin', HOME: env.HOME ?? '/' };
  const done = spawnSync(execPath, ['dist/bench/run.js', ...argv.slice(2)], {
    cwd: root,
    env: clean,
    stdio: 'inherit',
  });
  process.exitCode = done.status ?? 1;
});
