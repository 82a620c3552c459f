import { test } from 'tap';
import type { Json } from '../support/host.js';
import {
  ask,
  clean,
  configOf,
  FOUR,
  hostWithOutside,
  mustRun,
  networkOf,
  OUTSIDE,
  OUTSIDE_SIX,
  SIX,
  serve,
} from './support/portmap.js';

const mappings = [
  { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
  { hostPort: 8081, containerPort: 81, protocol: 'udp' },
  { hostPort: 8082, containerPort: 80, protocol: 'tcp', hostIP: FOUR },
  { hostPort: 8083, containerPort: 80, protocol: 'tcp', hostIP: '127.0.0.1' },
  { hostPort: 8084, containerPort: 80, protocol: 'TCP', hostIP: '::' },
  { hostPort: 9000, containerPort: 7000, protocol: 'tcp', range: 3 },
  { hostPort: 7001, containerPort: 7001, protocol: 'udp', range: 2 },
];

for (const backend of ['nftables', 'iptables']) {
  for (const type of ['bridge', 'ptp']) {
    test(`${backend}: ports of a container of ${type}`, { timeout: 60_000 }, async (t) => {
      const { host, outside } = hostWithOutside(t);
      // where bridges call netfilter, answers between neighbours come by; ::1 does not work over bridges then
      host.lab.run('sysctl', '-qw', 'net.bridge.bridge-nf-call-ip6tables=0');
      if (backend === 'nftables') host.lab.run('sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0');
      const network = networkOf(host, type);
      const [one, two] = [host.container(), host.container()];
      const prevResult = mustRun(t, host, 'ADD', network, one).json;
      mustRun(t, host, 'ADD', network, two);
      const config = configOf(mappings, { backend, prevResult });
      t.same(mustRun(t, host, 'ADD', config, one).json, prevResult, 'the result passes');
      await Promise.all([serve(t, one.lab, 'one', 80, 81, 7000, 7001, 7002), serve(t, two.lab, 'two', 80)]);

      const out = ask(
        outside.lab,
        `tcp/${FOUR}/8080`,
        `tcp/${SIX}/8080`,
        `udp/${FOUR}/8081`,
        `udp/${SIX}/8081`,
        `tcp/${FOUR}/8082`,
        `!tcp/${SIX}/8082`,
        `!tcp/${FOUR}/8083`,
        `!tcp/${FOUR}/8084`,
        `tcp/${SIX}/8084`,
        `tcp/${FOUR}/9002`,
        `tcp/${SIX}/9001`,
        `udp/${FOUR}/7002`,
        `!tcp/${FOUR}/9003`,
        `!tcp/${FOUR}/80`,
      );
      t.same(out, [
        `one ${OUTSIDE} 80`,
        `one ${OUTSIDE_SIX} 80`,
        `one ${OUTSIDE} 81`,
        `one ${OUTSIDE_SIX} 81`,
        `one ${OUTSIDE} 80`,
        null,
        null,
        null,
        `one ${OUTSIDE_SIX} 80`,
        `one ${OUTSIDE} 7002`,
        `one ${OUTSIDE_SIX} 7001`,
        `one ${OUTSIDE} 7002`,
        null,
        null,
      ]);

      const own = ask(
        host.lab,
        `tcp/${FOUR}/8080`,
        `tcp/${SIX}/8080`,
        'tcp/127.0.0.1/8080',
        'tcp/::1/8080',
        'udp/127.0.0.1/8081',
        'udp/::1/8081',
        'tcp/127.0.0.1/8083',
        '!tcp/127.0.0.1/8082',
        'tcp/10.66.0.1/8080',
        'tcp/127.0.0.1/9001',
      );
      t.match(own, [
        /^one /,
        /^one /,
        'one 10.66.0.1 80',
        'one fd00:66::1 80',
        'one 10.66.0.1 81',
        'one fd00:66::1 81',
        'one 10.66.0.1 80',
        null,
        /^one /,
        'one 10.66.0.1 7001',
      ]);

      for (const [who, container] of [
        ['the container itself', one],
        ['its neighbour', two],
      ] as const) {
        t.match(
          ask(
            container.lab,
            `tcp/${FOUR}/8080`,
            `tcp/${SIX}/8080`,
            `udp/${FOUR}/8081`,
            `udp/${SIX}/8081`,
            'tcp/10.66.0.1/9000',
          ),
          [/^one /, /^one /, /^one /, /^one /, /^one .* 7000/],
          who,
        );
      }
      t.same(ask(two.lab, 'tcp/10.66.0.2/80'), ['one 10.66.0.3 80'], 'what is not published has its source');

      mustRun(t, host, 'CHECK', config, one);
      mustRun(t, host, 'DEL', config, one);
      clean(t, host, 'DEL');
      t.same(ask(outside.lab, `!tcp/${FOUR}/8080`, `!udp/${SIX}/8081`), [null, null]);
      t.same(ask(host.lab, '!tcp/127.0.0.1/8080', '!tcp/::1/8080'), [null, null]);
    });
  }

  test(`${backend}: masqAll, snat off, conditions`, { timeout: 60_000 }, async (t) => {
    const { host, outside } = hostWithOutside(t);
    const network = networkOf(host, 'bridge');
    const container = host.container();
    const prevResult = mustRun(t, host, 'ADD', network, container).json;
    await serve(t, container.lab, 'one', 80);
    const ports = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }];
    const add = (extra: Json): Json => {
      const config = configOf(ports, { backend, prevResult, ...extra });
      mustRun(t, host, 'ADD', config, container);
      mustRun(t, host, 'CHECK', config, container);
      return config;
    };
    const there = [`tcp/${FOUR}/8080`, `tcp/${SIX}/8080`];

    // each replaces what was before
    add({ masqAll: true });
    t.same(ask(outside.lab, ...there), ['one 10.66.0.1 80', 'one fd00:66::1 80'], 'masqAll');
    t.match(ask(host.lab, 'tcp/127.0.0.1/8080'), [/^one /]);
    add({ snat: false });
    t.same(ask(outside.lab, ...there), [`one ${OUTSIDE} 80`, `one ${OUTSIDE_SIX} 80`], 'snat off');
    t.same(ask(host.lab, '!tcp/127.0.0.1/8080'), [null]);
    const conditions =
      backend === 'nftables'
        ? {
            conditionsV4: ['ip saddr != { 192.0.2.0/28, 10.1.0.0/16 }'],
            conditionsV6: ['ip6', 'saddr', 'fd00:66::/64'],
          }
        : { conditionsV4: ['!', '-s', '192.0.2.8/29'], conditionsV6: ['-s', 'fd00:66::/64'] };
    const config = add(conditions);
    t.same(ask(outside.lab, `!${there[0]}`, `!${there[1]}`), [null, null], 'conditions');
    t.match(ask(container.lab, ...there), [/^one /, /^one /]);
    mustRun(t, host, 'DEL', config, container);
    clean(t, host, 'DEL');
  });
}

test('only packets to the host are published', { timeout: 60_000 }, async (t) => {
  for (const backend of ['nftables', 'iptables']) {
    const { host, outside } = hostWithOutside(t);
    const network = networkOf(host, 'ptp');
    const container = host.container();
    const prevResult = mustRun(t, host, 'ADD', network, container).json;
    const other = mustRun(t, host, 'ADD', network, host.container()).json;
    const neighbour = (other.ips as { address: string }[])[0]?.address.split('/')[0] ?? '';
    mustRun(
      t,
      host,
      'ADD',
      configOf([{ hostPort: 53, containerPort: 53, protocol: 'udp' }], { backend, prevResult }),
      container,
    );
    await serve(t, container.lab, 'one', 53);
    outside.lab.run('ip', 'route', 'add', '10.66.0.0/24', 'via', FOUR);
    await serve(t, outside.lab, 'resolver', 53);
    t.same(ask(container.lab, `udp/${OUTSIDE}/53`), ['resolver 10.66.0.2 53'], `${backend}: out of the host`);
    t.same(ask(outside.lab, `!udp/${neighbour}/53`), [null], `${backend}: through the host`);
    t.same(ask(outside.lab, `udp/${FOUR}/53`), [`one ${OUTSIDE} 53`]);
  }
});

test('a datagram’s old way is forgotten', { timeout: 60_000 }, async (t) => {
  for (const backend of ['nftables', 'iptables']) {
    const { host, outside } = hostWithOutside(t);
    const network = networkOf(host, 'bridge');
    const [one, two] = [host.container(), host.container()];
    const results = [one, two].map((container) => mustRun(t, host, 'ADD', network, container).json);
    const ports = [{ hostPort: 8081, containerPort: 81, protocol: 'udp' }];
    const [first, second] = results.map((prevResult) => configOf(ports, { backend, prevResult })) as [
      Json,
      Json,
    ];
    await Promise.all([
      serve(t, one.lab, 'one', 81),
      serve(t, two.lab, 'two', 81),
      serve(t, host.lab, 'host', 8081),
    ]);
    const flow = ['--from=5000', `udp/${FOUR}/8081`];
    t.same(ask(outside.lab, ...flow), [`host ${OUTSIDE} 8081`], 'nobody is published');
    mustRun(t, host, 'ADD', first, one);
    t.same(ask(outside.lab, ...flow), [`one ${OUTSIDE} 81`], `${backend}: since ADD`);
    t.same(ask(outside.lab, '--from=5000', `udp/${SIX}/8081`), [`one ${OUTSIDE_SIX} 81`]);
    t.match(host.lab.run('conntrack', '-L', '-p', 'udp'), /dport=8081 src=10.66.0.2/);
    mustRun(t, host, 'DEL', first, one);
    t.same(ask(outside.lab, ...flow), [`host ${OUTSIDE} 8081`], `${backend}: since DEL`);
    mustRun(t, host, 'ADD', second, two);
    t.same(ask(outside.lab, ...flow), [`two ${OUTSIDE} 81`], `${backend}: another container`);
    // other flows are none of our business
    t.match(host.lab.run('conntrack', '-L', '-p', 'udp'), /sport=5000 dport=8081 src=10.66.0.3/);
  }
});
