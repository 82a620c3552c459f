import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { execPath } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Namespace } from '../../host/namespace/namespace.js';
import type { Container, Json } from '../plugins/support/host.js';
import { attach, DaemonHost, detach, openfaas } from './support/daemon-host.js';

const sources = fileURLToPath(new URL('../../../', import.meta.url));
const main = fileURLToPath(new URL('../../host/cli/main.js', import.meta.url));

function leases(host: DaemonHost): string[] {
  return readdirSync(`${host.dataDir}/openfaas-cni-bridge`).filter((name) => /^\d/.test(name));
}

function addressOf(result: Json): string {
  return (result.ips as { address: string }[])[0]?.address.split('/')[0] ?? '';
}

t.test('a daemon is replaced under load, and no ADD fails', async (t) => {
  const host = new DaemonHost(t);
  const configs = openfaas(host);
  const before = host.state();
  const supervisor = host.lab.namespace.run(() =>
    spawn(
      'python3',
      [
        `${sources}test/daemon/support/supervisor.py`,
        host.socketPath,
        ...[execPath, main, 'daemon', '--socket', host.socketPath, '--log-level', 'silent'],
      ],
      { stdio: 'ignore' },
    ),
  );
  t.teardown(() => supervisor.kill('SIGKILL'));
  let asked = await host.status().catch(() => undefined);
  for (; asked === undefined; await sleep(20)) asked = await host.status().catch(() => undefined);
  const pids = new Set([asked.pid]);
  let working = 6;
  let failures = 0;
  const worker = async (): Promise<void> => {
    const container = host.container();
    for (let i = 0; i < 6; i++) {
      const outcome = await attach(host, container, configs);
      if (outcome.status !== 0) failures++;
      t.equal(outcome.status, 0, outcome.stdout);
      t.equal((await detach(host, container, configs, outcome.json)).status, 0);
    }
    working--;
  };
  const replace = async (): Promise<void> => {
    while (working > 0) {
      supervisor.kill('SIGHUP');
      await sleep(400);
      pids.add((await host.status()).pid);
    }
  };
  await Promise.all([replace(), ...Array.from({ length: working }, worker)]);
  t.equal(failures, 0);
  t.ok(pids.size > 1, `${pids.size} daemons`);
  const ended = once(supervisor, 'exit');
  supervisor.kill('SIGTERM');
  await ended;
  t.same(host.state(), before);
  t.same(leases(host), []);
});

t.test('namespaces that go while they are attached', async (t) => {
  const host = new DaemonHost(t);
  const [bridge] = openfaas(host);
  await host.startDaemon();
  const before = host.state();
  let failed = 0;
  await Promise.all(
    Array.from({ length: 12 }, async (_one, i) => {
      const container = host.container();
      const adding = host.start('ours', 'bridge', 'ADD', bridge, container);
      await sleep(i * 3);
      Namespace.delete(container.lab.name);
      container.lab.namespace.close();
      const outcome = await adding;
      if (outcome.status !== 0) failed++;
      const given = outcome.status === 0 ? { ...bridge, prevResult: outcome.json } : bridge;
      const deleted = await host.start('ours', 'bridge', 'DEL', given, container);
      t.equal(deleted.status, 0, deleted.stdout);
    }),
  );
  t.comment(`${failed} of 12 ADDs failed`);
  t.same(leases(host), []);
  t.same(host.state(), before);
});

t.test('the reference and the daemon on one network at the same time', async (t) => {
  const host = new DaemonHost(t);
  const [bridge] = openfaas(host);
  // the reference that Debian has masquerades with iptables
  const config: Json = { ...bridge, ipMasq: false };
  await host.startDaemon();
  const containers = Array.from({ length: 16 }, () => host.container());
  const results = new Map<Container, Json>();
  await Promise.all(
    containers.map(async (container, i) => {
      const side = i % 2 === 0 ? 'ours' : 'reference';
      const outcome = await host.start(side, 'bridge', 'ADD', config, container);
      t.equal(outcome.status, 0, `${side}: ${outcome.stdout}`);
      results.set(container, outcome.json);
    }),
  );
  const addresses = [...results.values()].map(addressOf);
  t.equal(new Set(addresses).size, containers.length, 'no address twice');
  t.same(leases(host).sort(), addresses.sort());
  const [first] = containers as [Container];
  for (const container of containers.slice(1, 4))
    first.lab.run('ping', '-c', '1', '-W', '2', addressOf(results.get(container) as Json));
  // each takes down what the other has made, and makes it again
  await Promise.all(
    containers.map(async (container, i) => {
      const [one, other] = i % 2 === 0 ? (['reference', 'ours'] as const) : (['ours', 'reference'] as const);
      const given = { ...config, prevResult: results.get(container) };
      const deleted = await host.start(one, 'bridge', 'DEL', given, container);
      t.equal(deleted.status, 0, `${one}: ${deleted.stdout}`);
      const added = await host.start(other, 'bridge', 'ADD', config, container);
      t.equal(added.status, 0, `${other}: ${added.stdout}`);
      results.set(container, added.json);
    }),
  );
  t.same(leases(host).sort(), [...results.values()].map(addressOf).sort());
  for (const container of containers)
    t.equal((await host.start('ours', 'bridge', 'DEL', config, container)).status, 0);
  t.same(leases(host), []);
  t.same(
    (host.lab.ip('link', 'show', 'type', 'veth') as Json[]).map(({ ifname }) => ifname),
    [],
  );
});

t.test('containers that are deleted at the same time', async (t) => {
  const host = new DaemonHost(t);
  const configs = openfaas(host);
  await host.startDaemon();
  const before = host.state();
  const containers = Array.from({ length: 20 }, () => host.container());
  const outcomes = await Promise.all(containers.map((container) => attach(host, container, configs)));
  t.ok(outcomes.every(({ status }) => status === 0));
  // one that somebody else has deleted is no obstacle for the others
  containers[3]?.lab.run('ip', 'link', 'delete', 'eth0');
  const gone = await Promise.all(
    containers.map((container, i) => detach(host, container, configs, outcomes[i]?.json)),
  );
  for (const { status, stdout } of gone) t.equal(status, 0, stdout);
  for (const container of containers)
    t.same(
      (container.lab.ip('link', 'show') as Json[]).map(({ ifname }) => ifname),
      ['lo'],
    );
  t.same(leases(host), []);
  t.same(host.state(), before);
});
