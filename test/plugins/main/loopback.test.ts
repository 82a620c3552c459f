import { test } from 'tap';
import { CniHost, type Json, withoutRandom } from '../support/host.js';

const LO = { CNI_IFNAME: 'lo' };

test('as the reference', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  for (const cniVersion of ['0.1.0', '0.2.0', '0.3.1', '0.4.0', '1.0.0']) {
    const config = { cniVersion, name: 'lo-net', type: 'loopback' };
    const seen = (['reference', 'ours'] as const).map((side) => {
      const container = host.container();
      const added = host.run(side, 'loopback', 'ADD', config, container, LO);
      t.equal(added.status, 0, added.stdout + added.stderr);
      const up = container.state();
      const deleted = host.run(side, 'loopback', 'DEL', config, container, LO);
      // Debian's version prints an empty `dns`, later ones do not
      const { dns: _dns, ...result } = withoutRandom(added.json, container);
      return { result, up, deleted: deleted.status, down: (container.state().links as Json[])[0] };
    });
    t.same(seen[1], seen[0], cniVersion);
  }
});

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
