import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { Lab } from '../support/lab.js';
import { cleaned, listening, settled, Watcher } from './support/watchers.js';

const text = readFileSync(fileURLToPath(new URL('../../../docs/monitor.md', import.meta.url)), 'utf8');

function block(kind: string): string {
  const found = new RegExp(`\`\`\`${kind}\n(.*?)\`\`\``, 's').exec(text)?.[1];
  if (found === undefined) throw new Error(`docs/monitor.md has no block of ${kind}`);
  return found;
}

test('the examples of docs/monitor.md are so', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'mondocs');
  const arguments_ = [`netns:${lab.name}`, '--objects', 'link,address,rule'];
  const lines = Watcher.monitor(t, undefined, ...arguments_);
  const json = Watcher.monitor(t, undefined, ...arguments_, '--json');
  await listening(lab, lines, json);
  const before = [lines, json].map((one) => one.text.length);
  for (const command of block('sh').trim().split('\n')) {
    const [file = '', ...args] = command.replace('-n blue ', '').split(' ');
    lab.run(file, ...args);
  }
  await settled(lab, lines, json);
  t.equal(cleaned(lines.text.slice(before[0])), block('text'));

  const parsed = (all: string): Record<string, unknown>[] =>
    all
      .trim()
      .split('\n')
      .map((line) => ({ ...JSON.parse(line.replace(lab.name, 'blue')), time: 'then', inode: 1 }));
  const printed = parsed(json.text.slice(before[1]));
  const firsts = ['link', 'address', 'rule'].map((object) => printed.find((one) => one.object === object));
  t.same(firsts, parsed(block('json')));
});
