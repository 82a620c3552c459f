import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { duplicateKey } from '../../../host/plugins/meta/tuning/duplicates.js';
import type { Json } from '../support/host.js';
import { configOf, labOf, mustRun, podOf, SYSCTLS, savedIn, sysctl, tuned } from './support/tuning.js';

const MAC = '02:11:22:33:44:55';
const LINK = { mac: MAC, promisc: true, mtu: 1400, allmulti: true, txQLen: 123 };

// Debian's reference knows no txQLen
const { txQLen: _txQLen, ...COMMON } = LINK;

const twins: Record<string, { config: Json; extra?: NodeJS.ProcessEnv }> = {
  everything: { config: { ...COMMON, sysctl: SYSCTLS } },
  nothing: { config: {} },
  'no all-multicast, no mtu': { config: { allmulti: false, mtu: 0 } },
  'for this attachment': {
    config: {
      ...COMMON,
      sysctl: SYSCTLS,
      args: {
        cni: {
          mac: '02:00:00:00:00:aa',
          mtu: 1300,
          allmulti: false,
          sysctl: { 'net/core/somaxconn': '600' },
        },
      },
      runtimeConfig: { mac: '02:00:00:00:00:bb' },
    },
    extra: { CNI_ARGS: 'MAC=02:00:00:00:00:cc' },
  },
  'the runtime’s address': {
    config: { mac: MAC, runtimeConfig: { mac: '02:00:00:00:00:BB' } },
    extra: { CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=x;MAC=02:00:00:00:00:cc' },
  },
  'the address of CNI_ARGS': { config: { mac: MAC }, extra: { CNI_ARGS: 'MAC=02-00-00-00-00-cc' } },
};

test('as the reference', { timeout: 120_000 }, async (t) => {
  for (const [name, { config: settings, extra = {} }] of Object.entries(twins)) {
    const seen = (['reference', 'ours'] as const).map((side) => {
      const { host, container, dataDir } = labOf(t);
      container.lab.run('ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:01');
      const config = configOf(dataDir, settings);
      const before = tuned(container);
      const { dns: _dns, ...result } = mustRun(t, host, side, 'ADD', config, container, extra);
      const added = tuned(container);
      const saved = Object.entries(savedIn(dataDir)).map(([file, content]) => {
        const { sysctl: _sysctl, network: _network, sandbox: _sandbox, index: _index, ...common } = content;
        return [file.replace(container.id, 'id'), common];
      });
      // one of the reference's CHECK compares tabs with blanks
      if (side === 'ours') mustRun(t, host, side, 'CHECK', config, container, extra);
      mustRun(t, host, side, 'DEL', config, container, extra);
      const { arpFilter: _a, ports: _p, somaxconn: _s, ...restored } = tuned(container);
      if (side === 'ours') t.same(tuned(container), before, 'everything is restored, sysctls too');
      t.same(savedIn(dataDir), {});
      return {
        result,
        added,
        saved: settings.sysctl === undefined || saved.length > 0 ? saved : [],
        restored,
      };
    });
    t.same(seen[1], seen[0], name);
  }
});

test('each restores what the other changed', { timeout: 60_000 }, async (t) => {
  for (const [adds, deletes] of [
    ['ours', 'reference'],
    ['reference', 'ours'],
  ] as const) {
    const { host, container, dataDir } = labOf(t);
    const before = tuned(container);
    const config = configOf(dataDir, COMMON);
    mustRun(t, host, adds, 'ADD', config, container);
    t.match(tuned(container), { address: MAC, mtu: 1400, promisc: true, allmulti: true });
    mustRun(t, host, 'ours', 'CHECK', config, container);
    mustRun(t, host, 'reference', 'CHECK', config, container);
    mustRun(t, host, deletes, 'DEL', config, container);
    t.same(tuned(container), before);
    t.same(savedIn(dataDir), {});
  }
});

test('the file of what was there before', { timeout: 60_000 }, async (t) => {
  const { host, container, dataDir } = labOf(t);
  const { address, txqlen } = tuned(container);
  mustRun(t, host, 'ours', 'ADD', configOf(dataDir, { ...LINK, sysctl: SYSCTLS }), container);
  const [name = ''] = readdirSync(dataDir);
  t.equal(name, `${container.id}_eth0.json`);
  t.equal(statSync(join(dataDir, name)).mode & 0o777, 0o600);
  t.match(readFileSync(join(dataDir, name), 'utf8'), /^{\n "mac"/);
  t.match(savedIn(dataDir)[name], {
    mac: address,
    promisc: false,
    mtu: 1500,
    allmulti: false,
    txQLen: txqlen,
    network: 'net',
    sysctl: { '/proc/sys/net/ipv4/conf/eth0/arp_filter': '0' },
  });
});

test('a queue of 0 packets, promiscuous no more', { timeout: 60_000 }, async (t) => {
  const { host, container, dataDir } = labOf(t);
  container.lab.run('ip', 'link', 'set', 'eth0', 'promisc', 'on');
  const before = tuned(container);
  const config = configOf(dataDir, { txQLen: 0, promisc: false });
  mustRun(t, host, 'ours', 'ADD', config, container);
  t.match(tuned(container), { txqlen: undefined, promisc: false });
  mustRun(t, host, 'ours', 'CHECK', config, container);
  mustRun(t, host, 'ours', 'DEL', config, container);
  t.same(tuned(container), before);
});

test('sysctls: how they are named', { timeout: 60_000 }, async (t) => {
  const { host, container, dataDir } = labOf(t);
  container.lab.run('ip', 'link', 'add', 'x.1', 'type', 'veth', 'peer', 'y');
  const of = { CNI_IFNAME: 'x.1' };
  for (const key of [
    'net.ipv4.conf.IFNAME.arp_filter',
    'net/ipv4/conf/IFNAME/arp_filter',
    'net.ipv4/conf/IFNAME.arp_filter',
    'net/ipv4/conf/x.1/arp_filter',
    'net.ipv4.conf.x/1.arp_filter',
  ]) {
    const config = configOf(dataDir, { sysctl: { [key]: '1' } });
    mustRun(t, host, 'ours', 'ADD', config, container, of);
    t.equal(sysctl(container, 'net.ipv4.conf.x/1.arp_filter'), '1', key);
    mustRun(t, host, 'ours', 'CHECK', config, container, of);
    mustRun(t, host, 'ours', 'DEL', config, container, of);
    t.equal(sysctl(container, 'net.ipv4.conf.x/1.arp_filter'), '0', key);
  }
  // one that can be written only: there is nothing to compare or to restore
  const flush = configOf(dataDir, { sysctl: { 'net.ipv4.route.flush': '1' } });
  for (const command of ['ADD', 'CHECK', 'DEL']) mustRun(t, host, 'ours', command, flush, container);
  // two names for one: the last holds, and what was there before is restored
  const twice = configOf(dataDir, { sysctl: { 'net.core.somaxconn': '600', 'net/core/somaxconn': '700' } });
  const before = sysctl(container, 'net.core.somaxconn');
  mustRun(t, host, 'ours', 'ADD', twice, container);
  t.equal(sysctl(container, 'net.core.somaxconn'), '700');
  for (const command of ['CHECK', 'DEL']) mustRun(t, host, 'ours', command, twice, container);
  t.equal(sysctl(container, 'net.core.somaxconn'), before);
});

test('duplicated keys', async (t) => {
  for (const [text, expected] of [
    ['{"sysctl":{"a":"1","b":"2"}}', undefined],
    ['{"sysctl":{"a":"1","a":"1"}}', 'a'],
    ['{"x":{"a":1,"a":2},"Sysctl":{"a":"{","\\u0061":"\\"}"}}', 'a'],
    ['{"args":{"cni":{"sysctl":{"a":"1","a":"2"}}}}', 'a'],
    ['{"args":{"cni":{"sysctl":{"a":"1"}}},"sysctl":{"a":"1"}}', undefined],
    ['{"other":[{"sysctl":{"a":"1","a":"2"}},"sysctl",[]],"sysctl":{"a":"sysctl","b":"a"}}', undefined],
    ['{"sysctl":{"a":"1"},"prevResult":{"sysctl":{"a":"1","a":"1"}}}', undefined],
  ] as const) {
    t.doesNotThrow(() => JSON.parse(text));
    t.equal(duplicateKey(text), expected, text);
  }
});

test('ADD twice, two of it in a list, DEL twice, DEL without ADD', { timeout: 60_000 }, async (t) => {
  const { host, container, dataDir } = labOf(t);
  const before = tuned(container);
  const config = configOf(dataDir, { ...LINK, sysctl: SYSCTLS });
  mustRun(t, host, 'ours', 'DEL', config, container);
  mustRun(t, host, 'ours', 'ADD', config, container);
  const once = [tuned(container), savedIn(dataDir)];
  mustRun(t, host, 'ours', 'ADD', config, container);
  t.same([tuned(container), savedIn(dataDir)], once, 'what was there first is what is kept');
  const second = configOf(dataDir, { mtu: 1350, sysctl: { 'net.core.somaxconn': '900' } });
  mustRun(t, host, 'ours', 'ADD', second, container);
  t.match(tuned(container), { mtu: 1350, somaxconn: '900' });
  // one that fails goes back to what it found
  const third = { mtu: 1450, sysctl: { 'net.core.somaxconn': '1000', 'net.ipv4.ip_forward': 'no' } };
  t.equal(host.run('ours', 'tuning', 'ADD', configOf(dataDir, third), container).status, 1);
  t.match(tuned(container), { mtu: 1350, somaxconn: '900' });
  mustRun(t, host, 'ours', 'DEL', second, container);
  t.same(tuned(container), before);
  mustRun(t, host, 'ours', 'DEL', config, container);
  mustRun(t, host, 'ours', 'DEL', config, container);
  t.same([tuned(container), savedIn(dataDir)], [before, {}]);
});

test('what DEL may meet', { timeout: 60_000 }, async (t) => {
  const { host, dataDir } = labOf(t);
  const file = join(host.directory, 'file');
  writeFileSync(file, '');
  const config = configOf(dataDir, { ...LINK, sysctl: SYSCTLS });
  const broken = configOf(dataDir, {
    mac: 7,
    promisc: 'x',
    mtu: -1,
    sysctl: { a: 1 },
    args: 'x',
    prevResult: 7,
  });
  const cases: [Json, NodeJS.ProcessEnv, boolean][] = [
    [broken, { CNI_ARGS: 'nonsense' }, true],
    [configOf(dataDir), {}, true],
    [configOf(dataDir, { prevResult: null, sysctl: { 'kernel.x': '1' } }), {}, true],
    [config, { CNI_NETNS: '' }, false],
    [config, { CNI_NETNS: '/run/netns/nl-gone-tuning' }, false],
    [config, { CNI_NETNS: file }, false],
  ];
  for (const [given, extra, restored] of cases) {
    const container = podOf(host);
    const before = tuned(container);
    mustRun(t, host, 'ours', 'ADD', config, container);
    mustRun(t, host, 'ours', 'DEL', given, container, extra);
    if (restored) t.same(tuned(container), before);
    t.same(savedIn(dataDir), {}, 'nothing is left on the host');
  }
  // the interface is gone: what is the namespace's is restored
  const container = podOf(host);
  const { ports, somaxconn } = tuned(container);
  mustRun(t, host, 'ours', 'ADD', config, container);
  container.lab.run('ip', 'link', 'delete', 'eth0');
  mustRun(t, host, 'ours', 'DEL', config, container);
  t.equal(sysctl(container, 'net.ipv4.ip_local_port_range'), ports);
  t.equal(sysctl(container, 'net.core.somaxconn'), somaxconn);
  t.same(savedIn(dataDir), {});
  // another namespace at the path, another interface, a file that is cut off, the reference's
  const other = podOf(host);
  const before = tuned(other);
  const name = `${other.id}_eth0.json`;
  mkdirSync(dataDir, { recursive: true });
  for (const text of [
    '{"mtu":1300,"sandbox":"4:1","index":2,"sysctl":{"/proc/sys/net/core/somaxconn":"1"}}',
    '{"mtu":13',
    '[]',
    '{"sysctl":{"/proc/sys/kernel/hostname":"x","/proc/sys/net/core/gone":"1"}}',
  ]) {
    writeFileSync(join(dataDir, name), text);
    mustRun(t, host, 'ours', 'DEL', config, other);
    t.same([tuned(other), savedIn(dataDir)], [before, {}], text);
  }
  writeFileSync(join(dataDir, name), '{\n "mtu": 1300\n}');
  mustRun(t, host, 'ours', 'DEL', config, other);
  t.same([tuned(other).mtu, savedIn(dataDir)], [1300, {}]);
  // what cannot be restored keeps nobody: the file stays, to be tried again
  const hopeless = '{"mtu":1300,"mac":"01:00:00:00:00:01"}';
  writeFileSync(join(dataDir, name), hopeless);
  const done = host.run('ours', 'tuning', 'DEL', config, other);
  t.match([done.status, done.stderr], [0, /tuning: restoring eth0: /]);
  t.match(savedIn(dataDir), { [name]: { mtu: 1300 } });
});
