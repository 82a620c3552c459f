import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Container, Json } from '../plugins/support/host.js';
import { attach, DaemonHost, detach, openfaas } from './support/daemon-host.js';

const TRY_AGAIN = 11;

function leases(host: DaemonHost): Map<string, string> {
  const directory = `${host.dataDir}/openfaas-cni-bridge`;
  const names = readdirSync(directory).filter((name) => /^\d/.test(name));
  return new Map(names.map((name) => [name, readFileSync(`${directory}/${name}`, 'utf8')]));
}

/** An integer below `limit`, the same sequence in every run. */
function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % limit;
  };
}

t.test('a daemon killed at any moment: the next one takes back what was half made', async (t) => {
  const host = new DaemonHost(t);
  const [bridge] = openfaas(host);
  await host.startDaemon();
  const container = host.container();
  const before = host.state();
  let halves = 0;
  const pick = random(7);
  for (let i = 0; i < 8; i++) {
    const added = host.start('ours', 'bridge', 'ADD', bridge, container);
    await sleep(2 + pick(25));
    await host.stopDaemon('SIGKILL');
    const outcome = await added;
    if (outcome.status !== 0) t.equal(outcome.json.code, TRY_AGAIN, outcome.stdout);
    await host.startDaemon();
    halves += await host.metric('netloom_recovered_total{how="undone"}');
    t.equal(await host.metric('netloom_recovered_total{how="failed"}'), 0);
    // an attachment of which the caller has heard nothing is its to delete; one that was half made is gone already
    const undone = (await host.metric('netloom_recovered_total{how="undone"}')) > 0;
    if (undone) t.same(host.state(), before, 'nothing is left of it');
    t.equal((await detach(host, container, [bridge])).status, 0);
    t.same(host.state(), before);
  }
  t.ok(halves > 0, `${halves} were half made`);
  t.equal(leases(host).size, 0);
});

/** ADDs of each of eight containers. */
const rounds = Number(process.env.NETLOOM_CRASH_ROUNDS ?? 6);

t.test(
  'a supervisor restarts a daemon that is killed over and over under load',
  { timeout: 120_000 + rounds * 2000 },
  async (t) => {
    const host = new DaemonHost(t);
    const configs = openfaas(host);
    const before = host.state();
    await host.startDaemon();
    const workers = 8;
    const pick = random(Number(process.env.NETLOOM_CRASH_SEED ?? 3));
    const kept = new Map<Container, Json>();
    let working = workers;
    let failed = 0;
    let done = 0;

    const worker = async (): Promise<void> => {
      const container = host.container();
      for (let i = 0; i < rounds; i++) {
        let outcome = await attach(host, container, configs);
        while (outcome.status !== 0) {
          failed++;
          // what a runtime does after a failed ADD
          t.equal(outcome.json.code, TRY_AGAIN, outcome.stdout);
          const deleted = await detach(host, container, configs);
          t.equal(deleted.status, 0, deleted.stdout);
          outcome = await attach(host, container, configs);
        }
        done++;
        if (i === rounds - 1) kept.set(container, outcome.json);
        else {
          const deleted = await detach(host, container, configs, outcome.json);
          t.equal(deleted.status, 0, deleted.stdout);
        }
      }
      working--;
    };
    const supervisor = async (): Promise<number> => {
      let kills = 0;
      for (; working > 0; kills++) {
        await sleep(100 + pick(500));
        await host.stopDaemon('SIGKILL');
        await host.startDaemon();
      }
      return kills;
    };
    const [kills] = await Promise.all([supervisor(), ...Array.from({ length: workers }, worker)]);
    t.comment(`${done} ADDs, ${failed} failed and were tried again, ${kills} kills`);

    const addresses = [...kept.values()].map(
      (result) => (result.ips as { address: string }[])[0]?.address ?? '',
    );
    t.equal(new Set(addresses).size, workers, 'no address twice');
    const held = leases(host);
    t.same(
      [...held.keys()].sort(),
      addresses.map((address) => address.split('/')[0]).sort(),
      'leases are those of the attachments',
    );
    for (const [container, result] of kept) {
      const own = container.lab.ip('address', 'show', 'dev', 'eth0')[0].addr_info[0].local;
      t.equal(`${own}/16`, (result.ips as { address: string }[])[0]?.address);
      container.lab.run('ping', '-c', '1', '-W', '2', '10.62.0.1');
    }
    const ports = host.lab.ip('link', 'show', 'master', 'openfaas0') as Json[];
    t.equal(ports.length, workers, 'no link is left over');
    const rules = execFileSync('ip', ['netns', 'exec', host.lab.name, 'nft', 'list', 'ruleset'], {
      encoding: 'utf8',
    });
    t.equal(rules.match(/ masquerade /g)?.length, workers, rules);
    for (const [container, result] of kept)
      t.equal((await detach(host, container, configs, result)).status, 0);
    t.same(host.state(), before);
    t.equal(leases(host).size, 0);
  },
);
