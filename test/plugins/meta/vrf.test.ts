import { test } from 'tap';
import { Namespace } from '../../../host/namespace/namespace.js';
import { linkNames, succeeds } from '../main/support/child-link.js';
import { CniHost, type Json } from '../support/host.js';
import { Resident } from '../support/resident.js';

// what the kernel needs vrf for is in test/kernel/suites

function configOf(extra: Json = {}): Json {
  const prevResult = { interfaces: [{ name: 'eth0' }] };
  return { cniVersion: '1.1.0', name: 'net', type: 'vrf', vrfname: 'blue', prevResult, ...extra };
}

test('what is wrong with a config, or in the way', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const container = host.container();
  const { lab } = container;
  lab.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'net1');
  lab.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  lab.run('ip', 'link', 'set', 'net1', 'master', 'br0');
  const before = container.state();
  const name = 'configuration is expected to have a valid vrf name';
  const wrong: [Json, number, RegExp | string, string?][] = [
    [{ vrfname: 7 }, 6, 'failed to load netconf: vrfname: expected a string, got 7'],
    [{ vrfname: undefined }, 7, name],
    [{ vrfname: '' }, 7, name],
    [{ vrfname: 'a-name-of-sixteen' }, 7, `${name}, got "a-name-of-sixteen"`],
    [{ vrfname: 'a/b' }, 7, `${name}, got "a/b"`],
    [{ vrfname: 'a b' }, 7, `${name}, got "a b"`],
    [{ vrfname: '..' }, 7, `${name}, got ".."`],
    [{ table: 'x' }, 6, /table: expected a whole number from 0 to 4294967295, got "x"/],
    [{ table: -1 }, 6, /table: expected a whole number from 0 to 4294967295, got -1/],
    [{ table: 2 ** 32 }, 6, /table: expected a whole number from 0 to 4294967295/],
    [{ prevResult: undefined }, 7, 'missing prevResult from earlier plugin'],
    [{ prevResult: { ips: [{ address: 'x' }] } }, 6, /ips\[0\].address: expected an address/],
    [{}, 999, 'cmdAdd failed: could not get link by name eth9: Link not found', 'eth9'],
    [{}, 999, 'cmdAdd failed: interface net1 has already a master set: br0', 'net1'],
    [{ vrfname: 'br0' }, 999, 'cmdAdd failed: Netlink br0 is not a VRF'],
    // a VRF of the interface's own name
    [{ vrfname: 'eth0' }, 999, 'cmdAdd failed: Netlink eth0 is not a VRF'],
    [{ vrfname: 'lo' }, 999, 'cmdAdd failed: Netlink lo is not a VRF'],
  ];
  for (const [extra, code, msg, ifname = 'eth0'] of wrong) {
    const added = await plugins.run('vrf', 'ADD', configOf(extra), container, { CNI_IFNAME: ifname });
    t.equal(added.status, 1);
    t.match(added.json, { code, msg }, JSON.stringify(extra));
    t.same(container.state(), before, JSON.stringify(extra));
  }
  t.match((await plugins.run('vrf', 'ADD', configOf(), container, { CNI_NETNS: '/x' })).json, {
    msg: /failed to open netns "\/x"/,
  });
  const told: [Json, RegExp | string][] = [
    [{ prevResult: undefined }, 'missing prevResult from earlier plugin'],
    [{}, 'could not get link by name blue: Link not found'],
    [{ vrfname: 'br0' }, 'Netlink br0 is not a VRF'],
  ];
  for (const [extra, msg] of told) {
    t.match((await plugins.run('vrf', 'CHECK', configOf(extra), container)).json, { code: 999, msg });
  }
  t.match((await plugins.run('vrf', 'STATUS', configOf({ vrfname: '' }))).json, { code: 7, msg: name });
  t.match((await plugins.run('vrf', 'VERSION', {})).json, {
    supportedVersions: ['0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  });
  t.match((await plugins.run('vrf', 'ADD', configOf({ cniVersion: '0.3.0' }), container)).json, {
    code: 1,
    msg: 'incompatible CNI versions',
  });
});

test('DEL where there is nothing of ours', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const plugins = new Resident(t, host);
  const container = host.container();
  const { lab } = container;
  lab.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  lab.run('ip', 'link', 'add', 'eth0', 'master', 'br0', 'type', 'veth', 'peer', 'name', 'net1');
  const before = container.state();
  for (const extra of [
    {},
    { vrfname: 'br0' },
    { vrfname: undefined },
    { vrfname: 7, table: 'x', prevResult: 8 },
    { prevResult: undefined },
    { vrfname: 'lo' },
    { vrfname: 'eth0' },
  ]) {
    succeeds(t, await plugins.run('vrf', 'DEL', configOf(extra), container), JSON.stringify(extra));
    t.same(container.state(), before, JSON.stringify(extra));
  }
  succeeds(t, await plugins.run('vrf', 'DEL', configOf(), container, { CNI_IFNAME: 'eth9' }), 'no interface');
  succeeds(
    t,
    await plugins.run('vrf', 'DEL', configOf(), container, { CNI_NETNS: '' }),
    'no namespace given',
  );
  Namespace.delete(lab.name);
  lab.namespace.close();
  succeeds(t, await plugins.run('vrf', 'DEL', configOf(), container), 'namespace gone');
  t.same(linkNames(host), ['lo']);
});
