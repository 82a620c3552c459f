import t, { type Test, test } from 'tap';
import { DockerNetwork, Driver, type Json } from '../../docker/support/driver.js';
import {
  firstContainer,
  type RecordedCall,
  recording,
  replay,
  withOptions,
} from '../../docker/support/replay.js';
import { Lab } from '../../support/lab.js';

// each program takes its time on this kernel
t.setTimeout(300_000);

const calls = recording('macvlan');
const networkId = (
  JSON.parse(calls.find(({ path }) => path.endsWith('.CreateNetwork'))?.body ?? '{}') as { NetworkID: string }
).NetworkID;

interface Link {
  readonly ifname: string;
  readonly link?: string;
  readonly linkinfo?: { readonly info_kind: string; readonly info_data: Json };
}

class Host {
  readonly lab: Lab;
  readonly neighbour: Lab;
  readonly driver: Driver;
  readonly #t: Test;
  constructor(t: Test) {
    this.#t = t;
    this.lab = new Lab(t, 'docker');
    this.neighbour = new Lab(t, 'near');
    this.driver = new Driver(t, this.lab);
    this.lab.run('ip', 'link', 'set', 'lo', 'up');
    this.lab.run(
      'ip',
      'link',
      'add',
      'up0',
      'type',
      'veth',
      'peer',
      'name',
      'near0',
      'netns',
      this.neighbour.name,
    );
    this.lab.run('ip', 'link', 'set', 'up0', 'up');
    this.neighbour.run('ip', 'link', 'set', 'near0', 'up');
  }

  get links(): Link[] {
    return this.lab.ip('link') as Link[];
  }

  link(name: string): Link | undefined {
    return this.links.find(({ ifname }) => ifname === name);
  }

  /** Replays the network with other options; judges the containers' links, and that nothing is left behind. */
  async play(
    generic: Json,
    data: Json,
    connected: (one: Lab, two: Lab | undefined) => Promise<void>,
    recorded: readonly RecordedCall[] = calls,
    options: Json = {},
  ): Promise<void> {
    const t = this.#t;
    const before = this.links.map(({ ifname }) => ifname);
    const title = JSON.stringify(generic);
    t.comment(title);
    await replay(t, this.driver, this.lab, withOptions(recorded, generic, options), {
      twice: true,
      sameAnswers: false,
      connected: async ([one, two]) => {
        for (const lab of [one, two]) {
          if (lab === undefined) continue;
          const [link] = lab.ip('link', 'show', 'eth0') as Link[];
          t.equal(link?.linkinfo?.info_kind, generic.type, title);
          t.match(link?.linkinfo?.info_data, data, title);
        }
        await connected(one as Lab, two);
      },
    });
    t.same(
      this.links.map(({ ifname }) => ifname),
      before,
      `${title}: nothing is left`,
    );
  }
}

const reaches = (lab: Lab, address: string, patience = '3'): boolean =>
  lab.namespace.execSync('ping', ['-n', '-c1', '-W', patience, address]).status === 0;
const TWO = '10.45.0.3';
const NEAR = '10.45.0.200';

test('modes of macvlan', async (t) => {
  const host = new Host(t);
  await host.driver.start();
  host.neighbour.run('ip', 'address', 'add', `${NEAR}/24`, 'dev', 'near0');
  for (const [mode, together] of [
    ['', true],
    ['bridge', true],
    ['private', false],
    ['vepa', false],
  ] as const) {
    const option = mode === '' ? {} : { macvlan_mode: mode };
    await host.play(
      { type: 'macvlan', parent: 'up0', ...option },
      { mode: mode || 'bridge' },
      async (one, two) => {
        t.equal(reaches(one, TWO, together ? '3' : '1'), together, `${mode}: each other`);
        for (const lab of [one, two as Lab]) t.ok(reaches(lab, NEAR), `${mode}: a neighbour of the host`);
      },
    );
  }
  await host.play(
    { type: 'macvlan', parent: 'up0', macvlan_mode: 'passthru', 'com.docker.network.driver.mtu': '1400' },
    { mode: 'passthru' },
    async (one) => {
      t.equal(one.ip('link', 'show', 'eth0')[0].mtu, 1400);
      t.ok(reaches(one, NEAR), 'passthru');
    },
    firstContainer(calls),
  );
});

test('modes of ipvlan', async (t) => {
  const host = new Host(t);
  await host.driver.start();
  host.neighbour.run('ip', 'address', 'add', `${NEAR}/24`, 'dev', 'near0');
  for (const mode of ['l2', 'l3', 'l3s']) {
    await host.play({ type: 'ipvlan', parent: 'up0', ipvlan_mode: mode }, { mode }, async (one) => {
      t.ok(reaches(one, TWO), `${mode}: each other`);
      const [route] = one.ip('route', 'show', 'default') as { gateway?: string; dev: string }[];
      t.match(route, { dev: 'eth0' });
      t.equal(route?.gateway, mode === 'l2' ? '10.45.0.1' : undefined, `${mode}: the gateway`);
      if (mode === 'l2') t.ok(reaches(one, NEAR), `${mode}: a neighbour of the host`);
    });
  }
  for (const flag of ['private', 'vepa']) {
    const generic = { type: 'ipvlan', parent: 'up0', ipvlan_flag: flag };
    await host.play(generic, { mode: 'l2', [flag]: true }, async (one) => {
      t.notOk(reaches(one, TWO, '1'), `${flag}: not each other`);
      t.ok(reaches(one, NEAR), `${flag}: a neighbour of the host`);
    });
  }
});

test('parents that are made on demand', async (t) => {
  const host = new Host(t);
  await host.driver.start();
  host.neighbour.run('ip', 'link', 'add', 'near0.10', 'link', 'near0', 'type', 'vlan', 'id', '10');
  host.neighbour.run('ip', 'link', 'set', 'near0.10', 'up');
  host.neighbour.run('ip', 'address', 'add', `${NEAR}/24`, 'dev', 'near0.10');
  for (const type of ['macvlan', 'ipvlan']) {
    await host.play({ type, parent: 'up0.10' }, {}, async (one) => {
      t.match(host.link('up0.10'), {
        link: 'up0',
        linkinfo: { info_kind: 'vlan', info_data: { protocol: '802.1Q', id: 10 } },
      });
      t.ok(reaches(one, TWO), 'each other');
      t.ok(reaches(one, NEAR), 'a neighbour in the VLAN');
    });
    const dummy = `${type === 'macvlan' ? 'dm' : 'di'}-${networkId.slice(0, 12)}`;
    await host.play({ type }, {}, async (one) => {
      t.match(host.link(dummy), { linkinfo: { info_kind: 'dummy' } });
      t.ok(reaches(one, TWO), 'each other');
      t.same(one.ip('route', 'show', 'default'), [], 'such a network is internal');
    });
  }
  // a VLAN that was there stays
  host.lab.run('ip', 'link', 'add', 'up0.10', 'link', 'up0', 'type', 'vlan', 'id', '10');
  host.lab.run('ip', 'link', 'set', 'up0.10', 'up');
  await host.play({ type: 'macvlan', parent: 'up0.10' }, { mode: 'bridge' }, async (one) => {
    t.ok(reaches(one, NEAR));
  });
  t.not(host.link('up0.10'), undefined);
  host.lab.run('ip', 'link', 'delete', 'up0.10');
});

test('networks that share a parent, and what is refused', async (t) => {
  const host = new Host(t);
  await host.driver.start();
  const before = host.links.length;
  const networks = Array.from({ length: 2 }, () => new DockerNetwork(host.driver));
  for (const [i, network] of networks.entries()) {
    const made = await network.create({ type: 'macvlan', parent: 'up0.20' }, [`10.${50 + i}.0.0/24`]);
    t.equal(made.status, 200, JSON.stringify(made.body));
  }
  for (const [generic, why] of [
    [{ type: 'ipvlan', parent: 'up0.20' }, /parent of the macvlan network/],
    [{ type: 'macvlan', parent: 'up0.20', macvlan_mode: 'passthru' }, /passthru is for one network alone/],
    [{ type: 'macvlan', parent: 'up0.4095' }, /no link "up0\.4095"/],
  ] as const) {
    const refused = await new DockerNetwork(host.driver).create(generic, ['10.60.0.0/24']);
    t.match(refused.body.Err, why);
  }
  const [one, two] = networks as [DockerNetwork, DockerNetwork];
  // killed, and the machine restarted: the VLAN is made again
  await host.driver.stop('SIGKILL');
  host.lab.run('ip', 'link', 'delete', 'up0.20');
  await host.driver.start();
  t.match(host.link('up0.20'), { linkinfo: { info_kind: 'vlan', info_data: { id: 20 } } });
  await one.delete();
  t.not(host.link('up0.20'), undefined, 'the other network has it');
  await two.delete();
  t.equal(host.links.length, before);
});
