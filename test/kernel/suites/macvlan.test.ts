import t, { test } from 'tap';
import { connect, kindData, leases, linkNames, succeeds } from '../../plugins/main/support/child-link.js';
import { CniHost, type Json } from '../../plugins/support/host.js';

// each program takes its time on this kernel
t.setTimeout(120_000);

// all else is tested on the kernel that runs the tests; this one looks names of new links up elsewhere than later ones
test('the host has an interface of the same name', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const neighbour = connect(host, host.lab, 'eth0');
  neighbour.lab.run('ip', 'addr', 'add', '10.65.0.200/24', 'dev', 'eth9');
  const config: Json = {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'macvlan',
    master: 'eth0',
    ipam: { type: 'host-local', subnet: '10.65.0.0/24', dataDir: host.dataDir },
  };
  const [one, two] = [host.container(), host.container()];
  for (const container of [one, two]) {
    const added = host.run('ours', 'macvlan', 'ADD', config, container);
    succeeds(t, added, 'ADD');
    t.match(kindData(container), { kind: 'macvlan', mode: 'bridge' });
    const withResult = { ...config, prevResult: added.json };
    succeeds(t, host.run('ours', 'macvlan', 'CHECK', withResult, container), 'CHECK');
  }
  for (const address of ['10.65.0.3', '10.65.0.200']) one.lab.run('ping', '-c1', '-W3', address);
  t.match(host.run('ours', 'macvlan', 'ADD', config, one).json, {
    code: 999,
    msg: /failed to create macvlan: container interface "eth0" already exists/,
  });
  for (const container of [one, two]) {
    succeeds(t, host.run('ours', 'macvlan', 'DEL', config, container), 'DEL');
    t.same(linkNames(container), ['lo']);
  }
  t.same(linkNames(host), ['eth0', 'lo']);
  t.same(leases(host), []);
});
