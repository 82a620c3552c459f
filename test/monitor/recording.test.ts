import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Test, test } from 'tap';
import { eventText, MonitorError, readRecording } from '../../host/monitor/index.js';
import { Lab } from '../support/lab.js';
import { cleaned, listening, netloom, settled, Watcher } from './support/watchers.js';

function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'netloom-record-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

const run = (file: string, ...args: string[]): string =>
  execFileSync(file, args, { encoding: 'utf8', maxBuffer: 64 << 20 });
const replay = (...args: string[]): string => run(process.execPath, netloom, 'monitor', '--replay', ...args);

/** Something of each kind, with links announced before they are spoken of. */
function happen(lab: Lab): void {
  for (const command of [
    'link add v0 type veth peer name v1',
    'link set v0 up',
    'addr add 10.7.0.1/24 dev v0',
    'route add 10.8.0.0/16 via 10.7.0.9 dev v0 onlink',
    'rule add from 10.0.0.0/8 lookup 99 prio 5',
    'neigh add 10.7.0.9 lladdr 02:00:00:00:00:09 dev v0',
    'rule del prio 5',
    'addr del 10.7.0.1/24 dev v0',
    'link del v0',
  ])
    lab.run('ip', ...command.split(' '));
}

test('what is recorded here, ip monitor file reads', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'monrec');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const file = join(directory(t), 'recording');
  const objects = 'link,address,route,rule,neighbour,nftables';
  const live = Watcher.monitor(t, lab, '--objects', objects, '--record', file);
  await listening(lab, live);
  happen(lab);
  lab.run('nft', 'add', 'table', 'inet', 'recorded');
  await settled(lab, live);
  t.equal(await live.end('SIGINT'), 0);

  // in a namespace without links of those numbers, for ip asks its own for names
  const empty = new Lab(t, 'monempty');
  const theirs = empty.run('ip', 'monitor', 'label', 'file', file);
  const ours = replay(file, '--objects', 'link,address,route,rule,neighbour');
  const named = ours.split('\n').map((line) => line.replace(/^\[[^\]]*\](?=\[)/, ''));
  // nor of what ip passes over, which has its time all the same
  const idle = /^Timestamp: .*\n(?=Timestamp: )/gm;
  t.same(named, theirs.replaceAll(idle, '').split('\n'));
  t.match(theirs, 'Deleted 5:\tfrom 10.0.0.0/8 lookup 99');
  t.match(theirs, /^\[LINK\]1: lo/m, 'it begins with what there was');

  const all = replay(file);
  t.match(all, 'add table inet recorded');
  // what was printed live comes again, after what there was at the beginning
  const wanted = live.text.split('\n').filter((line) => line !== '');
  const again = all
    .split('\n')
    .filter((line) => !line.startsWith('Timestamp: '))
    .map((line) => line.replace(/^\[[^\]]*\](?=\[)/, ''));
  t.same(
    again.slice(-wanted.length - 1).filter((line) => line !== ''),
    wanted,
  );
});

test('what rtmon recorded is read', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'monrtmon');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const file = join(directory(t), 'rtmon');
  const rtmon = new Watcher(t, lab, 'rtmon', 'file', file);
  const live = Watcher.monitor(t, lab);
  await listening(lab, live);
  while (!readFileSync(file).includes('lo\0')) await new Promise((resolve) => setTimeout(resolve, 10));
  happen(lab);
  await settled(lab, live);
  const size = (): number => readFileSync(file).length;
  for (let before = -1; before !== size(); ) {
    before = size();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await rtmon.end();
  const empty = new Lab(t, 'monempty');
  const theirs = empty.run('ip', 'monitor', 'label', 'file', file).split('\n');
  const ours = replay(file).split('\n');
  // ip does not know the name of a link before its first message, we do
  const nameless = (lines: readonly string[]): string[] =>
    lines.map((line) => line.replace(/\b(if\d+|v[01])\b/g, 'v'));
  t.same(nameless(ours), nameless(theirs));
  t.notMatch(ours.join('\n'), /\bif\d+ forwarding/);
  t.match(cleaned(ours.join('\n')), '[ADDR]Deleted ');
});

test('recordings that are cut short or no recordings', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'moncut');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const file = join(directory(t), 'recording');
  const live = Watcher.monitor(t, lab, '--record', file, '--quiet');
  // it prints nothing, but writes down what there is as soon as it listens
  while ((readFileSync(file, { flag: 'a+' }).length as number) < 1000)
    await new Promise((resolve) => setTimeout(resolve, 10));
  await live.end();
  t.equal(live.text, '');
  const whole = readFileSync(file);
  const events = [...readRecording(whole)];
  t.ok(events.length > 3);
  let texts = 0;
  for (let length = 0; length < whole.length; length += 7) {
    try {
      for (const event of readRecording(whole.subarray(0, length))) texts += eventText(event).length;
    } catch (error) {
      t.ok(error instanceof MonitorError && error.code === 'ERR_UNREADABLE_RECORDING');
    }
  }
  t.ok(texts > 0, 'what is before the cut is read');
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), (at, bytes) => {
      const broken = Buffer.from(whole);
      broken.set(bytes.subarray(0, broken.length - at), at);
      try {
        for (const event of readRecording(broken)) eventText(event);
      } catch (error) {
        if (!(error instanceof MonitorError)) throw error;
      }
    }),
    { numRuns: 200 },
  );
  const text = join(directory(t), 'text');
  writeFileSync(text, 'this is no recording, whatever else it is\n');
  t.throws(() => replay(text), { message: /netloom: the recording cannot be read at byte 0: / });
  t.throws(() => replay(`${text}.none`), { message: /netloom: ENOENT/ });
  t.throws(() => replay(file, '--all'), { message: /netloom: --replay goes with/ });
});
