#!/usr/bin/env node
/** Writes docs/differences.md from test/differential. Builds what is missing first. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { root, run, script } from './lib/steps.mjs';

await script(async () => {
  run(execPath, ['scripts/build.mjs'], { show: true });
  const { document } = await import(join(root, 'dist/test/differential/document.js'));
  writeFileSync(join(root, 'docs/differences.md'), document());
});
