import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { test } from 'tap';
import type { Json, Outcome } from '../support/host.js';
import { DhcpDaemon, DhcpLab, SERVER } from './support/dhcp.js';
import { ACK, DISCOVER, granting, ip, OFFER, RELEASE, REQUEST, u32 } from './support/dhcp-server.js';

const hex = (value: string | number[]): string => Buffer.from(value as string).toString('hex');

test('ADD, CHECK, DEL: what the server hears, and what the runtime gets', { timeout: 60_000 }, async (t) => {
  const lab = new DhcpLab(t);
  await lab.daemon();
  const container = lab.container();
  const result = await lab.must('ADD', container);
  t.same(result, {
    cniVersion: '1.0.0',
    ips: [{ address: '192.168.77.10/24', gateway: '192.168.77.1' }],
    routes: [{ dst: '0.0.0.0/0', gw: '192.168.77.1' }],
  });
  const [link] = container.lab.ip('link', 'show', 'eth0');
  t.ok(link.flags.includes('UP'), 'it was down');
  const id = `00${hex(`${container.id}/net/eth0`)}`;
  const common = { 61: id, 55: '0301', 57: '05dc' };
  const [discover, request] = lab.server.heard;
  t.equal(lab.server.heard.length, 2);
  t.match(discover, { type: DISCOVER, source: '0.0.0.0', destination: '255.255.255.255', broadcast: false });
  t.equal(discover?.chaddr.toString('hex'), link.address.replaceAll(':', ''));
  t.same(Object.fromEntries(discover?.options ?? []), { 53: '01', ...common });
  t.same(Object.fromEntries(request?.options ?? []), {
    53: '03',
    50: hex(ip('192.168.77.10')),
    54: hex(ip(SERVER)),
    ...common,
  });
  t.equal(request?.xid, discover?.xid);
  t.equal(request?.secs, discover?.secs);

  t.same(await lab.must('ADD', container), result, 'ADD again: the same lease');
  t.equal(lab.server.heard.length, 2, 'without asking');
  await lab.must('CHECK', container, lab.config({}, { prevResult: result }));
  const wrong = lab.config({}, { prevResult: { ...result, ips: [{ address: '192.168.77.99/24' }] } });
  t.match((await lab.run('CHECK', container, wrong)).json, {
    code: 999,
    msg: /has a lease for 192\.168\.77\.10\/24, not for 192\.168\.77\.99\/24/,
  });
  container.lab.run('ip', 'link', 'set', 'eth0', 'down');
  await lab.must('CHECK', container, lab.config({}, { prevResult: result }));
  t.notOk(container.lab.ip('link', 'show', 'eth0')[0].flags.includes('UP'), 'CHECK changes nothing');
  container.lab.run('ip', 'link', 'set', 'eth0', 'up');

  await lab.must('DEL', container);
  const release = await lab.server.until(RELEASE);
  t.match(release, { ciaddr: '192.168.77.10', source: '192.168.77.10', destination: SERVER });
  t.same(Object.fromEntries(release.options), { 53: '07', 54: hex(ip(SERVER)), 61: id });
  await lab.must('DEL', container);
  t.equal(lab.server.of(RELEASE).length, 1, 'DEL again: nothing to give back');
  t.match((await lab.run('CHECK', container)).json, { code: 999, msg: /has no lease/ });
  t.same(lab.server.faults, []);
});

test('provide, request, priority', { timeout: 60_000 }, async (t) => {
  const routes = [
    [121, [16, 10, 5, ...ip(SERVER), 32, 10, 6, 0, 1, ...ip('0.0.0.0')]],
    [33, [...ip('10.9.1.1'), ...ip(SERVER)]],
    [6, [...ip('9.9.9.9'), ...ip('8.8.8.8')]],
    [15, 'example.org\0'],
    [119, [3, 97, 98, 99, 0, 1, 120, 0xc0, 0]],
    [26, [5, 0x14]],
  ] as const;
  const lab = new DhcpLab(t, granting(SERVER, { options: routes }));
  await lab.daemon();
  const container = lab.container();
  const config = lab.config({
    priority: 50,
    provide: [
      { option: 'host-name', value: 'never', fromArg: 'K8S_POD_NAME' },
      { option: '60', value: 'netloom' },
      { option: 'dhcp-client-identifier', value: 'mine' },
      { option: 'user-class', fromArg: 'NOT_THERE' },
      { option: '43', value: 'x'.repeat(255) },
    ],
    request: [{ option: '121' }, { option: '6' }, { option: 'routers', skipDefault: true }, { option: '6' }],
  });
  const extra = { CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=pod-7' };
  const result = await lab.must('ADD', container, config, { extra });
  t.same(result, {
    cniVersion: '1.0.0',
    ips: [{ address: '192.168.77.10/24', gateway: '192.168.77.1' }],
    routes: [
      { dst: '10.5.0.0/16', gw: SERVER, mtu: 1300, priority: 50 },
      { dst: '10.6.0.1/32', scope: 253, mtu: 1300, priority: 50 },
    ],
    dns: { nameservers: ['9.9.9.9', '8.8.8.8'], domain: 'example.org', search: ['abc', 'x.abc'] },
  });
  for (const { options } of lab.server.of(DISCOVER, REQUEST)) {
    t.equal(options.get(12), hex('pod-7'));
    t.equal(options.get(60), hex('netloom'));
    t.equal(options.get(61), hex('mine'));
    t.equal(options.get(43), hex('x'.repeat(255)));
    t.notOk(options.has(77));
    t.equal(options.get(55), '790603');
  }
  await lab.must('DEL', container, config, { extra });
  t.equal((await lab.server.until(RELEASE)).options.get(61), hex('mine'));

  lab.server.answer = granting(SERVER, { options: [[33, [...ip('10.9.1.1'), ...ip(SERVER)]]] });
  const other = lab.container();
  t.same((await lab.must('ADD', other)).routes, [
    { dst: '10.0.0.0/8', gw: SERVER },
    { dst: '0.0.0.0/0', gw: SERVER },
  ]);
  await lab.must('DEL', other);
});

test('all versions of results', { timeout: 60_000 }, async (t) => {
  const lab = new DhcpLab(t);
  await lab.daemon();
  const container = lab.container();
  for (const cniVersion of ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']) {
    const config = lab.config({}, { cniVersion });
    const result = await lab.must('ADD', container, config);
    t.equal(result.cniVersion, cniVersion);
    if (cniVersion < '0.3.0') {
      t.match(result.ip4, {
        ip: '192.168.77.10/24',
        gateway: SERVER,
        routes: [{ dst: '0.0.0.0/0', gw: SERVER }],
      });
    } else t.match(result.ips, [{ address: '192.168.77.10/24', gateway: SERVER }]);
    await lab.must('DEL', container, config);
  }
});

test('no daemon', { timeout: 60_000 }, async (t) => {
  const lab = new DhcpLab(t);
  const container = lab.container();
  const text = `error dialing DHCP daemon: dial unix ${lab.socketPath}: connect: no such file or directory`;
  t.match((await lab.run('ADD', container)).json, { code: 999, msg: text });
  t.match((await lab.run('CHECK', container)).json, { code: 999, msg: text });
  await lab.must('DEL', container);
  const current = lab.config({}, { cniVersion: '1.1.0', 'cni.dev/valid-attachments': [] });
  t.match((await lab.run('STATUS', undefined, current)).json, { code: 50, msg: text });
  await lab.must('GC', undefined, current);
  const daemon = await lab.daemon();
  await lab.must('STATUS', undefined, current);
  await daemon.end('SIGKILL');
  t.ok(existsSync(lab.socketPath));
  t.match((await lab.run('STATUS', undefined, current)).json, {
    code: 50,
    msg: /connect: connection refused/,
  });
});

test('leases outlive the daemon, however it ends', { timeout: 60_000 }, async (t) => {
  const lab = new DhcpLab(t);
  const container = lab.container();
  let daemon = await lab.daemon();
  const result = await lab.must('ADD', container);
  const check = lab.config({}, { prevResult: result });
  for (const signal of ['SIGTERM', 'SIGKILL', 'SIGINT'] as const) {
    t.equal(await daemon.end(signal), signal === 'SIGKILL' ? 'SIGKILL' : 0);
    t.equal(existsSync(lab.socketPath), signal === 'SIGKILL');
    daemon = await lab.daemon();
    await daemon.logged(/goes on with 1 leases/);
    await lab.must('CHECK', container, check);
    t.same(await lab.must('ADD', container), result);
  }
  t.equal(lab.server.of(DISCOVER, REQUEST).length, 2, 'nothing is asked again');
  t.equal(lab.server.of(RELEASE).length, 0, 'and nothing given back');
  await daemon.end();
  await lab.must('DEL', container);
  t.match(await lab.server.until(RELEASE), { ciaddr: '192.168.77.10' }, 'DEL without a daemon');
  await lab.daemon();
  t.match((await lab.run('CHECK', container, check)).json, { msg: /has no lease/ });
});

test('GC gives back what nobody claims', { timeout: 60_000 }, async (t) => {
  const lab = new DhcpLab(t);
  const daemon = await lab.daemon();
  const [kept, stale, other] = [lab.container(), lab.container(), lab.container()];
  const config = lab.config({}, { cniVersion: '1.1.0' });
  const elsewhere = { ...config, name: 'another' };
  await lab.must('ADD', kept, config);
  await lab.must('ADD', stale, config);
  await lab.must('ADD', other, elsewhere);
  const valid = [{ containerID: kept.id, ifname: 'eth0' }];
  await lab.must('GC', undefined, { ...config, 'cni.dev/valid-attachments': valid });
  t.match(await lab.server.until(RELEASE), { ciaddr: '192.168.77.11' });
  await lab.must('CHECK', kept, config);
  await lab.must('CHECK', other, elsewhere);
  t.equal((await lab.run('CHECK', stale, config)).status, 1);
  await daemon.end();
  await lab.must('GC', undefined, { ...elsewhere, 'cni.dev/valid-attachments': [] });
  t.match(await lab.server.until(RELEASE, 2), { ciaddr: '192.168.77.12' }, 'without a daemon');
  t.equal(lab.server.of(RELEASE).length, 2);
});

const failures = (outcomes: Outcome[]): string[] =>
  outcomes.flatMap(({ status, stdout, stderr }) => (status === 0 ? [] : [`${stdout}${stderr}`]));

test('thirty containers at once', { timeout: 120_000 }, async (t) => {
  const lab = new DhcpLab(t);
  const daemon = await lab.daemon();
  const containers = Array.from({ length: 30 }, () => lab.container());
  const added = await Promise.all(containers.map((container) => lab.run('ADD', container)));
  t.same(failures(added), []);
  const addresses = added.map(({ json }) => (json.ips as Json[])[0]?.address);
  t.equal(new Set(addresses).size, 30);
  const [with_, without] = [containers.slice(0, 15), containers.slice(15)];
  const removed = await Promise.all(with_.map((container) => lab.run('DEL', container)));
  t.same(failures(removed), []);
  await daemon.end('SIGKILL');
  const late = await Promise.all(without.map((container) => lab.run('DEL', container)));
  t.same(failures(late), []);
  await lab.server.until(RELEASE, 30);
  t.equal(new Set(lab.server.of(RELEASE).map(({ ciaddr }) => ciaddr)).size, 30);
  t.same(
    readdirSync(lab.socketPath.replace('.sock', '.leases')).filter((name) => name !== 'lock'),
    [],
  );
  t.same(lab.server.faults, []);
});

test('namespaces and links that are not what they were', { timeout: 60_000 }, async (t) => {
  const lab = new DhcpLab(t);
  await lab.daemon();
  const container = lab.container();
  const gone = { CNI_NETNS: '/run/netns/nl-dhcp-gone' };
  t.match((await lab.run('ADD', container, lab.config(), { extra: gone })).json, {
    code: 999,
    msg: 'error calling DHCP.Allocate: there is no network namespace /run/netns/nl-dhcp-gone',
  });
  t.match((await lab.run('ADD', container, lab.config(), { extra: { CNI_IFNAME: 'eth7' } })).json, {
    code: 999,
    msg: 'error calling DHCP.Allocate: error looking up "eth7": Link not found',
  });
  t.match((await lab.run('ADD', container, lab.config(), { extra: { CNI_IFNAME: 'lo' } })).json, {
    code: 999,
    msg: /"lo" has no Ethernet address/,
  });
  t.equal(lab.server.heard.length, 0);

  await lab.must('ADD', container);
  container.lab.run('ip', 'link', 'delete', 'eth0');
  const { lab: host } = lab.host;
  host.run('ip', 'link', 'add', 'q1', 'type', 'veth', 'peer', 'eth0', 'netns', container.lab.name);
  host.run('ip', 'link', 'set', 'q1', 'master', 'br0', 'up');
  t.match((await lab.run('CHECK', container)).json, { code: 999, msg: /another interface has the name/ });
  t.equal(lab.server.of(DISCOVER).length, 1);
  await lab.must('ADD', container);
  t.equal(lab.server.of(DISCOVER).length, 2, 'the new interface has a lease of its own');
  await lab.must('DEL', container, lab.config(), { extra: { CNI_NETNS: '' } });
  t.match(await lab.server.until(RELEASE), { ciaddr: '192.168.77.10' });
  await lab.must('ADD', container);
  await lab.must('DEL', container, lab.config(), { extra: gone });
  t.equal((await lab.run('CHECK', container)).status, 1);
});

test('what is wrong with a config', { timeout: 60_000 }, async (t) => {
  const lab = new DhcpLab(t);
  await lab.daemon();
  const container = lab.container();
  const long = 'x'.repeat(256);
  const cases: [Json, Json, NodeJS.ProcessEnv?][] = [
    [
      { cniVersion: '1.0.0', name: 'net', type: 'dhcp' },
      { code: 7, msg: /no 'ipam' key/ },
    ],
    [lab.config({ daemonSocketPath: 7 }), { code: 6, msg: /ipam\.daemonSocketPath: expected a string/ }],
    [lab.config({ priority: 'high' }), { code: 6, msg: /ipam\.priority: expected a whole number/ }],
    [lab.config({ priority: -1 }), { code: 6, msg: /ipam\.priority: expected a whole number/ }],
    [lab.config({ provide: {} }), { code: 6, msg: /ipam\.provide: expected an array/ }],
    [lab.config({ provide: [{ option: 12 }] }), { code: 6, msg: /ipam\.provide\[0\]\.option: expected/ }],
    [lab.config({ request: [{ skipDefault: 1 }] }), { code: 6, msg: /request\[0\]\.skipDefault: expected/ }],
    [
      lab.config({ provide: [{ option: 'hostname', value: 'x' }] }),
      { code: 7, msg: /Can not parse option "hostname": .*invalid syntax/ },
    ],
    [lab.config({ request: [{ option: '256' }] }), { code: 7, msg: /Can not parse option "256"/ }],
    [
      lab.config({ provide: [{ option: '53', value: 'x' }] }),
      { code: 7, msg: /option 53 cannot be provided/ },
    ],
    [
      lab.config({ provide: [{ option: 'host-name', value: long }] }),
      { code: 7, msg: /value too long for option "host-name": "x/ },
    ],
    [
      lab.config({ provide: [{ option: '12', fromArg: 'N' }] }),
      { code: 7, msg: /value too long for option "12" from CNI_ARGS "N": "x/ },
      { CNI_ARGS: `N=${long}` },
    ],
  ];
  for (const [config, expected, extra = {}] of cases) {
    const refused = await lab.run('ADD', container, config, { extra });
    t.match(refused.json, expected);
    // the socket of a config that does not tell it is the machine's, where nobody listens
    await lab.must('DEL', container, config, { extra });
  }
  t.equal(lab.server.heard.length, 0);
});

test('flags of the daemon', { timeout: 60_000 }, async (t) => {
  const lab = new DhcpLab(t);
  const { host } = lab;
  const pidFile = `${host.directory}/pid`;
  const fails = async (flags: string[], status: number, text: RegExp): Promise<void> => {
    const daemon = new DhcpDaemon(t, host, 'ours', flags);
    t.equal(await daemon.ended, status, `${flags}: ${daemon.log}`);
    t.match(daemon.log, text);
  };
  await fails(['-nonsense'], 2, /flag provided but not defined: -nonsense/);
  await fails(['-timeout', 'soon'], 2, /invalid value "soon" for flag -timeout/);
  await fails(['-broadcast=maybe'], 2, /invalid boolean value "maybe"/);
  await fails(['-socketpath'], 2, /flag needs an argument/);
  await fails(['-h'], 0, /resendtimeout/);
  await fails(['-socketpath', lab.socketPath, '-pidfile', 'here'], 1, /pidfile "here": path not absolute/);

  const daemon = await lab.daemon('ours', ['-pidfile', pidFile, '-hostprefix=/', '-broadcast']);
  t.equal(readFileSync(pidFile, 'utf8'), String(daemon.child.pid));
  t.equal(statSync(lab.socketPath).mode & 0o777, 0o660);
  await fails(
    ['-socketpath', lab.socketPath],
    1,
    /Error getting listener: listen unix .*: address already in use/,
  );
  const container = lab.container();
  await lab.must('ADD', container);
  t.ok(lab.server.of(DISCOVER)[0]?.broadcast);
  t.ok(lab.server.of(REQUEST)[0]?.broadcast);
  await daemon.end();
  t.notOk(existsSync(pidFile));
});

test('hostprefix goes before the socket and namespaces', { timeout: 60_000 }, async (t) => {
  const lab = new DhcpLab(t);
  const prefix = `${lab.host.directory}/root`;
  mkdirSync(`${prefix}/run`, { recursive: true });
  symlinkSync('/run/netns', `${prefix}/run/netns`);
  mkdirSync(`${prefix}${lab.host.directory}`, { recursive: true });
  symlinkSync(`${prefix}${lab.socketPath}`, lab.socketPath);
  await lab.daemon('ours', [`-hostprefix=${prefix}`]);
  const container = lab.container();
  await lab.must('ADD', container);
  rmSync(`${prefix}/run/netns`);
  t.match((await lab.run('CHECK', container)).json, {
    msg: /is not where its lease is for: there is no network namespace/,
  });
});

test('ADD whose caller goes, and DEL during ADD', { timeout: 60_000 }, async (t) => {
  const lab = new DhcpLab(t);
  await lab.daemon();
  const { answer } = lab.server;
  lab.server.answer = () => undefined;
  const container = lab.container();
  const given = lab.host.start('ours', 'dhcp', 'ADD', lab.config(), container, 700);
  t.equal((await given).signal, 'SIGKILL');
  await lab.must('DEL', container);
  const before = lab.server.heard.length;
  const adding = lab.run('ADD', container);
  await lab.server.until(DISCOVER, before + 1);
  await lab.must('DEL', container);
  t.match((await adding).json, { code: 999, msg: /given back meanwhile/ });
  lab.server.answer = answer;
  t.match(await lab.must('ADD', container), { ips: [{ address: '192.168.77.10/24' }] });

  // nobody hears of an address that cannot be used, so it is given back
  const other = lab.container();
  lab.server.answer = (heard) =>
    heard.type === DISCOVER || heard.type === REQUEST
      ? {
          type: heard.type === DISCOVER ? OFFER : ACK,
          yiaddr: '192.168.77.50',
          options: [
            [54, ip(SERVER)],
            [51, u32(60)],
          ],
        }
      : undefined;
  t.match((await lab.run('ADD', other)).json, {
    code: 999,
    msg: 'error calling DHCP.Allocate: DHCP option Subnet Mask not found in DHCPACK',
  });
  t.match(await lab.server.until(RELEASE), { ciaddr: '192.168.77.50' });
});
