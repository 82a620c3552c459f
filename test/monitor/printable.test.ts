import { test } from 'tap';
import { Lab } from '../support/lab.js';
import { listening, settled, Watcher } from './support/watchers.js';

const ESCAPE = '\u001b';
const NEXT_LINE = '\u0085';

test('names that the kernel tells cannot command a terminal', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'monesc');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const lines = Watcher.monitor(t, lab, '--objects', 'link,address,nftables');
  const json = Watcher.monitor(t, lab, '--objects', 'link,address,nftables', '--json');
  await listening(lab, lines, json);
  const link = `a${ESCAPE}[2J${NEXT_LINE}`;
  lab.run('ip', 'link', 'add', link, 'type', 'bridge');
  lab.run('ip', 'link', 'set', link, 'alias', `one${ESCAPE}]0;title\u0007\ntwo`);
  lab.run('nft', 'add', 'table', 'inet', 't');
  lab.run('nft', 'add', 'chain', 'inet', 't', 'c');
  lab.run('nft', 'add', 'rule', 'inet', 't', 'c', 'counter', 'comment', `"x${ESCAPE}[1m"`);
  await settled(lab, lines, json);
  const told = lines.text;
  t.match(told, '[LINK]');
  t.match(told, 'a\ufffd[2J\ufffd');
  t.match(told, 'add rule inet t c');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  for (const { text } of [lines, json]) t.notMatch(text, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
  const names = json.text.trim().split('\n');
  t.ok(
    names.some((line) => JSON.parse(line).item.ifname === link),
    'JSON has the name as it is',
  );
});
