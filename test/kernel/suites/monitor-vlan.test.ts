import t, { test } from 'tap';
import { cleaned, listening, settled, Watcher } from '../../monitor/support/watchers.js';
import { Lab } from '../../support/lab.js';

// each program takes its time on this kernel
t.setTimeout(300_000);

test('VLANs of bridges as bridge monitor has them', async (t) => {
  const lab = new Lab(t, 'monvlan');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  lab.run('ip', 'link', 'add', 'br0', 'type', 'bridge', 'vlan_filtering', '1');
  lab.run('ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
  lab.run('ip', 'link', 'set', 'v1', 'master', 'br0');
  const bridge = new Watcher(t, lab, 'bridge', 'monitor', 'all');
  const own = Watcher.monitor(t, lab, '--objects', 'vlan,address');
  const json = Watcher.monitor(t, lab, '--objects', 'vlan,address', '--json');
  await listening(lab, own, json);
  // bridge says nothing until something happens
  for (let tries = 0; bridge.text === '' && tries < 100; tries++) {
    lab.run('ip', 'link', 'set', 'v1', 'type', 'bridge_slave', 'priority', String(tries % 60));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const before = own.text.length;
  const commands = `
    vlan add dev v1 vid 5 pvid untagged
    vlan add dev v1 vid 10-20
    vlan add dev br0 vid 7 self
    vlan set dev v1 vid 5 state blocking
    vlan set dev v1 vid 10-12 state learning
    vlan global set dev br0 vid 7 mcast_snooping 0
    vlan del dev v1 vid 10-20`;
  for (const command of commands.trim().split('\n')) lab.run('bridge', ...command.trim().split(' '));
  lab.run('ip', 'link', 'del', 'br0');
  await settled(lab, own, json);
  await bridge.prints(/\[LINK\]Deleted \d+: br0: /);
  const theirs = [...bridge.text.matchAll(/^\[VLAN\].*\n {20}.*\n/gm)].map(([text]) => text);
  const ours = cleaned(own.text.slice(before)).match(/^\[VLAN\].*\n {20}.*\n/gm);
  t.same(ours, theirs);
  t.ok(theirs.length >= 10);
  t.match(json.text, '"object":"vlan"');
  t.match(json.text, '"range":20');
});
