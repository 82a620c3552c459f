import { existsSync } from 'node:fs';
import { type Test, test } from 'tap';
import type { Json, Side } from '../support/host.js';
import { DhcpLab, SERVER } from './support/dhcp.js';
import { DISCOVER, granting, type Heard, ip, RELEASE, REQUEST } from './support/dhcp-server.js';

const plain = ({ type, broadcast, ciaddr, options }: Heard): Json => ({
  type,
  broadcast,
  ciaddr,
  options: Object.fromEntries(
    [...options]
      // sizes are up to the client
      .filter(([code]) => code !== 57)
      // Debian's asks in random order
      .map(([code, value]) => [code, code === 55 ? (value.match(/../g) ?? []).sort() : value]),
  ),
});

interface Seen {
  readonly results: Json[];
  readonly heard: Json[];
  readonly status: (number | null)[];
}

/** One container's life, with a plugin and a daemon of either side. */
async function life(
  t: Test,
  plugin: Side,
  daemonSide: Side,
  ipam: Json,
  options: [number, number[]][],
): Promise<Seen> {
  const lab = new DhcpLab(t, granting(SERVER, { options }));
  const daemon = await lab.daemon(daemonSide);
  const container = lab.container();
  // theirs would set it up, try too early, and wait
  container.lab.run('ip', 'link', 'set', 'eth0', 'up');
  const config = lab.config(ipam);
  const how = { side: plugin, extra: { CNI_ARGS: 'NAME=pod' } };
  const done = [];
  for (const command of ['ADD', 'ADD', 'CHECK', 'DEL', 'DEL']) {
    done.push(await lab.run(command, container, config, how));
  }
  await lab.server.until(RELEASE);
  await daemon.end();
  t.same(
    done.map(({ status, stdout }) => (status === 0 ? '' : stdout)),
    ['', '', '', '', ''],
    `${plugin} plugin, ${daemonSide} daemon: ${daemon.log}`,
  );
  return {
    results: done.slice(0, 2).map(({ json: { dns: _dns, ...rest } }) => rest),
    heard: lab.server
      .of(DISCOVER, REQUEST, RELEASE)
      .map(plain)
      .map((one) =>
        JSON.parse(JSON.stringify(one).replaceAll(Buffer.from(container.id).toString('hex'), 'id')),
      ),
    status: done.map(({ status }) => status),
  };
}

const cases: Record<string, { ipam: Json; options: [number, number[]][] }> = {
  plain: { ipam: {}, options: [] },
  'options and classless routes': {
    ipam: {
      provide: [
        { option: 'host-name', fromArg: 'NAME' },
        { option: 'vendor-class-identifier', value: 'v' },
      ],
      request: [{ option: '121' }, { option: 'host-name', skipDefault: true }, { option: 'subnet-mask' }],
    },
    options: [[121, [16, 10, 5, ...ip(SERVER), 0, ...ip(SERVER)]]],
  },
  'static routes': { ipam: {}, options: [[33, [...ip('172.16.0.0'), ...ip(SERVER)]]] },
};

for (const [name, { ipam, options }] of Object.entries(cases)) {
  test(`plugin and daemon of either side: ${name}`, { timeout: 40_000 }, async (t) => {
    const twins = name === 'plain' ? (['ours', 'reference'] as const) : (['ours'] as const);
    const reference = await life(t, 'reference', 'reference', ipam, options);
    t.ok(reference.heard.length >= 3);
    for (const plugin of ['ours', ...twins.slice(1)] as Side[]) {
      const seen = await life(t, plugin, 'ours', ipam, options);
      t.same(seen.results, reference.results);
      // theirs sends a RELEASE that has more, and less, than RFC 2131 says
      t.same(seen.heard.slice(0, 2), reference.heard.slice(0, 2), 'the same on the wire');
    }
    const mixed = await life(t, 'ours', 'reference', ipam, options);
    t.same(mixed.results, reference.results);
    t.same(mixed.heard.slice(0, 2), reference.heard.slice(0, 2));
  });
}

test('errors of either daemon reach either plugin', { timeout: 60_000 }, async (t) => {
  for (const [plugin, daemonSide] of [
    ['ours', 'reference'],
    ['reference', 'ours'],
  ] as const) {
    const lab = new DhcpLab(t);
    await lab.daemon(daemonSide);
    const refused = await lab.run('ADD', lab.container(), lab.config(), {
      side: plugin,
      extra: { CNI_IFNAME: 'eth9' },
    });
    t.match(refused.json, {
      code: 999,
      msg: /^error calling DHCP\.Allocate: error looking up "eth9": Link not found/,
    });
  }
});

test('STATUS and GC with the reference’s daemon', { timeout: 60_000 }, async (t) => {
  const lab = new DhcpLab(t);
  const config = lab.config({}, { cniVersion: '1.1.0', 'cni.dev/valid-attachments': [] });
  await lab.daemon('reference');
  await lab.must('STATUS', undefined, config);
  await lab.must('GC', undefined, config);
});

test('a daemon that takes over from the other side’s', { timeout: 60_000 }, async (t) => {
  const lab = new DhcpLab(t);
  const container = lab.container();
  container.lab.run('ip', 'link', 'set', 'eth0', 'up');
  const theirs = await lab.daemon('reference');
  await lab.must('ADD', container);
  await theirs.end('SIGKILL');
  t.ok(existsSync(lab.socketPath), 'its socket stays');
  await lab.daemon('ours');
  // its leases were in its memory only
  t.match((await lab.run('CHECK', container)).json, { msg: /has no lease/ });
  await lab.must('ADD', container);
  await lab.must('DEL', container);
  t.match(await lab.server.until(RELEASE), { ciaddr: '192.168.77.10' });
});
