import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { replaceFile } from '../../host/cni/replace-file.js';

test('a file is replaced whole, or stays as it is', (t) => {
  const directory = t.testdir({ file: 'old' });
  const path = join(directory, 'file');
  const draft = join(directory, '.draft');
  writeFileSync(draft, 'left by a crash, and longer than what comes');
  for (const durable of [false, true]) {
    replaceFile(path, `new ${durable}`, { draft, mode: 0o600, durable });
    t.equal(readFileSync(path, 'utf8'), `new ${durable}`);
    t.same(readdirSync(directory), ['file'], 'no draft is left');
  }
  const other = join(directory, 'other');
  replaceFile(other, '', { draft, mode: 0o600 });
  t.equal(statSync(other).mode & 0o777, 0o600);
  mkdirSync(join(directory, 'directory'));
  t.throws(() => replaceFile(join(directory, 'directory'), 'x', { draft, mode: 0o600 }), { code: 'EISDIR' });
  t.same(readdirSync(directory).sort(), ['directory', 'file', 'other'], 'nor when it fails');
  t.throws(() => replaceFile(path, 'x', { draft: join(directory, 'none', 'x'), mode: 0o600 }), {
    code: 'ENOENT',
  });
  t.throws(() => replaceFile(path, 'x', { draft: join(path, 'x'), mode: 0o600 }), { code: 'ENOTDIR' });
  t.equal(readFileSync(path, 'utf8'), 'new true');
  t.end();
});
