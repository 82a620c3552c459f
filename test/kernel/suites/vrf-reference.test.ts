import t, { test } from 'tap';
import { linkNames } from '../../plugins/main/support/child-link.js';
import { CniHost, type Json, type Side, withoutRandom } from '../../plugins/support/host.js';

// each program takes its time on this kernel
t.setTimeout(300_000);

const prevResult = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'eth0' }],
  ips: [{ address: '10.70.0.2/24', interface: 0 }],
};

function configOf(extra: Json = {}): Json {
  return { cniVersion: '1.0.0', name: 'net', type: 'vrf', vrfname: 'blue', prevResult, ...extra };
}

test('as the reference, and each removes what the other added', { timeout: 200_000 }, async (t) => {
  const host = new CniHost(t);
  const neighbour = host.container();
  const seen: Partial<Record<Side, Json>> = {};
  for (const [side, other] of [
    ['reference', 'ours'],
    ['ours', 'reference'],
  ] as const) {
    const container = host.container();
    const { lab } = container;
    for (const [i, ifname] of ['eth0', 'net1', 'net2'].entries()) {
      const far = `${side}${i}`;
      lab.run('ip', 'link', 'add', ifname, 'type', 'veth', 'peer', 'name', far, 'netns', neighbour.lab.name);
      neighbour.lab.run('ip', 'link', 'set', far, 'up');
      lab.run('ip', 'link', 'set', ifname, 'up');
      lab.run('ip', 'addr', 'add', `10.7${i}.0.2/24`, 'dev', ifname);
      // no other routes: Debian's version loses them
    }
    const run = (by: Side, command: string, ifname: string, extra: Json = {}) =>
      host.run(by, 'vrf', command, configOf(extra), container, { CNI_IFNAME: ifname });
    const results: Json[] = [];
    for (const [ifname, extra] of [
      ['eth0', {}],
      ['net1', {}],
      // one table for two VRFs
      ['net2', { vrfname: 'red', table: 1 }],
    ] as const) {
      const added = run(side, 'ADD', ifname, extra);
      t.equal(added.status, 0, `${side}: ${added.stdout}${added.stderr}`);
      results.push(withoutRandom(added.json, container));
    }
    for (const ifname of ['eth0', 'net1'])
      t.equal(run(other, 'CHECK', ifname).status, 0, `${other} checks what ${side} added`);
    const tables = lab.ip('-4', 'route', 'show', 'table', 'all') as Json[];
    seen[side] = {
      results,
      ...container.state(),
      tables: tables.map(({ dst, table = 'main', dev }) => `${dst} ${table} ${dev}`).sort(),
      rules: lab.ip('rule', 'show'),
    };
    for (const [command, ifname, extra] of [
      ['ADD', 'eth0', { vrfname: 'red' }],
      ['ADD', 'net2', { table: 77 }],
    ] as const) {
      const { status, json } = run(side, command, ifname, extra);
      t.equal(status, 1, `${side}: ${command} of ${ifname}`);
      t.match(json, { code: 999 });
      (seen[side] as { failures?: unknown[] }).failures ??= [];
      (seen[side] as { failures: unknown[] }).failures.push(json.msg);
    }
    for (const ifname of ['eth0', 'net1']) t.equal(run(other, 'DEL', ifname).status, 0, `${other} DEL`);
    t.equal(run(other, 'DEL', 'net2', { vrfname: 'red' }).status, 0);
    t.same(linkNames(container), ['eth0', 'lo', 'net1', 'net2'], `${other} removes what ${side} added`);
  }
  t.same(seen.ours, seen.reference);
});
