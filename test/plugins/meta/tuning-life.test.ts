import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { CniHost, Container, Json, Outcome } from '../support/host.js';
import { configOf, labOf, mustRun, podOf, SYSCTLS, savedIn, tuned } from './support/tuning.js';

const LINK = { mac: '02:11:22:33:44:55', promisc: true, mtu: 1400, allmulti: true, txQLen: 123 };

test('bad input leaves everything as it was', { timeout: 60_000 }, async (t) => {
  const { host, container, dataDir } = labOf(t);
  const before = tuned(container);
  const good = { mtu: 1400, sysctl: SYSCTLS };
  const also = (name: string, value: string): Json => ({ ...good, sysctl: { ...SYSCTLS, [name]: value } });
  const cases: [Json, Json, NodeJS.ProcessEnv?][] = [
    [{ sysctl: 'x' }, { code: 6, msg: /^failed to load netconf: sysctl: expected an object/ }],
    [{ sysctl: { 'net.x': 1 } }, { code: 6, msg: /sysctl\.net\.x: expected a string/ }],
    [{ mac: 7 }, { code: 6, msg: /mac: expected a string/ }],
    [{ promisc: 'yes' }, { code: 6, msg: /promisc: expected true or false/ }],
    [{ mtu: '1500' }, { code: 6, msg: /mtu: expected a whole number/ }],
    [{ mtu: -1 }, { code: 6, msg: /mtu: expected a whole number/ }],
    [{ allmulti: 1 }, { code: 6, msg: /allmulti: expected true or false/ }],
    [{ txQLen: -5 }, { code: 6, msg: /txQLen: expected a whole number/ }],
    [{ dataDir: 5 }, { code: 6, msg: /dataDir: expected a string/ }],
    [{ args: { cni: { mtu: 'x' } } }, { code: 6, msg: /args\.cni\.mtu/ }],
    [{ runtimeConfig: { mac: 1 } }, { code: 6, msg: /runtimeConfig\.mac/ }],
    [{ mac: 'nonsense' }, { code: 7, msg: /^invalid args nonsense for MAC addr: / }],
    [{ mac: '02:00' }, { code: 7, msg: /^invalid args 02:00 for MAC addr: / }],
    [also('kernel.shmmax', '1'), { code: 7, msg: 'invalid net sysctl key: "kernel/shmmax"' }],
    [also('net/../kernel/hostname', 'x'), { code: 7, msg: /^invalid net sysctl key: / }],
    [
      also('net.core.nothing', '1'),
      { code: 999, msg: 'open /proc/sys/net/core/nothing: no such file or directory' },
    ],
    [
      also('net.ipv4.ip_forward', 'no'),
      { code: 999, msg: 'write /proc/sys/net/ipv4/ip_forward: invalid argument' },
    ],
    [
      { ...good, mtu: 100_000 },
      { code: 999, msg: /^failed to set MTU of "eth0" to 100000: / },
    ],
    [
      { ...good, mac: '01:00:00:00:00:01' },
      { code: 999, msg: /^failed to set Ethernet of "eth0" to 01:/ },
    ],
    [
      { ...good, dataDir: join(host.directory, 'bin', 'tuning') },
      { code: 5, msg: /^failed to save settings: / },
    ],
    [
      { ...good, prevResult: null },
      { code: 999, msg: 'Required prevResult missing' },
    ],
    [good, { msg: 'ARGS: unknown args ["FOO=bar"]' }, { CNI_ARGS: 'FOO=bar' }],
    [good, { msg: 'failed to get "net7": Link not found' }, { CNI_IFNAME: 'net7' }],
    [good, { msg: /^failed to open netns / }, { CNI_NETNS: '/run/netns/nl-gone-tuning' }],
  ];
  for (const [extra, expected, environment = {}] of cases) {
    const given = extra === good && environment.CNI_IFNAME ? { mtu: 1400 } : extra;
    const refused = host.run('ours', 'tuning', 'ADD', configOf(dataDir, given), container, environment);
    t.match(refused.json, expected, JSON.stringify(extra));
    t.same([refused.status, tuned(container), savedIn(dataDir)], [1, before, {}]);
  }
  const text = JSON.stringify(configOf(dataDir)).replace(
    '{',
    '{"sysctl":{"net.core.x":"1","net.core.x":"1"},',
  );
  const child = host.lab.namespace.execSync(host.file('ours', 'tuning'), [], {
    input: text,
    env: {
      PATH: process.env.PATH,
      CNI_COMMAND: 'ADD',
      CNI_PATH: '/x',
      CNI_CONTAINERID: 'c',
      CNI_IFNAME: 'eth0',
      CNI_NETNS: container.lab.path,
    },
  });
  t.match(JSON.parse(child.stdout), { code: 7, msg: 'duplicated sysctl keys are not allowed' });
});

test('CHECK', { timeout: 60_000 }, async (t) => {
  const { host, container, dataDir } = labOf(t);
  const config = configOf(dataDir, { ...LINK, mac: '02-11-22-33-44-AA', sysctl: SYSCTLS });
  mustRun(t, host, 'ours', 'ADD', config, container);
  mustRun(t, host, 'ours', 'CHECK', config, container);
  const check = (given: Json, extra: NodeJS.ProcessEnv = {}): Json =>
    host.run('ours', 'tuning', 'CHECK', given, container, extra).json;
  const link = (...args: string[]): string => container.lab.run('ip', 'link', 'set', 'eth0', ...args);
  for (const [damage, repair, msg] of [
    [['mtu', '1450'], ['mtu', '1400'], 'Error: Tuning configured MTU of eth0 is 1400, current value is 1450'],
    [
      ['promisc', 'off'],
      ['promisc', 'on'],
      'Error: Tuning link eth0 configured promisc is true, current value is 0',
    ],
    [
      ['allmulticast', 'off'],
      ['allmulticast', 'on'],
      /all-multicast mode of eth0 is true, current value is false$/,
    ],
    [['txqueuelen', '5'], ['txqueuelen', '123'], /transmit queue length of eth0 is 123, current value is 5$/],
    [
      ['address', '02:00:00:00:00:09'],
      ['address', '02:11:22:33:44:aa'],
      /Ethernet of eth0 is 02-11-22-33-44-AA, current value is 02:00:00:00:00:09$/,
    ],
  ] as const) {
    link(...damage);
    t.match(check(config), { code: 999, msg });
    link(...repair);
  }
  mustRun(t, host, 'ours', 'CHECK', config, container);
  t.match(check(configOf(dataDir, { promisc: false })), {
    msg: 'Error: Tuning link eth0 configured promisc is false, current value is 1',
  });
  mustRun(t, host, 'ours', 'CHECK', configOf(dataDir), container);
  container.lab.run('sysctl', '-q', '-w', 'net.core.somaxconn=128');
  t.match(check(config), {
    msg: 'Error: Tuning configured value of /proc/sys/net/core/somaxconn is 500, current value is 128',
  });
  t.match(check({ ...config, prevResult: null }), { msg: 'Required prevResult missing' });
  t.match(check(configOf(dataDir, { mtu: 1400 }), { CNI_IFNAME: 'net7' }), {
    msg: 'Cannot find container link net7',
  });
});

/** Runs ADD or STATUS where /etc/cni/tuning/allowlist.conf has these lines; the machine's own /etc is out of sight. */
function withAllowList(
  host: CniHost,
  container: Container,
  command: string,
  config: Json,
  list: string,
): Outcome['json'] {
  const file = join(host.directory, 'allowlist');
  writeFileSync(file, list);
  const script = `mount -t tmpfs none /etc && mkdir -p /etc/cni/tuning && cp ${file} /etc/cni/tuning/allowlist.conf && exec ${host.file('ours', 'tuning')}`;
  const { stdout } = host.lab.namespace.execSync('unshare', ['-m', 'sh', '-c', script], {
    input: JSON.stringify(config),
    env: {
      PATH: process.env.PATH,
      CNI_COMMAND: command,
      CNI_PATH: '/x',
      CNI_CONTAINERID: container.id,
      CNI_IFNAME: 'eth0',
      CNI_NETNS: container.lab.path,
    },
  });
  return stdout === '' ? {} : (JSON.parse(stdout) as Json);
}

test('the list of what is allowed', { timeout: 60_000 }, async (t) => {
  const { host, container, dataDir } = labOf(t);
  const config = configOf(dataDir, {
    sysctl: { 'net.core.somaxconn': '500', 'net.ipv4.conf.IFNAME.arp_filter': '1' },
  });
  const add = (list: string): Json => withAllowList(host, container, 'ADD', config, list);
  const refused = {
    code: 7,
    msg: 'Sysctl net.ipv4.conf.IFNAME.arp_filter is not allowed. Only the following sysctls are allowed: [^net.core somaxc]',
  };
  const before = tuned(container);
  t.match(add('\n  ^net.core  \n\n somaxc\n'), refused);
  t.match(add('(ip'), { code: 7, msg: /allowlist\.conf: "\(ip" is no regular expression/ });
  t.match(add(''), { code: 7, msg: /Only the following sysctls are allowed: \[\]/ });
  t.same(tuned(container), before);
  for (const list of [
    'somax\narp_filter',
    '(?i)NET\\.CORE\n^net\\.ipv4\\.conf\\.[[:alpha:]]+\\.[[:lower:]_]+$',
    '\\Anet.*[rn]\\z',
  ]) {
    t.match(add(list), { interfaces: [{}, {}] }, list);
    mustRun(t, host, 'ours', 'DEL', config, container);
    t.same(tuned(container), before);
  }
  const status = { ...config, cniVersion: '1.1.0', prevResult: null };
  t.same(withAllowList(host, container, 'STATUS', status, 'net'), {});
  t.match(withAllowList(host, container, 'STATUS', status, 'ipv6'), { code: 50, msg: /^Sysctl net\.core/ });
});

async function versions(t: Test): Promise<void> {
  const { host, dataDir } = labOf(t);
  const all = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'];
  t.same(host.run('ours', 'tuning', 'VERSION', {}).json.supportedVersions, all);
  for (const cniVersion of ['0.2.0', '0.3.1', '1.1.0']) {
    const container = podOf(host);
    const prevResult =
      cniVersion === '0.2.0'
        ? { cniVersion, ip4: { ip: '10.1.1.1/24' } }
        : {
            cniVersion,
            interfaces: [
              { name: 'eth0', mac: '02:00:00:00:00:01', ...(cniVersion === '1.1.0' ? { mtu: 1500 } : {}) },
            ],
          };
    const config = configOf(dataDir, { ...LINK, cniVersion, prevResult });
    const result = mustRun(t, host, 'ours', 'ADD', config, container);
    t.match(result, cniVersion === '0.2.0' ? { ip4: {} } : { interfaces: [{ mac: LINK.mac }] });
    if (cniVersion === '1.1.0') t.match(result, { interfaces: [{ mtu: 1400 }] });
    mustRun(t, host, 'ours', 'DEL', config, container);
  }
}
test('versions', { timeout: 60_000 }, versions);

test('GC and STATUS', { timeout: 60_000 }, async (t) => {
  const { host, dataDir } = labOf(t);
  const settings = { mtu: 1400 };
  const [valid, stale, others, theirs] = [podOf(host), podOf(host), podOf(host), podOf(host)] as [
    Container,
    Container,
    Container,
    Container,
  ];
  mustRun(t, host, 'ours', 'ADD', configOf(dataDir, settings), valid);
  mustRun(t, host, 'ours', 'ADD', configOf(dataDir, settings), stale);
  mustRun(t, host, 'ours', 'ADD', { ...configOf(dataDir, settings), name: 'net2' }, others);
  mustRun(t, host, 'reference', 'ADD', configOf(dataDir, settings), theirs);
  writeFileSync(join(dataDir, 'other.json'), 'x');
  writeFileSync(join(dataDir, `.${stale.id}_eth0.json`), '{"network":"net"}');
  const plain = { cniVersion: '1.1.0', name: 'net', type: 'tuning', dataDir };
  const list = [{ containerID: valid.id, ifname: 'eth0' }];
  t.equal(
    host.run('ours', 'tuning', 'GC', { ...plain, mtu: 'x', 'cni.dev/valid-attachments': list }).status,
    0,
  );
  writeFileSync(join(dataDir, 'other.json'), '{}');
  t.same(
    Object.keys(savedIn(dataDir)).sort(),
    [`${valid.id}_eth0.json`, `${others.id}_eth0.json`, `${theirs.id}_eth0.json`, 'other.json'].sort(),
  );
  const nowhere = { ...plain, dataDir: join(host.directory, 'nothing'), 'cni.dev/valid-attachments': [] };
  t.equal(host.run('ours', 'tuning', 'GC', nowhere).status, 0);
  for (const [extra, expected] of [
    [{}, undefined],
    [{ dataDir: join(host.directory, 'a/b/c'), sysctl: SYSCTLS, mac: LINK.mac }, undefined],
    [{ dataDir: join(host.directory, 'bin', 'tuning', 'x') }, { code: 50, msg: /settings cannot be saved/ }],
    [{ sysctl: { 'kernel.x': '1' } }, { code: 7, msg: /invalid net sysctl key/ }],
    [{ mac: 'x' }, { code: 7, msg: /invalid args x for MAC addr/ }],
  ] as const) {
    const { status, json } = host.run('ours', 'tuning', 'STATUS', { ...plain, ...extra });
    if (expected === undefined) t.equal(status, 0);
    else t.match(json, expected);
  }
});

test('many containers at once', { timeout: 120_000 }, async (t) => {
  const { host, dataDir } = labOf(t);
  mkdirSync(dataDir);
  const containers = Array.from({ length: 30 }, () => podOf(host));
  const config = configOf(dataDir, { ...LINK, sysctl: SYSCTLS });
  const before = tuned(containers[0] as Container);
  const each = async (command: string): Promise<void> => {
    const done = await Promise.all(
      containers.map((one) => host.start('ours', 'tuning', command, config, one)),
    );
    t.same(
      done.filter(({ status }) => status !== 0).map(({ stdout }) => stdout),
      [],
      command,
    );
  };
  await each('ADD');
  t.equal(Object.keys(savedIn(dataDir)).length, 30);
  await each('DEL');
  t.same(savedIn(dataDir), {});
  t.same(tuned(containers[0] as Container), before);
});
