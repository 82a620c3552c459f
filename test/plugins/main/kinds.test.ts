import { test } from 'tap';
import { Lab } from '../../support/lab.js';
import { CniHost, type Json } from '../support/host.js';
import { Resident } from '../support/resident.js';

const plugins: Record<string, Json> = {
  vlan: { vlanId: 7 },
  dummy: {},
  vrf: { vrfname: 'blue' },
  ipvlan: {},
  macvlan: {},
};

/** Does ip(8) get such a link from the running kernel? */
function canMake(lab: Lab, kind: string): boolean {
  const own: Record<string, string[]> = { vlan: ['id', '7'], vrf: ['table', '9'] };
  const below = ['dummy', 'vrf'].includes(kind) ? [] : ['link', 'up0'];
  const args = ['link', 'add', 'try0', ...below, 'type', kind, ...(own[kind] ?? [])];
  return lab.namespace.execSync('ip', args).status === 0;
}

test('STATUS tells whether the kernel has the kind of link', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const resident = new Resident(t, host);
  host.lab.run('ip', 'link', 'add', 'up0', 'up', 'type', 'bridge');
  for (const [type, extra] of Object.entries(plugins)) {
    const config: Json = {
      cniVersion: '1.1.0',
      name: 'net',
      type,
      master: 'up0',
      ipam: { type: 'static' },
      ...extra,
    };
    const lab = new Lab(t, 'try');
    lab.run('ip', 'link', 'add', 'up0', 'up', 'type', 'bridge');
    const { status, json } = await resident.run(type, 'STATUS', config);
    if (canMake(lab, type)) t.equal(status, 0, `${type}: ${JSON.stringify(json)}`);
    else {
      const msg = `no link of kind "${type}" can be made: this kernel has none`;
      t.match(json, { cniVersion: '1.1.0', code: 50, msg }, type);
      // an ADD says so too, and leaves nothing
      const container = host.container();
      container.lab.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
      const prevResult = { interfaces: [{ name: 'eth0', sandbox: container.lab.path }] };
      const added = type === 'vrf' ? { ...config, prevResult } : config;
      if (type !== 'vrf') container.lab.run('ip', 'link', 'del', 'eth0');
      const before = container.state();
      const { json: failure } = await resident.run(type, 'ADD', added, container);
      t.match(failure, { code: 999, msg: /Unknown device type/ }, type);
      t.same(container.state(), before, `${type}: nothing is left`);
    }
    const links = (host.lab.ip('link', 'show') as { ifname: string }[]).map(({ ifname }) => ifname);
    t.same(links, ['lo', 'up0'], `${type}: asking makes nothing`);
  }
});
