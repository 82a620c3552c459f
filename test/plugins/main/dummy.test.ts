import { test } from 'tap';
import { Namespace } from '../../../host/namespace/namespace.js';
import { CniHost, type Container, type Json } from '../support/host.js';
import { Resident } from '../support/resident.js';
import { leases, linkNames, succeeds } from './support/child-link.js';

// what the kernel needs dummy for is in test/kernel/suites

function configOf(host: CniHost, extra: Json = {}): Json {
  return {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'dummy',
    ipam: { type: 'host-local', subnet: '10.69.0.0/24', dataDir: host.dataDir },
    ...extra,
  };
}

test('what is wrong with a config', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const container = host.container();
  const missing = 'dummy interface requires an IPAM configuration';
  const wrong: [Json, number, RegExp | string][] = [
    [{ ipam: [] }, 6, 'failed to load netconf: ipam: expected an object, got []'],
    [{ ipam: 7 }, 6, 'failed to load netconf: ipam: expected an object, got 7'],
    [{ ipam: undefined }, 7, missing],
    [{ ipam: {} }, 7, missing],
    [{ ipam: { type: '' } }, 7, missing],
  ];
  for (const command of ['ADD', 'CHECK', 'STATUS']) {
    for (const [extra, code, msg] of wrong) {
      const { status, json } = await plugins.run('dummy', command, configOf(host, extra), container);
      t.equal(status, 1);
      t.match(json, { code, msg }, `${command} ${JSON.stringify(extra)}`);
    }
  }
  const lost = { CNI_NETNS: '/run/netns/nl-gone' };
  t.match((await plugins.run('dummy', 'ADD', configOf(host), container, lost)).json, {
    msg: /failed to open netns "\/run\/netns\/nl-gone"/,
  });
  t.same(linkNames(container), ['lo']);
  t.same(leases(host), []);
  t.match((await plugins.run('dummy', 'VERSION', {})).json, {
    supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  });
});

test('DEL when namespace, config or everything is gone', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const config = configOf(host);
  const container = host.container();
  const remove = (given: Json, from: Container = container, extra: NodeJS.ProcessEnv = {}) =>
    plugins.run('dummy', 'DEL', given, from, extra);
  // what an ADD would leave: a lease, and an interface of some kind
  const attach = async (to: Container): Promise<void> => {
    await plugins.run('host-local', 'ADD', config, to);
    to.lab.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
    t.equal(leases(host).length, 1);
  };
  await attach(container);
  for (const what of ['DEL', 'DEL twice']) succeeds(t, await remove(config), what);
  t.same(linkNames(container), ['lo']);
  t.same(leases(host), []);
  await attach(container);
  // the reference says that there is no plugin name
  succeeds(t, await remove({ ...config, ipam: undefined }), 'no ipam');
  t.same(linkNames(container), ['lo']);
  succeeds(t, await remove({ ...config, prevResult: 7 }, container, { CNI_NETNS: '' }), 'no namespace given');
  t.same(leases(host), []);
  await attach(container);
  Namespace.delete(container.lab.name);
  container.lab.namespace.close();
  for (const what of ['namespace gone', 'and again']) succeeds(t, await remove(config), what);
  t.same(leases(host), []);
});

test('GC is IPAM’s', { timeout: 30_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const [stays, goes] = [host.container(), host.container()];
  for (const container of [stays, goes]) await plugins.run('host-local', 'ADD', configOf(host), container);
  const valid = [{ containerID: stays.id, ifname: 'eth0' }];
  succeeds(t, await plugins.run('dummy', 'GC', configOf(host, { 'cni.dev/valid-attachments': valid })), 'GC');
  t.same(leases(host), ['10.69.0.2']);
});
