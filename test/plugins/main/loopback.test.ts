import { test } from 'tap';
import { CniHost } from '../support/host.js';

const LO = { CNI_IFNAME: 'lo' };

test('CHECK, what others added, and a namespace that is gone', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const config = { cniVersion: '1.1.0', name: 'lo-net', type: 'loopback' };
  t.match(host.run('ours', 'loopback', 'CHECK', config, container, LO).json, {
    msg: 'loopback interface is down',
  });
  const prevResult = { cniVersion: '1.1.0', interfaces: [{ name: 'eth0', sandbox: container.lab.path }] };
  t.match(host.run('ours', 'loopback', 'ADD', { ...config, prevResult }, container, LO).json, prevResult);
  t.equal(host.run('ours', 'loopback', 'CHECK', config, container, LO).status, 0);
  t.equal(
    host.run('ours', 'loopback', 'DEL', config, container, { ...LO, CNI_NETNS: '/run/netns/nl-gone' }).status,
    0,
  );
  t.equal(host.run('ours', 'loopback', 'DEL', config, container, { ...LO, CNI_NETNS: '' }).status, 0);
  t.equal(host.run('ours', 'loopback', 'CHECK', config, container, LO).status, 0, 'still up');
  t.equal(host.run('ours', 'loopback', 'DEL', config, container, LO).status, 0);
  container.lab.run('ip', 'addr', 'add', '10.1.2.3/32', 'dev', 'lo');
  t.match(host.run('ours', 'loopback', 'ADD', config, container, LO).json, {
    code: 999,
    msg: 'loopback interface found with non-loopback address "10.1.2.3"',
  });
});
