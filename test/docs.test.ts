import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';

const root = fileURLToPath(new URL('../../', import.meta.url));
const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

test('examples run, and print what they say', { timeout: 120_000 }, async (t) => {
  const directory = join(root, 'dist', 'examples');
  mkdirSync(directory, { recursive: true });
  t.teardown(() => rmSync(directory, { recursive: true }));
  let count = 0;
  for (const document of documents) {
    const text = readFileSync(join(root, document), 'utf8');
    for (const [, code = ''] of text.matchAll(/```js\n(.*?)```/gs)) {
      const file = join(directory, `example-${++count}.mjs`);
      writeFileSync(file, code);
      const { status, stdout, stderr } = spawnSync(process.execPath, [file], {
        encoding: 'utf8',
        timeout: 20_000,
      });
      t.equal(status, 0, `${document}: ${code.slice(0, 60)}… ${stderr}`);
      for (const [, expected = ''] of code.matchAll(/console\.log\(.*\); \/\/ ([^…\n]*)/g)) {
        t.ok(stdout.includes(expected.trim()), `${document}: prints ${expected.trim()}: ${stdout}`);
      }
    }
  }
  t.ok(count >= 6, `${count} examples`);
});

test('links between documents lead somewhere', async (t) => {
  for (const document of documents) {
    const text = readFileSync(join(root, document), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
      t.doesNotThrow(() => readFileSync(join(root, document, '..', target)), `${document}: ${target}`);
    }
  }
});
