import { type Test, test } from 'tap';
import { CniHost, type Container, type Json } from '../support/host.js';
import { attached, backends, FOUR, mappings, published, SIX } from './support/attached.js';
import { clean, configOf, iptables, mustRun, nftables, resultOf } from './support/portmap.js';

test('ADD twice, DEL twice, DEL without ADD, whatever the config and the namespace', {
  timeout: 90_000,
}, async (t) => {
  for (const backend of backends) {
    const host = new CniHost(t);
    const container = attached(host);
    const config = configOf(mappings, { backend, prevResult: resultOf(container, FOUR, SIX) });
    mustRun(t, host, 'DEL', config, container);
    mustRun(t, host, 'ADD', config, container);
    const once = [nftables(host), ...iptables(host)];
    const plain = (state: string[]): string[] =>
      state.map((text) => text.replaceAll(/packets \d+ bytes \d+/g, ''));
    mustRun(t, host, 'ADD', config, container);
    t.same(plain([nftables(host), ...iptables(host)]), plain(once), `${backend}: ADD twice`);
    mustRun(t, host, 'CHECK', config, container);
    mustRun(t, host, 'DEL', config, container);
    mustRun(t, host, 'DEL', config, container);
    clean(t, host, `${backend}: DEL twice`);

    const broken: Json[] = [
      { ...config, backend: 'ebtables', runtimeConfig: { portMappings: [{ hostPort: 'x' }] } },
      { ...config, backend: 7, conditionsV4: 7, prevResult: { ips: 7 } },
      { cniVersion: '1.1.0', name: 'net', type: 'portmap' },
      { ...config, backend: backend === 'nftables' ? 'iptables' : 'nftables' },
      { ...config, conditionsV4: ['no', 'such'], markMasqBit: 99, externalSetMarkChain: 'X' },
      { ...config, prevResult: { cniVersion: '1.1.0', ips: [{ address: '10.66.0.2/24', interface: 9 }] } },
    ];
    for (const [i, other] of broken.entries()) {
      mustRun(t, host, 'ADD', config, container);
      mustRun(t, host, 'DEL', other, container, { extra: i % 2 === 0 ? {} : { CNI_NETNS: '' } });
      clean(t, host, `${backend}: DEL with ${JSON.stringify(other).slice(0, 60)}`);
    }
    for (const CNI_NETNS of ['', '/run/netns/nl-gone-portmap', '/etc/hostname']) {
      mustRun(t, host, 'ADD', config, container);
      mustRun(t, host, 'DEL', config, container, { extra: { CNI_NETNS } });
      clean(t, host, `${backend}: namespace ${CNI_NETNS}`);
    }
    // the network got another name meanwhile
    mustRun(t, host, 'ADD', config, container);
    mustRun(t, host, 'DEL', { ...config, name: 'renamed' }, container);
    clean(t, host, `${backend}: renamed`);
    // and another backend
    mustRun(t, host, 'ADD', config, container);
    const other = { ...config, backend: backends.find((name) => name !== backend) };
    mustRun(t, host, 'ADD', other, container);
    t.equal(published(host).length, 4, 'rules of the former backend are gone');
    mustRun(t, host, 'DEL', config, container);
    clean(t, host, `${backend}: moved`);
  }
});

test('never another’s: interfaces, networks, containers', { timeout: 90_000 }, async (t) => {
  for (const backend of backends) {
    const host = new CniHost(t);
    const container = attached(host, { eth0: ['10.66.0.2/24'], net1: ['10.67.0.2/24'] });
    const config = (address: string, ifname: string, port: number, extra: Json = {}): Json =>
      configOf([{ hostPort: port, containerPort: 80, protocol: 'tcp' }], {
        backend,
        prevResult: {
          cniVersion: '1.0.0',
          interfaces: [{ name: ifname, sandbox: container.lab.path }],
          ips: [{ address, interface: 0 }],
        },
        ...extra,
      });
    const net1 = { extra: { CNI_IFNAME: 'net1' } };
    for (const extra of [{}, { name: 'other' }]) {
      const first = config('10.66.0.2/24', 'eth0', 8080);
      const second = config('10.67.0.2/24', 'net1', 8081, extra);
      mustRun(t, host, 'ADD', first, container);
      mustRun(t, host, 'ADD', second, container, net1);
      mustRun(t, host, 'CHECK', first, container);
      mustRun(t, host, 'CHECK', second, container, net1);
      t.equal(published(host).length, 2);
      for (const prevResult of [first.prevResult, undefined]) {
        mustRun(t, host, 'DEL', { ...first, prevResult }, container);
        t.match(published(host), [/10\.67\.0\.2:80/], `${backend}: one went`);
        t.equal(published(host).length, 1);
        mustRun(t, host, 'CHECK', second, container, net1);
      }
      mustRun(t, host, 'ADD', first, container);
      mustRun(t, host, 'DEL', second, container, net1);
      t.match(published(host), [/10\.66\.0\.2:80/], `${backend}: the other went`);
      mustRun(t, host, 'CHECK', first, container);
      mustRun(t, host, 'DEL', first, container);
      clean(t, host, backend);
    }
    // rules of an administrator's own in the same table
    if (backend === 'nftables') {
      mustRun(t, host, 'ADD', config('10.66.0.2/24', 'eth0', 8080), container);
      host.lab.run('nft', 'add', 'rule', 'ip', 'cni_hostport', 'hostports', 'tcp', 'dport', '99', 'return');
      mustRun(t, host, 'DEL', config('10.66.0.2/24', 'eth0', 8080), container);
      t.match(nftables(host), /tcp dport 99 return/);
    }
  }
});

test('CHECK finds what is missing', { timeout: 90_000 }, async (t) => {
  const host = new CniHost(t);
  const container = attached(host);
  const bad = (config: Json, msg: RegExp): void => {
    const { json } = host.run('ours', 'portmap', 'CHECK', config, container);
    t.match(json, { code: 999, msg });
  };
  const prevResult = resultOf(container, FOUR, SIX);
  const nft = configOf(mappings, { backend: 'nftables', prevResult });
  bad(nft, /missing hostport rules in "hostports" chain/);
  mustRun(t, host, 'ADD', nft, container);
  bad(
    configOf([{ ...mappings[0], hostPort: 9999 }], { backend: 'nftables', prevResult }),
    /"hostports" chain/,
  );
  bad({ ...nft, prevResult: undefined }, /^Required prevResult missing$/);
  bad({ ...nft, prevResult: resultOf(container, '10.66.0.9/24') }, /"hostports" chain/);
  for (const [chain, msg] of [
    ['prerouting', /missing jump to "hostports_all" in "prerouting" chain/],
    ['output', /missing jump to "hostports_all" in "output" chain/],
    ['hostports_all', /missing jump to "hostports" in "hostports_all" chain/],
    ['masquerading', /missing hostport rules in "masquerading" chain/],
  ] as const) {
    host.lab.run('nft', 'flush', 'chain', 'ip6', 'cni_hostport', chain);
    bad(nft, msg);
    mustRun(t, host, 'ADD', nft, container);
    mustRun(t, host, 'CHECK', nft, container);
  }
  mustRun(t, host, 'DEL', nft, container);

  const tables = configOf(mappings, { backend: 'iptables', prevResult });
  bad(tables, /could not check ipv4 dnat: chain CNI-DN-[0-9a-f]{21} not found in iptables table nat/);
  mustRun(t, host, 'ADD', tables, container);
  for (const [program, ...args] of [
    ['iptables', '-F', 'CNI-HOSTPORT-DNAT'],
    ['ip6tables', '-F', 'PREROUTING'],
    ['iptables', '-F', 'POSTROUTING'],
    ['iptables', '-F', 'CNI-HOSTPORT-MASQ'],
    ['ip6tables', '-F', 'CNI-HOSTPORT-SETMARK'],
  ] as const) {
    host.lab.run(program, '-t', 'nat', ...args);
    bad(tables, /could not check ipv[46] dnat: rule \[.*\] in chain [-A-Z0-9]+ not found in table nat/);
    mustRun(t, host, 'ADD', tables, container);
    mustRun(t, host, 'CHECK', tables, container);
  }
  // a config without a backend is content with either
  mustRun(t, host, 'CHECK', { ...tables, backend: undefined }, container);
});

function refusals(t: Test, host: CniHost, container: Container, cases: [Json, Json][]): void {
  const prevResult = resultOf(container, FOUR);
  for (const [extra, expected] of cases) {
    const config = configOf(mappings, { prevResult, ...extra });
    const refused = host.run('ours', 'portmap', 'ADD', config, container);
    t.equal(refused.status, 1, JSON.stringify(extra));
    t.match(refused.json, expected);
  }
}

test('bad input', { timeout: 90_000 }, async (t) => {
  const host = new CniHost(t);
  const container = attached(host);
  const one = (mapping: Json): Json => ({
    runtimeConfig: { portMappings: [{ ...mappings[0], ...mapping }] },
  });
  const typed = 'failed to parse config: failed to parse network configuration: ';
  const value = 'failed to parse config: ';
  refusals(t, host, container, [
    [{ backend: 7 }, { code: 6, msg: `${typed}backend: expected a string, got 7` }],
    [{ snat: 'yes' }, { code: 6, msg: `${typed}snat: expected true or false, got "yes"` }],
    [{ masqAll: 1 }, { code: 6 }],
    [{ conditionsV4: '-s' }, { code: 6 }],
    [{ conditionsV6: [1] }, { code: 6 }],
    [{ markMasqBit: '13' }, { code: 6 }],
    [{ externalSetMarkChain: [] }, { code: 6 }],
    [{ runtimeConfig: [] }, { code: 6 }],
    [{ runtimeConfig: { portMappings: {} } }, { code: 6 }],
    [one({ hostPort: '80' }), { code: 6 }],
    [one({ containerPort: 1.5 }), { code: 6 }],
    [one({ protocol: 6 }), { code: 6 }],
    [one({ hostIP: 6 }), { code: 6 }],
    [one({ hostPort: 0 }), { code: 7, msg: `${value}Invalid host port number: 0` }],
    [one({ hostPort: 65536 }), { code: 7, msg: `${value}Invalid host port number: 65536` }],
    [one({ containerPort: -1 }), { code: 7, msg: `${value}Invalid container port number: -1` }],
    [one({ hostPort: 65530, range: 10 }), { code: 7, msg: `${value}Invalid host port number: 65530` }],
    [one({ range: 0 }), { code: 7, msg: `${value}Invalid port range: 0` }],
    [one({ protocol: 'icmp' }), { code: 7, msg: `${value}Invalid protocol: icmp` }],
    [one({ hostIP: 'localhost' }), { code: 7, msg: `${value}Invalid host IP: localhost` }],
    [{ backend: 'ebtables' }, { code: 7, msg: `${value}unrecognized backend "ebtables"` }],
    [{ markMasqBit: 32 }, { code: 7, msg: `${value}MasqMarkBit must be between 0 and 31` }],
    [
      { markMasqBit: 1, externalSetMarkChain: 'X' },
      { code: 7, msg: `${value}Cannot specify externalSetMarkChain and markMasqBit` },
    ],
    [
      { backend: 'iptables', conditionsV4: ['ip'] },
      {
        code: 7,
        msg: `${value}iptables backend was requested but configuration contains nftables-specific options [conditionsV4]`,
      },
    ],
    [
      { backend: 'nftables', externalSetMarkChain: 'X', conditionsV6: ['!', '-s'] },
      {
        code: 7,
        msg: `${value}nftables backend was requested but configuration contains iptables-specific options [externalSetMarkChain conditionsV6]`,
      },
    ],
    [
      { conditionsV4: ['ip'], conditionsV6: ['-s'] },
      { code: 7, msg: /contains iptables-specific .* and nftables/ },
    ],
    [{ conditionsV4: ['tcp', 'flags', 'syn'] }, { code: 7, msg: /^conditionsV4: "tcp flags" is no match/ }],
    [
      { conditionsV4: ['-m', 'nonsense'] },
      { code: 999, msg: /^unable to setup DNAT: iptables-restore .*nonsense/s },
    ],
    [{ externalSetMarkChain: 'NO-SUCH' }, { code: 999, msg: /NO-SUCH is no chain of table nat/ }],
    [{ prevResult: undefined }, { code: 7, msg: 'must be called as chained plugin' }],
    [
      { prevResult: undefined, runtimeConfig: {} },
      { code: 7, msg: 'must be called as chained plugin' },
    ],
  ]);
  clean(t, host, 'refused');
  // IPv4 is done when IPv6 fails
  host.lab.run('iptables', '-t', 'nat', '-N', 'ONLY-FOUR');
  const half = { externalSetMarkChain: 'ONLY-FOUR', prevResult: resultOf(container, FOUR, SIX) };
  refusals(t, host, container, [[half, { code: 999, msg: /ONLY-FOUR is no chain/ }]]);
  clean(t, host, 'half');
  const prevResult = resultOf(container, FOUR);
  for (const extra of [
    { runtimeConfig: undefined },
    { runtimeConfig: { PORTMAPPINGS: [] } },
    { prevResult: { ...prevResult, ips: [] } },
    { prevResult: { ...prevResult, ips: [{ address: FOUR, interface: 0 }] } },
  ]) {
    mustRun(t, host, 'ADD', configOf(mappings, { prevResult, ...extra }), container);
    clean(t, host, 'nothing to publish');
  }
  mustRun(
    t,
    host,
    'ADD',
    configOf(mappings, { prevResult: { ...prevResult, ips: [{ address: FOUR }] } }),
    container,
  );
  t.equal(published(host).length, 2, 'an address of no interface');
});
