import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { differences } from './differences.js';
import { document } from './document.js';
import { runsOf } from './row.js';
import { tables } from './tables/index.js';

const runs = tables.flatMap(runsOf);

test('rows and differences have names of their own', async (t) => {
  for (const ids of [runs.map(({ id }) => id), differences.map(({ id }) => id)]) {
    t.same(
      ids.filter((id, i) => ids.indexOf(id) !== i),
      [],
    );
  }
  t.ok(tables.flatMap(({ rows }) => rows).length >= 150);
});

test('every difference is shown by a row that is there', async (t) => {
  const ids = new Set(runs.map(({ id }) => id));
  for (const { id, shownBy } of differences) {
    t.same(
      shownBy.filter((run) => !ids.has(run)),
      [],
      id,
    );
  }
});

test('docs/differences.md tells what differences.ts has: node scripts/differences.mjs writes it', async (t) => {
  const file = fileURLToPath(new URL('../../../docs/differences.md', import.meta.url));
  t.equal(readFileSync(file, 'utf8'), document());
});
