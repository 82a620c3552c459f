import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { anything } from '../../host/cni/config.js';
import { definePlugin, type Plugin, type ValidAttachment } from '../../host/cni/plugin.js';
import { RecentAdds } from '../../host/cni/recent-adds.js';
import { garbageOf } from '../../host/plugins/common/garbage.js';
import { temporaryDirectory } from '../plugins/ipam/support/leases.js';
import { environment, runOurs } from './support/reference.js';

const network = { cniVersion: '1.1.0', name: 'net', type: 'things' };
const own = { containerID: 'container-1', ifname: 'eth0' };

/** A plugin that makes a thing for each attachment; `during` runs while its GC or ADD does. */
function things(): {
  plugin: Plugin;
  made: Set<string>;
  during: Partial<Record<'ADD' | 'GC, before listing' | 'GC, after listing', () => Promise<unknown>>>;
} {
  const made = new Set<string>();
  const during: ReturnType<typeof things>['during'] = {};
  const plugin = definePlugin<unknown>({
    type: 'things',
    config: anything,
    usesNetwork: false,
    add: async ({ containerId, ifname, rawConfig }) => {
      if (rawConfig.fails === true) throw new Error('on purpose');
      made.add(`${containerId}:${ifname}`);
      await during.ADD?.();
      return {};
    },
    delete: async ({ containerId, ifname }) => {
      made.delete(`${containerId}:${ifname}`);
    },
    check: async () => undefined,
    gc: async (request) => {
      await during['GC, before listing']?.();
      const gone = await garbageOf(
        request,
        async () => {
          const listed = [...made];
          await during['GC, after listing']?.();
          return listed;
        },
        (thing) => thing,
        ({ containerID, ifname }: ValidAttachment) => `${containerID}:${ifname}`,
      );
      for (const thing of gone) made.delete(thing);
    },
  });
  return { plugin, made, during };
}

t.test('an attachment that is made while a GC runs stays, whenever that is', async (t) => {
  for (const moment of ['GC, before listing', 'GC, after listing'] as const) {
    const runDirectory = temporaryDirectory(t);
    const { plugin, made, during } = things();
    const call = (command: string, extra: object = {}, containerId = own.containerID) =>
      runOurs(plugin, environment({ command, containerId }), { ...network, ...extra }, { runDirectory });
    t.equal((await call('ADD', {}, 'older')).status, 0);
    await sleep(2);
    during[moment] = async () => {
      await sleep(2);
      t.equal((await call('ADD')).status, 0);
    };
    t.equal((await call('GC', { 'cni.dev/valid-attachments': [] })).status, 0);
    t.same([...made], ['container-1:eth0'], `${moment}; the older one is garbage`);
    delete during[moment];
    await sleep(2);
    t.equal((await call('GC', { 'cni.dev/valid-attachments': [] })).status, 0);
    t.same([...made], [], 'the next GC takes it');
    t.same(readdirSync(join(runDirectory, 'adds', 'net')), [], 'with the note');
  }
});

t.test('an ADD that runs already when GC is called', async (t) => {
  const runDirectory = temporaryDirectory(t);
  const { plugin, made, during } = things();
  const gc = () =>
    runOurs(
      plugin,
      environment({ command: 'GC' }),
      { ...network, 'cni.dev/valid-attachments': [] },
      { runDirectory },
    );
  let goOn = (): void => undefined;
  during.ADD = () =>
    new Promise<void>((resolve) => {
      goOn = resolve;
    });
  const adding = runOurs(plugin, environment(), network, { runDirectory });
  while (made.size === 0) await sleep(1);
  await sleep(5);
  t.equal((await gc()).status, 0);
  t.same([...made], ['container-1:eth0'], 'in progress');
  // called before the ADD ended, heard after
  during['GC, before listing'] = async () => {
    await sleep(5);
    goOn();
    await adding;
  };
  t.equal((await gc()).status, 0);
  t.same([...made], ['container-1:eth0'], 'ended since');
});

t.test('when the runtime says when its list was made', async (t) => {
  const runDirectory = temporaryDirectory(t);
  const { plugin, made } = things();
  const listedAt = Date.now() - 1;
  t.equal((await runOurs(plugin, environment(), network, { runDirectory })).status, 0);
  await sleep(5);
  const gc = (extra: object) =>
    runOurs(
      plugin,
      environment({ command: 'GC' }),
      { ...network, 'cni.dev/valid-attachments': null, ...extra },
      { runDirectory },
    );
  t.equal((await gc({ 'netloom/listed-at': listedAt })).status, 0);
  t.same([...made], ['container-1:eth0']);
  t.match((await gc({ 'netloom/listed-at': 'now' })).output, { code: 6, msg: /netloom\/listed-at/ });
  t.equal((await gc({ 'netloom/listed-at': Date.now() + 10_000 })).status, 0);
  t.same([...made], [], 'a time to come counts as now');
});

t.test('what becomes of notes', async (t) => {
  const runDirectory = temporaryDirectory(t);
  const directory = join(runDirectory, 'adds', 'net');
  const { plugin } = things();
  const call = (command: string, extra: object = {}) =>
    runOurs(plugin, environment({ command }), { ...network, ...extra }, { runDirectory });
  t.equal((await call('ADD')).status, 0);
  t.same(readdirSync(directory), ['container-1:eth0']);
  t.equal((await call('DEL')).status, 0);
  t.same(readdirSync(directory), [], 'DEL removes it');
  t.equal((await call('DEL')).status, 0, 'and needs none');
  t.equal((await call('ADD', { fails: true })).status, 1);
  t.same(readdirSync(directory), [], 'a failed ADD leaves none');
  const adds = new RecentAdds(runDirectory, 'net');
  adds.begin(own).end();
  t.same(adds.since(Date.now() - 1000), [own]);
  const old = new Date(Date.now() - 60_000);
  utimesSync(join(directory, 'container-1:eth0'), old, old);
  t.same(new RecentAdds(runDirectory, 'other').since(0), [], 'another network');
  t.same(adds.since(Date.now() - 1000), []);
  t.same(readdirSync(directory), []);
  // two plugins of a chain, one within the other
  const [outer, inner] = [adds.begin(own), adds.begin(own)];
  inner.end();
  t.same(adds.since(Date.now() + 60_000), [own], 'the outer one runs');
  outer.end();
  t.same(adds.since(Date.now() + 60_000), []);
  // where there can be no notes, ADD works all the same
  const nowhere = join(runDirectory, 'file');
  writeFileSync(nowhere, '');
  const outcome = await runOurs(plugin, environment(), network, { runDirectory: nowhere });
  t.equal(outcome.status, 0);
  t.equal(
    (await runOurs(plugin, environment({ command: 'DEL' }), network, { runDirectory: nowhere })).status,
    0,
  );
  t.same(new RecentAdds('/proc/nowhere', 'net').since(0), []);
});

t.test('a process that is killed protects nothing', async (t) => {
  const runDirectory = temporaryDirectory(t);
  const directory = join(runDirectory, 'adds', 'net');
  mkdirSync(directory, { recursive: true });
  // flock(1) holds the same lock as an ADD does
  const file = join(directory, 'container-1:eth0');
  const holder = spawn('flock', ['--shared', '--no-fork', file, 'sh', '-c', 'echo; exec sleep 60']);
  t.teardown(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  const adds = new RecentAdds(runDirectory, 'net');
  const later = Date.now() + 60_000;
  t.same(adds.since(later), [own], 'it runs');
  holder.kill('SIGKILL');
  await once(holder, 'close');
  t.same(adds.since(later), [], 'it is dead');
});
