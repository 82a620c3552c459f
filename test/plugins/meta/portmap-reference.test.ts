import { test } from 'tap';
import { CniHost, type Json, type Side } from '../support/host.js';
import { clean, configOf, iptables, mustRun, resultOf } from './support/portmap.js';

const FOUR = '10.66.0.2/24';
const SIX = 'fd00:66::2/64';

const ports = (...numbers: number[]): Json[] =>
  numbers.map((hostPort) => ({ hostPort, containerPort: hostPort + 1000, protocol: 'tcp' }));

const cases: Record<string, { addresses?: string[]; mappings: Json[]; extra?: Json }> = {
  'one port': { mappings: ports(8080) },
  'both families': { addresses: [FOUR, SIX], mappings: ports(8080, 8081) },
  protocols: {
    mappings: ['udp', 'tcp', 'sctp', 'tcp'].map((protocol, i) => ({
      hostPort: 8080 + i,
      containerPort: 80,
      protocol,
    })),
  },
  'addresses of the host': {
    addresses: [FOUR, SIX],
    mappings: ['192.0.2.1', '0.0.0.0', '::', 'fd00::5', '127.0.0.1'].map((hostIP, i) => ({
      hostPort: 8080 + i,
      containerPort: 80,
      protocol: 'tcp',
      hostIP,
    })),
  },
  'more than fifteen': { mappings: ports(...Array.from({ length: 32 }, (_, i) => 8000 + i)) },
  'snat off': { mappings: ports(8080), extra: { snat: false } },
  'another mark': { mappings: ports(8080), extra: { markMasqBit: 31 } },
  conditions: {
    addresses: [FOUR, SIX],
    mappings: ports(8080),
    extra: {
      conditionsV4: ['!', '-s', '192.0.2.0/24'],
      conditionsV6: ['-m', 'comment', '--comment', 'a "b'],
    },
  },
  'a mark of others': { mappings: ports(8080), extra: { externalSetMarkChain: 'KUBE-MARK-MASQ' } },
};

/** Rules alone. IPv6's loopback is an addition of ours. */
function rules(host: CniHost): string[] {
  return [...iptables(host), ...iptables(host, 'ip6tables-save')]
    .filter((line) => !line.includes('-s ::1/128'))
    .map((line) =>
      line.replaceAll(/CNI-DN-[0-9a-f]{21}/g, 'CNI-DN-hash').replaceAll(/id: \\"[^"]*\\"/g, 'id'),
    );
}

test('iptables: as the reference', { timeout: 120_000 }, async (t) => {
  const containers = (['reference', 'ours'] as const).map((side) => {
    const host = new CniHost(t);
    for (const program of ['iptables', 'ip6tables']) {
      host.lab.run(program, '-t', 'nat', '-N', 'KUBE-MARK-MASQ');
      host.lab.run(program, '-t', 'nat', '-A', 'PREROUTING', '-j', 'KUBE-MARK-MASQ');
    }
    return { side, host, container: host.container() };
  });
  for (const [name, { addresses = [FOUR], mappings, extra = {} }] of Object.entries(cases)) {
    const seen = containers.map(({ side, host, container }) => {
      const config = configOf(mappings, {
        cniVersion: '1.0.0',
        backend: 'iptables',
        prevResult: resultOf(container, ...addresses),
        ...extra,
      });
      const { json } = mustRun(t, host, 'ADD', config, container, { side });
      const added = rules(host);
      // Debian's version looks for IPv4's rules in ip6tables
      mustRun(t, host, 'CHECK', config, container);
      mustRun(t, host, 'DEL', config, container, { side });
      const left = rules(host).filter((line) => line.includes('CNI-DN'));
      // the reference keeps what all share
      for (const program of ['iptables', 'ip6tables']) {
        if (side === 'reference') {
          host.lab.run(program, '-t', 'nat', '-F');
          host.lab.run(program, '-t', 'nat', '-X');
          host.lab.run(program, '-t', 'nat', '-N', 'KUBE-MARK-MASQ');
          host.lab.run(program, '-t', 'nat', '-A', 'PREROUTING', '-j', 'KUBE-MARK-MASQ');
        }
      }
      return { ips: json.ips, added, left };
    });
    t.same(seen[1], seen[0], name);
    t.same(seen[1]?.left, []);
  }
  const [, ours] = containers;
  if (ours !== undefined) clean(t, ours.host, 'DEL');
});

test('iptables: each removes what the other added', { timeout: 60_000 }, async (t) => {
  for (const [adds, deletes] of [
    ['ours', 'reference'],
    ['reference', 'ours'],
  ] as [Side, Side][]) {
    const host = new CniHost(t);
    const container = host.container();
    const config = configOf(ports(8080, 8081), {
      cniVersion: '1.0.0',
      backend: 'iptables',
      prevResult: resultOf(container, FOUR, SIX),
    });
    mustRun(t, host, 'ADD', config, container, { side: adds });
    mustRun(t, host, 'DEL', config, container, { side: deletes });
    t.same(
      rules(host).filter((line) => line.includes('CNI-DN')),
      [],
      `${deletes} removes`,
    );
    if (deletes === 'ours') clean(t, host, 'ours');
  }
});

/** As version 1.9.1 of the reference makes it, comments and all. */
const v191 = (id: string, condition = ''): string => `table ip cni_hostport {
  comment "CNI portmap plugin"
  chain hostports {
    tcp dport 8080 dnat to 10.66.0.2:9080 comment "${id}"
    ip daddr 192.0.2.1 udp dport 8081 dnat to 10.66.0.2:81 comment "${id}"
  }
  chain hostip_hostports {
  }
  chain hostports_all {
    jump hostip_hostports
    jump hostports
  }
  chain prerouting {
    type nat hook prerouting priority -100
    ${condition} fib daddr type local jump hostports_all
  }
  chain output {
    type nat hook output priority -100
    ${condition} fib daddr type local jump hostports_all
  }
  chain masquerading {
    type nat hook postrouting priority 100
    ip saddr 10.66.0.2 ip daddr 10.66.0.2 masquerade comment "${id}"
    ip saddr 127.0.0.1 ip daddr 10.66.0.2 masquerade comment "${id}"
  }
}
`;
/** As versions 1.6.1 to 1.8.0 make it: what is forwarded is published too. */
const v161 = (id: string): string => `table ip cni_hostport {
  chain hostports {
    tcp dport 8080 dnat to 10.66.0.2:9080 comment "${id}"
  }
  chain hostip_hostports {
    ip daddr 192.0.2.1 udp dport 8081 dnat to 10.66.0.2:81 comment "${id}"
  }
  chain prerouting {
    type nat hook prerouting priority -100
    jump hostip_hostports
    jump hostports
  }
  chain output {
    type nat hook output priority -100
    jump hostip_hostports
    fib daddr type local jump hostports
  }
  chain input {
    type nat hook input priority -100
    accept
  }
  chain masquerading {
    type nat hook postrouting priority 100
    ip saddr 10.66.0.2 ip daddr 10.66.0.2 masquerade comment "${id}"
  }
}
`;

const mapped: Json[] = [
  { hostPort: 8080, containerPort: 9080, protocol: 'tcp' },
  { hostPort: 8081, containerPort: 81, protocol: 'udp', hostIP: '192.0.2.1' },
];

test('nftables: the rules of the reference', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const load = (text: string): void => {
    host.lab.run('sh', '-c', `nft -f - <<'END'\n${text}END`);
  };
  const listed = (): string => host.lab.run('nft', 'list', 'ruleset');
  const config = configOf(mapped, { backend: 'nftables', prevResult: resultOf(container, FOUR) });
  load(v191(container.id));
  const theirs = listed();
  mustRun(t, host, 'CHECK', config, container);
  mustRun(t, host, 'ADD', config, container);
  // but for neighbours, and the loopback
  const ours = listed()
    .split('\n')
    .filter((line) => !line.includes('ct original'))
    .join('\n');
  t.equal(ours, theirs, 'ours are the same, in their place');
  mustRun(t, host, 'DEL', config, container);
  clean(t, host, 'DEL of ours');

  load(v191(container.id));
  mustRun(t, host, 'DEL', { ...config, prevResult: undefined, runtimeConfig: undefined }, container);
  clean(t, host, 'DEL of theirs');

  load(v161(container.id));
  mustRun(t, host, 'DEL', config, container, { extra: { CNI_NETNS: '' } });
  clean(t, host, 'DEL of older ones');

  // another container's, of an older version: they stay, and are made safe
  load(v161('somebody'));
  mustRun(t, host, 'ADD', config, container);
  t.match(listed(), /chain prerouting \{\n.*\n\t\tfib daddr type local jump hostports_all\n\t\}/);
  t.notMatch(listed(), /chain input/);
  mustRun(t, host, 'DEL', config, container);
  t.equal(listed().match(/comment "somebody"/g)?.length, 3);
  t.notMatch(listed(), container.id);
});

test('nftables: conditions before rules of the reference', { timeout: 60_000 }, async (t) => {
  const host = new CniHost(t);
  const container = host.container();
  const listed = (): string => host.lab.run('nft', 'list', 'ruleset');
  const entries = (): number =>
    listed().match(/\t\tip saddr != 10\.0\.0\.0\/8 fib daddr type local jump/g)?.length ?? 0;
  const conditionsV4 = ['ip', 'saddr', '!=', '10.0.0.0/8'];
  const config = configOf(mapped, { prevResult: resultOf(container, FOUR), conditionsV4 });
  host.lab.run('sh', '-c', `nft -f - <<'END'\n${v191('somebody', conditionsV4.join(' '))}END`);
  t.equal(entries(), 2);
  mustRun(t, host, 'ADD', config, container);
  t.equal(entries(), 2, 'the last conditions are everybody’s');
  mustRun(t, host, 'CHECK', config, container);
  mustRun(t, host, 'DEL', config, container);
  mustRun(t, host, 'DEL', config, container, { extra: { CNI_CONTAINERID: 'somebody' } });
  clean(t, host, 'DEL');
  mustRun(t, host, 'ADD', config, container);
  t.equal(entries(), 0, 'else each has its own');
  t.match(listed(), /ip saddr != 10\.0\.0\.0\/8 tcp dport 8080 dnat/);
});
