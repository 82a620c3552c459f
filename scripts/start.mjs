#!/usr/bin/env node
/** npm start: installs and builds what is missing, then shows the main job at work. */
import { spawnSync } from 'node:child_process';
import { execPath } from 'node:process';
import { Failure, installed, root, run, say, script } from './lib/steps.mjs';
import { privileged } from './lib/unprivileged.mjs';

await script(async () => {
  run(execPath, ['scripts/build.mjs'], { show: true });
  const missing = ['ip', 'nft', 'ping'].filter(
    (program) => !installed(program) && !installed(`../sbin/${program}`),
  );
  if (missing.length > 0) {
    throw new Failure(
      `The demonstration shows its work with ${missing.join(', ')}. On Debian or Ubuntu: sudo apt-get install -y iproute2 nftables iputils-ping`,
    );
  }
  if (!privileged('The demonstration')) return;
  say('');
  const done = spawnSync(execPath, ['dist/host/cli/main.js', 'demo', ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
  });
  process.exitCode = done.status ?? 1;
});
