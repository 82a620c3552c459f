import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { type Fault, Faults } from '../../host/netlink/testing/index.js';
import { Network } from '../../host/network/index.js';
import { Lab } from '../support/lab.js';

const bridges = ['one', 'two', 'three'];

/** One request of three messages, after the socket was opened. */
async function makeBridges(lab: Lab): Promise<string[]> {
  const network = await Network.open({ namespace: lab.path });
  try {
    const { failures } = await network.batch((batch) => {
      for (const ifname of bridges) batch.links.create({ ifname, kind: 'bridge' });
    });
    return failures.map(({ index, error }) => `${bridges[index]}: ${error.message}`);
  } finally {
    network.close();
  }
}

const present = (lab: Lab): string[] =>
  (lab.ip('link', 'show') as { ifname: string }[])
    .map(({ ifname }) => ifname)
    .filter((name) => name !== 'lo');

test('each call and each message', async (t) => {
  using faults = Faults.install();
  const outcome = async (fault?: Fault): Promise<[string, string[], string[]]> => {
    const lab = new Lab(t);
    faults.arm(fault);
    const said = await makeBridges(lab).catch((error: Error) => [error.message]);
    const { struck = 'nothing' } = faults.report();
    faults.arm();
    return [struck, said, present(lab)];
  };
  t.same(await outcome(), ['nothing', [], bridges]);
  faults.arm();
  const { calls, things } = faults.report();
  t.same([calls, things], [[], 0], 'arming begins anew');
  const refused = async (nth: number) => await outcome({ kind: 'refused', nth });
  t.match(await refused(1), ['open', [/open.*cannot allocate memory/i], []]);
  t.match(await refused(2), ['socket', [/socket: cannot allocate memory/i], []]);
  t.match(await refused(3), [
    'sendmsg, message 1',
    [/^one: newlink: cannot allocate memory/i],
    ['two', 'three'],
  ]);
  t.match(await refused(4), [
    'sendmsg, message 2',
    [/^two: newlink: cannot allocate memory/i],
    ['one', 'three'],
  ]);
  t.match(await refused(5), [
    'sendmsg, message 3',
    [/^three: newlink: cannot allocate memory/i],
    ['one', 'two'],
  ]);
  t.match(await refused(6), ['sendmsg', [/sendmsg: cannot allocate memory/i], []]);
  t.match(await refused(7), ['nothing', [], bridges]);
  t.match(await outcome({ kind: 'refused', nth: 2, errno: 24 }), ['socket', [/too many open files/i], []]);
  t.match(await outcome({ kind: 'dead', nth: 2 }), ['socket', [/socket/], []]);
  t.match(await outcome({ kind: 'dead', nth: 3 }), ['sendmsg', [/sendmsg/], []]);
});

test('files', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-faults-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'file');
  {
    using faults = Faults.install();
    writeFileSync(path, 'whole');
    t.same(faults.report(), { calls: ['open', 'write'], things: 2, struck: undefined });
    faults.arm({ kind: 'refused', nth: 1, errno: 28 });
    t.throws(() => writeFileSync(path, 'other'), { code: 'ENOSPC', errno: -28, syscall: 'open' });
    t.equal(readFileSync(path, 'utf8'), 'whole');
    faults.arm({ kind: 'dead', nth: 2 });
    t.throws(() => writeFileSync(path, 'other'), { code: 'ENOMEM', syscall: 'write' });
    t.throws(() => rmSync(path), { code: 'ENOMEM' }, 'and nothing after it');
    t.equal(readFileSync(path, 'utf8'), '', 'empty, as a crash leaves it');
  }
  writeFileSync(path, 'as ever');
  t.equal(readFileSync(path, 'utf8'), 'as ever');
  t.end();
});
