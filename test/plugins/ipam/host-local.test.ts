import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { Environment } from '../../../host/cni/arguments.js';
import { hostLocal } from '../../../host/plugins/ipam/host-local/host-local.js';
import { comparable, environment, hasReference, runOurs, runReference } from '../../cni/support/reference.js';
import { contents, leased, temporaryDirectory } from './support/leases.js';

const skip = !hasReference;
// biome-ignore lint/suspicious/noExplicitAny: configs are as odd as they like
type Config = Record<string, any>;

function network(dataDir: string, ipam: Config, rest: Config = {}): Config {
  return {
    cniVersion: '1.0.0',
    name: 'net',
    type: 'any',
    ...rest,
    ipam: { type: 'host-local', dataDir, ...ipam },
  };
}

interface Case {
  title: string;
  ipam: Config;
  rest?: Config;
  env?: Partial<Environment>;
}

const accepted: Case[] = [
  { title: 'one subnet', ipam: { subnet: '10.1.2.0/24' } },
  {
    title: 'range, gateway and routes',
    ipam: {
      subnet: '10.1.0.0/16',
      rangeStart: '10.1.5.1',
      rangeEnd: '10.1.5.9',
      gateway: '10.1.5.1',
      routes: [{ dst: '0.0.0.0/0' }, { dst: '10.0.0.0/8', gw: '10.1.5.2' }],
    },
  },
  { title: 'gateway outside', ipam: { subnet: '10.1.2.0/24', gateway: '192.168.0.1' } },
  {
    title: 'range from the network address to broadcast',
    ipam: { subnet: '10.1.2.0/30', rangeStart: '10.1.2.0', rangeEnd: '10.1.2.3' },
  },
  { title: 'IPv6', ipam: { subnet: '2001:DB8:0::/64' } },
  { title: 'IPv6 /126', ipam: { subnet: '2001:db8::/126' } },
  {
    title: 'both families',
    ipam: { ranges: [[{ subnet: '10.1.2.0/24' }], [{ subnet: 'fd00::/64', gateway: 'fd00::99' }]] },
  },
  { title: 'legacy range and ranges', ipam: { subnet: '10.1.2.0/24', ranges: [[{ subnet: 'fd00::/64' }]] } },
  {
    title: 'set of two ranges',
    ipam: {
      ranges: [
        [{ subnet: '10.1.2.0/24', rangeStart: '10.1.2.9', rangeEnd: '10.1.2.9' }, { subnet: '10.3.0.0/24' }],
      ],
    },
  },
  {
    title: 'ranges of the runtime',
    ipam: { ranges: [[{ subnet: 'fd00::/64' }]] },
    rest: { runtimeConfig: { ipRanges: [[{ subnet: '10.9.0.0/24', rangeStart: '10.9.0.50' }]] } },
  },
  {
    title: 'ranges of the runtime as go-cni spells them',
    ipam: {},
    rest: {
      runtimeConfig: { ipRanges: [[{ Subnet: '10.9.0.0/24', RangeStart: '', RangeEnd: '', Gateway: '' }]] },
    },
  },
  {
    title: 'version 0.2.0',
    ipam: { ranges: [[{ subnet: '10.1.2.0/24' }], [{ subnet: 'fd00::/64' }]] },
    rest: { cniVersion: '0.2.0' },
  },
  { title: 'version 0.4.0', ipam: { subnet: '10.1.2.0/24' }, rest: { cniVersion: '0.4.0' } },
  { title: 'IP of CNI_ARGS', ipam: { subnet: '10.1.2.0/24' }, env: { args: 'IP=10.1.2.77' } },
  { title: 'IP of CNI_ARGS with a length', ipam: { subnet: '10.1.2.0/24' }, env: { args: 'IP=10.1.2.77/8' } },
  {
    title: 'what Kubernetes puts into CNI_ARGS',
    ipam: { subnet: '10.1.2.0/24' },
    env: { args: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0' },
  },
  {
    title: 'IP of args.cni',
    ipam: { subnet: '10.1.2.0/24' },
    rest: { args: { cni: { ips: ['10.1.2.66'] } } },
  },
  {
    title: 'IP of the runtime',
    ipam: { subnet: '10.1.2.0/24' },
    rest: { runtimeConfig: { ips: ['10.1.2.55/24'] } },
  },
  {
    title: 'an IP of each family',
    ipam: { ranges: [[{ subnet: '10.1.2.0/24' }], [{ subnet: 'fd00::/64' }]] },
    rest: { runtimeConfig: { ips: ['fd00:0::77', '10.1.2.55/24'] } },
  },
  {
    title: 'the same IP asked for in two ways',
    ipam: { subnet: '10.1.2.0/24' },
    rest: { runtimeConfig: { ips: ['10.1.2.55/24', '10.1.2.55'] } },
  },
];

t.test('accepted: the same result and the same files as the reference', { skip }, async (t) => {
  for (const { title, ipam, rest, env } of accepted) {
    const [mine, other] = [temporaryDirectory(t), temporaryDirectory(t)];
    for (const containerId of ['one', 'two', 'three']) {
      const call = environment({ ...env, containerId });
      const theirs = runReference('host-local', call, network(other, ipam, rest));
      const ours = await runOurs(hostLocal, call, network(mine, ipam, rest));
      t.equal(ours.status, theirs.status, `${title}: status; ${theirs.stdout} ${ours.text}`);
      if (theirs.status === 0) t.same(comparable(ours.output), comparable(theirs.json), title);
      else t.equal(ours.error?.msg, theirs.json.msg, `${title}: text`);
      t.same(contents(join(mine, 'net')), contents(join(other, 'net')), `${title}: files`);
    }
    for (const containerId of ['two', 'none', 'two', 'one', 'three']) {
      const call = environment({ ...env, containerId, command: 'DEL' });
      t.equal(runReference('host-local', call, network(other, ipam, rest)).status, 0, title);
      t.equal((await runOurs(hostLocal, call, network(mine, ipam, rest))).status, 0, title);
      t.same(contents(join(mine, 'net')), contents(join(other, 'net')), `${title}: files after DEL`);
    }
  }
});

const refused: Case[] = [
  { title: 'no ranges', ipam: {} },
  { title: 'empty ranges', ipam: { ranges: [] } },
  { title: 'empty range set', ipam: { ranges: [[]] } },
  { title: '/31', ipam: { subnet: '10.0.0.0/31' } },
  { title: '/127', ipam: { subnet: 'fd00::/127' } },
  { title: 'host bits', ipam: { subnet: '10.1.2.3/24' } },
  { title: 'start outside', ipam: { subnet: '10.1.2.0/24', rangeStart: '10.1.3.1' } },
  { title: 'end outside', ipam: { subnet: '10.1.2.0/24', rangeEnd: '10.1.3.1' } },
  {
    title: 'start behind end',
    ipam: { subnet: '10.1.2.0/24', rangeStart: '10.1.2.9', rangeEnd: '10.1.2.3' },
  },
  { title: 'start of the other family', ipam: { subnet: '10.1.2.0/24', rangeStart: 'fd00::1' } },
  {
    title: 'both families in a set',
    ipam: { ranges: [[{ subnet: '10.1.2.0/24' }, { subnet: 'fd00::/64' }]] },
  },
  {
    title: 'overlap in a set',
    ipam: {
      ranges: [
        [
          { subnet: '10.1.0.0/24', rangeEnd: '10.1.0.5' },
          { subnet: '10.1.0.0/24', rangeStart: '10.1.0.4', rangeEnd: '10.1.0.9' },
        ],
      ],
    },
  },
  {
    title: 'overlap of sets',
    ipam: { subnet: '10.1.2.0/24', ranges: [[{ subnet: 'fd00::/64' }], [{ subnet: '10.1.0.0/16' }]] },
  },
  { title: 'second set wrong', ipam: { subnet: '10.1.2.0/24', ranges: [[{ subnet: '10.1.3.1/24' }]] } },
  { title: 'range without subnet', ipam: { ranges: [[{ rangeStart: '10.1.2.3' }]] } },
  {
    title: 'two IPv4 sets in 0.2.0',
    ipam: { ranges: [[{ subnet: '10.1.2.0/24' }], [{ subnet: '10.1.3.0/24' }]] },
    rest: { cniVersion: '0.2.0' },
  },
  { title: 'pair without =', ipam: { subnet: '10.1.2.0/24' }, env: { args: 'IP' } },
  { title: 'unknown args', ipam: { subnet: '10.1.2.0/24' }, env: { args: 'FOO=bar;X=y' } },
  { title: 'IgnoreUnknown of nonsense', ipam: { subnet: '10.1.2.0/24' }, env: { args: 'IgnoreUnknown=yes' } },
  { title: 'IP of the gateway', ipam: { subnet: '10.1.2.0/24' }, env: { args: 'IP=10.1.2.1' } },
  { title: 'IP outside', ipam: { subnet: '10.1.2.0/24' }, env: { args: 'IP=10.9.9.9' } },
  {
    title: 'two IPs, one outside',
    ipam: { ranges: [[{ subnet: '10.1.2.0/24' }], [{ subnet: 'fd00::/64' }]] },
    rest: { runtimeConfig: { ips: ['10.1.2.5', '10.8.8.8'] } },
  },
  { title: 'no resolv.conf', ipam: { subnet: '10.1.2.0/24', resolvConf: '/no/such/file' } },
];
const refusedInOwnWords: Case[] = [
  { title: 'subnet of nonsense', ipam: { subnet: 'x' } },
  { title: 'subnet without length', ipam: { subnet: '10.1.2.0' } },
  { title: 'gateway of nonsense', ipam: { subnet: '10.1.2.0/24', gateway: '10.1.2' } },
  { title: 'IP of nonsense', ipam: { subnet: '10.1.2.0/24' }, env: { args: 'IP=foo' } },
  { title: 'subnet a number', ipam: { subnet: 5 } },
  { title: 'ranges no list', ipam: { ranges: {} } },
  { title: 'ranges a list of ranges', ipam: { ranges: [{ subnet: '10.1.2.0/24' }] } },
  { title: 'route of nonsense', ipam: { subnet: '10.1.2.0/24', routes: [{ dst: '10.0.0.1' }] } },
  { title: 'ipam a text', ipam: {}, rest: { ipam: 'host-local' } },
];

t.test('refused: the reference’s text, and nothing is leased', { skip }, async (t) => {
  for (const { title, ipam, rest, env } of [...refused, ...refusedInOwnWords]) {
    const [mine, other] = [temporaryDirectory(t), temporaryDirectory(t)];
    const call = environment(env);
    const theirs = runReference('host-local', call, network(other, ipam, rest));
    const ours = await runOurs(hostLocal, call, network(mine, ipam, rest));
    t.equal(theirs.status, 1, `${title}: refused by the reference`);
    t.equal(ours.status, 1, `${title}: refused`);
    if (refused.some((one) => one.title === title)) t.equal(ours.error?.msg, theirs.json.msg, title);
    t.same(leased(join(mine, 'net')), [], title);
    // a config that ADD has refused is no obstacle for DEL
    const del = await runOurs(hostLocal, { ...call, command: 'DEL' }, network(mine, ipam, rest));
    t.equal(del.status, 0, `${title}: DEL; ${del.text}`);
  }
});

t.test('resolv.conf', { skip }, async (t) => {
  const directory = temporaryDirectory(t);
  const resolvConf = join(directory, 'resolv.conf');
  const lines = [
    '# search x',
    '; y z',
    ' nameserver  1.1.1.1 extra',
    'nameserver fd00::1',
    'domain a',
    'domain b.c',
    'search d e',
    'search f',
    'options ndots:5 rotate',
    'nameserver',
    'sortlist 1',
    '',
  ];
  writeFileSync(resolvConf, lines.join('\n'));
  const config = network(join(directory, 'leases'), { subnet: '10.1.2.0/24', resolvConf });
  const theirs = runReference('host-local', environment(), config);
  const ours = await runOurs(hostLocal, environment({ containerId: 'other' }), config);
  t.same((ours.output as Config).dns, theirs.json.dns);
  t.same(theirs.json.dns.search, ['d', 'e', 'f']);
});

// one directory that only the reference touches, one that both plugins do: they must not differ at any time
const ranges: Config[] = [
  { subnet: '10.1.2.0/29' },
  { subnet: '10.1.2.0/28', rangeStart: '10.1.2.3', rangeEnd: '10.1.2.6', gateway: '10.1.2.4' },
  {
    ranges: [
      [{ subnet: '10.1.2.0/29' }, { subnet: '10.1.3.0/29', gateway: '10.1.3.3' }],
      [{ subnet: 'fd00::/125' }],
    ],
  },
];
const step = fc.record({
  command: fc.constantFrom('ADD', 'ADD', 'ADD', 'DEL', 'DEL', 'CHECK'),
  containerId: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
  ifname: fc.constantFrom('eth0', 'eth0', 'net1'),
  args: fc.constantFrom('', '', '', 'IP=10.1.2.5', 'IP=10.1.2.6/24', 'IP=fd00::3', 'IP=10.1.2.1'),
  ours: fc.boolean(),
});
t.test('in turns with the reference: as if there were one plugin', { skip }, async (t) => {
  let full = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ranges),
      fc.array(step, { minLength: 10, maxLength: 25 }),
      async (ipam, steps) => {
        const [mixed, pure] = [temporaryDirectory(t), temporaryDirectory(t)];
        for (const { ours, ...change } of steps) {
          const call = environment(change);
          // where a repeated ADD fails, the reference takes the first one's addresses away: see below
          const owner = `${change.containerId}\r\n${change.ifname}`;
          if (change.command === 'ADD' && Object.values(contents(join(pure, 'net'))).includes(owner))
            continue;
          const theirs = runReference('host-local', call, network(pure, ipam));
          const config = network(mixed, ipam);
          let status: number;
          let said: unknown;
          if (ours) {
            const outcome = await runOurs(hostLocal, call, config);
            status = outcome.status;
            said = outcome.error?.msg ?? comparable(outcome.output);
          } else {
            const outcome = runReference('host-local', call, config);
            status = outcome.status;
            said = outcome.json?.msg ?? comparable(outcome.json);
          }
          if (/no IP addresses available/.test(theirs.stdout)) full++;
          const wanted = theirs.json?.msg ?? comparable(theirs.json);
          const [here, there] = [contents(join(mixed, 'net')), contents(join(pure, 'net'))];
          const same =
            status === theirs.status &&
            JSON.stringify(said) === JSON.stringify(wanted) &&
            (Object.keys(here).length === 0 || JSON.stringify(here) === JSON.stringify(there));
          if (!same) {
            t.comment({ change, ours, said, wanted, here, there });
            return false;
          }
        }
        return true;
      },
    ),
    { numRuns: 25 },
  );
  t.ok(full > 0, 'ranges were exhausted on the way');
});

t.test('a repeated ADD is refused, and takes nothing away', async (t) => {
  const directory = temporaryDirectory(t);
  const config = network(directory, { ranges: [[{ subnet: '10.1.2.0/24' }], [{ subnet: 'fd00::/64' }]] });
  t.equal((await runOurs(hostLocal, environment(), config)).status, 0);
  const { error } = await runOurs(hostLocal, environment(), config);
  t.match(error, {
    code: 999,
    msg: 'failed to allocate for range 0: 10.1.2.2 has been allocated to container-1, duplicate allocation is not allowed',
  });
  const asked = await runOurs(hostLocal, environment({ args: 'IP=10.1.2.9' }), config);
  t.match(asked.error?.msg, /^failed to allocate for range 1: fd00::2 has been allocated/);
  t.same(leased(join(directory, 'net')), ['10.1.2.2', 'fd00::2']);
});

t.test('files: modes, contents, old formats, what a crash left', async (t) => {
  const directory = temporaryDirectory(t);
  const config = network(directory, { subnet: '10.1.2.0/24' });
  const store = join(directory, 'net');
  const mask = process.umask(0);
  t.teardown(() => process.umask(mask));
  t.equal((await runOurs(hostLocal, environment(), config)).status, 0);
  process.umask(mask);
  const mode = (name: string): string => (statSync(join(store, name)).mode & 0o777).toString(8);
  t.equal(mode('.'), '755');
  t.equal(mode('lock'), '750');
  t.equal(mode('10.1.2.2'), '600');
  t.equal(mode('last_reserved_ip.0'), '600');
  t.same(contents(store), { '10.1.2.2': 'container-1\r\neth0', 'last_reserved_ip.0': '10.1.2.2', lock: '' });

  writeFileSync(join(store, '10.1.2.3'), ''); // of an old plugin that was killed
  writeFileSync(join(store, '.netloom-draft'), 'container-2\r\neth0'); // of ours
  const next = await runOurs(hostLocal, environment({ containerId: 'container-2' }), config);
  t.match(next.output, { ips: [{ address: '10.1.2.3/24' }] }, 'an empty file is nobody’s');
  t.same(leased(store), ['10.1.2.2', '10.1.2.3']);

  writeFileSync(join(store, '10.1.2.9'), ' container-3 \n'); // without the interface's name
  t.equal(
    (await runOurs(hostLocal, environment({ command: 'CHECK', containerId: 'container-3' }), config)).status,
    0,
  );
  writeFileSync(join(store, '.netloom-draft'), 'container-9\r\neth0');
  for (const containerId of ['container-3', 'container-2', 'container-1']) {
    t.equal((await runOurs(hostLocal, environment({ command: 'DEL', containerId }), config)).status, 0);
  }
  t.same(leased(store), []);
  writeFileSync(join(store, 'last_reserved_ip.0'), '10.1.2.7\n');
  t.match((await runOurs(hostLocal, environment(), config)).output, { ips: [{ address: '10.1.2.2/24' }] });
});

t.test('DEL and CHECK of a network that never was make no directory', async (t) => {
  const directory = temporaryDirectory(t);
  const config = network(directory, { subnet: '10.1.2.0/24' });
  t.equal((await runOurs(hostLocal, environment({ command: 'DEL' }), config)).status, 0);
  const { error } = await runOurs(hostLocal, environment({ command: 'CHECK' }), config);
  t.equal(error?.msg, 'host-local: Failed to find address added by container container-1');
  t.same(contents(directory), {});
});

t.test('GC gives back what is not in the list', async (t) => {
  const directory = temporaryDirectory(t);
  const store = join(directory, 'net');
  const config = network(directory, { subnet: '10.1.2.0/24' }, { cniVersion: '1.1.0' });
  for (const containerId of ['a', 'b', 'c']) {
    t.equal((await runOurs(hostLocal, environment({ containerId }), config)).status, 0);
  }
  t.equal((await runOurs(hostLocal, environment({ containerId: 'a', ifname: 'net1' }), config)).status, 0);
  writeFileSync(join(store, '10.1.2.50'), 'old');
  writeFileSync(join(store, '10.1.2.51'), 'older');
  writeFileSync(join(store, '10.1.2.52'), '');
  writeFileSync(join(store, 'README'), 'not ours');
  const valid = [
    { containerID: 'a', ifname: 'eth0' },
    { containerID: 'c', ifname: 'eth0' },
    { containerID: 'old', ifname: 'eth0' },
  ];
  const env = environment({ command: 'GC', containerId: '', netns: '', ifname: '' });
  const gc = await runOurs(hostLocal, env, { ...config, 'cni.dev/valid-attachments': valid });
  t.equal(gc.status, 0);
  t.same(leased(store), ['10.1.2.2', '10.1.2.4', '10.1.2.50', 'README']);
});

t.test('STATUS: 50 when a set is full', async (t) => {
  const directory = temporaryDirectory(t);
  const ranges = [[{ subnet: 'fd00::/64' }], [{ subnet: '10.1.2.0/29', rangeEnd: '10.1.2.3' }]];
  const config = network(directory, { ranges }, { cniVersion: '1.1.0' });
  const env = environment({ command: 'STATUS', containerId: '', netns: '', ifname: '' });
  t.equal((await runOurs(hostLocal, env, config)).status, 0, 'before there is a directory');
  for (const containerId of ['a', 'b']) {
    t.equal((await runOurs(hostLocal, env, config)).status, 0);
    t.equal((await runOurs(hostLocal, environment({ containerId }), config)).status, 0);
  }
  t.same((await runOurs(hostLocal, env, config)).output, {
    cniVersion: '1.1.0',
    code: 50,
    msg: 'no IP addresses available in range set: 10.1.2.1-10.1.2.3',
  });
  const { error } = await runOurs(hostLocal, environment({ containerId: 'c' }), config);
  const msg = 'failed to allocate for range 1: no IP addresses available in range set: 10.1.2.1-10.1.2.3';
  t.match(error, { code: 999, msg });
  t.notOk(
    Object.values(contents(join(directory, 'net'))).includes('c\r\neth0'),
    'the first set’s is given back',
  );
});

t.test('a state directory that is none, or cannot be written', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'file'), '');
  const config = network(join(directory, 'file'), { subnet: '10.1.2.0/24' });
  const none = await runOurs(hostLocal, environment(), config);
  t.match(none.error, { code: 5, msg: `cannot lock the leases in ${directory}/file/net: not a directory` });

  const store = join(directory, 'net');
  mkdirSync(join(store, 'last_reserved_ip.0'), { recursive: true });
  const corrupt = await runOurs(hostLocal, environment(), network(directory, { subnet: '10.1.2.0/24' }));
  t.match(corrupt.error, {
    code: 5,
    msg: `failed to allocate for range 0: cannot write ${store}/last_reserved_ip.0: is a directory`,
  });
  t.same(leased(store), [], 'the address is given back');

  const fixed = join(directory, 'read-only');
  mkdirSync(fixed);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'none', fixed]);
  t.teardown(() => execFileSync('umount', [fixed]));
  const readOnly = await runOurs(hostLocal, environment(), network(fixed, { subnet: '10.1.2.0/24' }));
  t.match(readOnly.error, { code: 5, msg: `cannot lock the leases in ${fixed}/net: read-only file system` });
});
