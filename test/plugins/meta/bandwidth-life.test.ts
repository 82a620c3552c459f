import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { CniHost, type Json } from '../support/host.js';
import { attach, configOf, LIMITS, limited, mustRun, nothing } from './support/bandwidth.js';

test('ADD twice, DEL twice, DEL without ADD, no namespace', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const end = attach(host, container);
  const config = configOf(end);
  mustRun(t, host, 'ours', 'DEL', config, container);
  mustRun(t, host, 'ours', 'ADD', config, container);
  const once = limited(host);
  const egress = configOf(end, { egressRate: 8000, egressBurst: 8000 });
  for (const [again, msg] of [
    [config, /^create qdisc: .*exists/],
    [egress, /^adding link: file exists: bwp/],
  ] as const) {
    t.match(host.run('ours', 'bandwidth', 'ADD', again, container).json, { code: 999, msg });
    t.same(limited(host), once, 'what is there stays');
  }
  mustRun(t, host, 'ours', 'DEL', config, container);
  mustRun(t, host, 'ours', 'DEL', config, container);
  t.same(limited(host), nothing);
  // what DEL may get: a broken config, no result, no limits, no namespace, what is none
  const file = join(host.directory, 'file');
  writeFileSync(file, '');
  const cases: [Json, NodeJS.ProcessEnv][] = [
    [configOf(end, { ingressRate: 'many', ingressBurst: -1, unshapedSubnets: 7 }), {}],
    [configOf(end, { ingressRate: 1, shapedSubnets: ['x'] }), {}],
    [configOf(undefined), {}],
    [configOf(undefined, {}), {}],
    [{ ...config, prevResult: { interfaces: 'x' } }, {}],
    [config, { CNI_NETNS: '' }],
    [config, { CNI_NETNS: '/run/netns/nl-gone-bandwidth' }],
    [configOf(undefined, {}), { CNI_NETNS: file }],
  ];
  for (const [broken, extra] of cases) {
    mustRun(t, host, 'ours', 'ADD', config, container);
    mustRun(t, host, 'ours', 'DEL', broken, container, extra);
    t.same(limited(host).devices, [], JSON.stringify([broken, extra]));
    mustRun(t, host, 'ours', 'DEL', config, container);
    // without the namespace nothing tells which end it was; that goes with the pair
    for (const { dev, kind, root } of limited(host).qdiscs as {
      dev: string;
      kind: string;
      root?: boolean;
    }[]) {
      host.lab.run('tc', 'qdisc', 'delete', 'dev', dev, ...(root ? ['root'] : [kind]));
    }
  }
  mustRun(t, host, 'ours', 'ADD', config, container);
  container.lab.run('ip', 'link', 'delete', 'eth0');
  mustRun(t, host, 'ours', 'DEL', config, container);
  t.same(limited(host), nothing);
});

test('what a container left that is gone is replaced', { timeout: 60_000 }, async (t) => {
  for (const side of ['ours', 'reference'] as const) {
    const host = new CniHost(t);
    const container = host.container();
    const config = configOf(attach(host, container));
    mustRun(t, host, side, 'ADD', config, container);
    container.lab.run('ip', 'link', 'delete', 'eth0');
    t.equal(limited(host).devices.length, 1);
    attach(host, container);
    mustRun(t, host, 'ours', 'ADD', config, container);
    mustRun(t, host, 'ours', 'CHECK', config, container);
    t.equal(limited(host).devices.length, 1);
    mustRun(t, host, 'ours', 'DEL', config, container);
    t.same(limited(host), nothing);
  }
});

test('qdiscs and devices of somebody else stay', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const end = attach(host, container);
  const config = configOf(end);
  for (const [args, msg] of [
    [['root', 'handle', '7:', 'pfifo'], /^create qdisc: /],
    [['ingress'], /^create ingress qdisc: /],
  ] as const) {
    host.lab.run('tc', 'qdisc', 'add', 'dev', end, ...args);
    const before = limited(host);
    t.match(host.run('ours', 'bandwidth', 'ADD', config, container).json, { code: 999, msg });
    t.same(limited(host), before);
    mustRun(t, host, 'ours', 'DEL', config, container);
    t.same(limited(host), before);
    host.lab.run('tc', 'qdisc', 'delete', 'dev', end, ...args);
  }
});

test('GC', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const made = (side: 'ours' | 'reference', name: string, alive: boolean): { id: string; ifb: string } => {
    const container = host.container();
    const config = {
      ...configOf(attach(host, container), { egressRate: 80_000, egressBurst: 80_000 }),
      name,
    };
    const result = mustRun(t, host, side, 'ADD', config, container);
    if (!alive) container.lab.run('ip', 'link', 'delete', 'eth0');
    return { id: container.id, ifb: String((result.interfaces as Json[])[2]?.name) };
  };
  const valid = made('ours', 'net', true);
  const stale = made('ours', 'net', true);
  const dead = made('ours', 'net', false);
  const others = made('ours', 'net2', false);
  const theirs = { valid: made('reference', 'net', false), used: made('reference', 'net2', true) };
  const orphan = made('reference', 'net', false);
  // a killed ADD of ours, which had not told yet whose it is; and something of this name that is none of ours
  host.lab.run('ip', 'link', 'add', 'bwp0123456789ab', 'type', 'ifb');
  host.lab.run('ip', 'link', 'add', 'bwp-other', 'type', 'ifb');
  host.lab.run('ip', 'link', 'add', 'bwp0123456789ac', 'up', 'type', 'ifb');
  const plain = { cniVersion: '1.1.0', name: 'net', type: 'bandwidth' };
  t.equal(host.run('ours', 'bandwidth', 'GC', plain).status, 0);
  t.equal(limited(host).devices.length, 10, 'without a list nothing is garbage');
  const list = [valid, theirs.valid].map(({ id }) => ({ containerID: id, ifname: 'eth0' }));
  t.equal(host.run('ours', 'bandwidth', 'GC', { ...plain, 'cni.dev/valid-attachments': list }).status, 0);
  const kept = [valid.ifb, others.ifb, theirs.valid.ifb, theirs.used.ifb, 'bwp-other', 'bwp0123456789ac'];
  t.same(limited(host).devices.sort(), kept.sort());
  t.notOk([stale, dead, orphan].some(({ ifb }) => kept.includes(ifb)));
  t.equal(Object.keys(limited(host).redirections).length, 2, 'no redirection to nowhere is left');
  const none = { ...plain, 'cni.dev/valid-attachments': [], egressRate: 'x' };
  t.equal(host.run('ours', 'bandwidth', 'GC', none).status, 0);
  t.same(limited(host).devices.sort(), [others.ifb, theirs.used.ifb, 'bwp-other', 'bwp0123456789ac'].sort());
});

test('bad input', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const end = attach(host, container);
  const { ingressRate, ingressBurst } = LIMITS;
  const { prevResult } = configOf(end) as { prevResult: { interfaces: Json[] } };
  const cases: [Json, Json][] = [
    [{ ingressRate: 'x' }, { code: 6, msg: /^failed to parse network configuration: ingressRate: expected/ }],
    [{ egressBurst: -1 }, { code: 6, msg: /egressBurst: expected a whole number/ }],
    [{ ingressBurst: 1.5 }, { code: 6, msg: /ingressBurst: expected a whole number/ }],
    [
      { runtimeConfig: { bandwidth: { egressRate: [] } } },
      { code: 6, msg: /runtimeConfig\.bandwidth\.egressRate/ },
    ],
    [{ runtimeConfig: { bandwidth: 7 } }, { code: 6, msg: /runtimeConfig\.bandwidth: expected an object/ }],
    [{ unshapedSubnets: '10.0.0.0/8' }, { code: 6, msg: /unshapedSubnets: expected an array/ }],
    [{ shapedSubnets: [1] }, { code: 6, msg: /shapedSubnets\[0\]: expected a string/ }],
    [{ latency: 0 }, { code: 6, msg: /latency: expected a whole number from 1/ }],
    [{ maxBurst: -1 }, { code: 6, msg: /maxBurst/ }],
    [{ ingressRate }, { code: 7, msg: 'if rate is set, burst must also be set' }],
    [{ ingressBurst }, { code: 7, msg: 'if burst is set, rate must also be set' }],
    [
      { ingressRate, ingressBurst, egressRate: 8 },
      { code: 7, msg: 'if rate is set, burst must also be set' },
    ],
    [
      { ingressRate, ingressBurst: 0xffff_ffff * 8 },
      { code: 7, msg: 'burst cannot be more than 4GB' },
    ],
    [
      { ingressRate: 7, ingressBurst },
      { code: 7, msg: /ingressRate: expected at least 8 bits/ },
    ],
    [
      { egressRate: 8, egressBurst: 7 },
      { code: 7, msg: /egressBurst: expected at least 8 bits/ },
    ],
    [
      { ...LIMITS, shapedSubnets: ['10.0.0.0'] },
      { code: 7, msg: /bad subnet "10\.0\.0\.0" provided/ },
    ],
    [
      { ...LIMITS, shapedSubnets: ['10.0.0.0/8'], unshapedSubnets: ['10.0.0.0/8'] },
      { code: 7, msg: /cannot be both specified/ },
    ],
    [
      { ...LIMITS, prevResult: null },
      { code: 7, msg: 'must be called as chained plugin' },
    ],
    [{ prevResult: null }, { code: 7, msg: 'must be called as chained plugin' }],
    [
      { ...LIMITS, prevResult: { cniVersion: '1.0.0' } },
      { code: 7, msg: 'no interfaces provided' },
    ],
    [
      { ...LIMITS, prevResult: { ...prevResult, interfaces: [{ name: 'eth0', sandbox: 'x' }] } },
      { code: 999, msg: 'no veth peer of container interface found in host ns' },
    ],
    [
      { ...LIMITS, prevResult: { cniVersion: '0.2.0' } },
      { code: 999, msg: /could not parse prevResult/ },
    ],
  ];
  for (const [extra, expected] of cases) {
    const refused = host.run('ours', 'bandwidth', 'ADD', configOf(end, extra), container);
    t.match(refused.json, expected, JSON.stringify(extra));
    t.equal(refused.status, 1);
  }
  const add = (extra: NodeJS.ProcessEnv): Json =>
    host.run('ours', 'bandwidth', 'ADD', configOf(end), container, extra).json;
  t.match(add({ CNI_IFNAME: 'net7' }), {
    msg: 'container interface net7 has no veth peer: could not look up "net7": Link not found',
  });
  t.match(add({ CNI_NETNS: '/run/netns/nl-gone-bandwidth' }), { msg: /^failed to open netns / });
  // a pair whose other end is in a third namespace
  const third = host.container();
  container.lab.run(
    'ip',
    'link',
    'add',
    'net1',
    'type',
    'veth',
    'peer',
    'name',
    'x',
    'netns',
    third.lab.name,
  );
  t.match(add({ CNI_IFNAME: 'net1' }), { msg: /^veth peer with index \d+ is not in host ns$/ });
  t.same(limited(host), nothing);
});

test('versions and STATUS', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  t.same(host.run('ours', 'bandwidth', 'VERSION', {}).json.supportedVersions, [
    '0.3.0',
    '0.3.1',
    '0.4.0',
    '1.0.0',
    '1.1.0',
  ]);
  for (const cniVersion of ['0.3.0', '0.3.1', '0.4.0', '1.1.0']) {
    const container = host.container();
    const end = attach(host, container);
    const config = { ...configOf(end), cniVersion };
    (config as Json).prevResult = { cniVersion, interfaces: [{ name: end }] };
    t.match(mustRun(t, host, 'ours', 'ADD', config, container), { cniVersion, interfaces: { length: 2 } });
    mustRun(t, host, 'ours', 'DEL', config, container);
  }
  const plain = { cniVersion: '1.1.0', name: 'net', type: 'bandwidth' };
  for (const extra of [{}, { shapedSubnets: ['10.0.0.0/8'] }]) {
    t.equal(host.run('ours', 'bandwidth', 'STATUS', { ...plain, ...extra }).status, 0);
  }
  t.same(limited(host), nothing);
  t.match(host.run('ours', 'bandwidth', 'STATUS', { ...plain, ingressRate: 5 }).json, { code: 7 });
  // a kernel that refuses
  const container = host.container();
  for (let nth = 1; nth <= 2; nth++) {
    t.match(host.runRefused('bandwidth', 'STATUS', plain, container, nth).json, {
      code: 50,
      msg: /^this kernel does not limit traffic/,
    });
  }
});
