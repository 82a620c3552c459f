import { Script } from 'node:vm';
import { test } from 'tap';
import {
  type Graph,
  type GraphInterface,
  type GraphNamespace,
  graphDot,
  graphHtml,
  graphSvg,
  graphText,
  readGraph,
} from '../../host/inspect/index.js';
import { Lab } from '../support/lab.js';
import { EmptyHost } from './support/places.js';

const item = (
  namespace: string,
  index: number,
  name: string,
  more: Partial<GraphInterface> = {},
): GraphInterface => ({
  id: `${namespace}:${index}`,
  index,
  name,
  kind: 'veth',
  up: true,
  state: 'up',
  mtu: 1500,
  addresses: [],
  ...more,
});

const loopback = (namespace: string): GraphInterface =>
  item(namespace, 1, 'lo', { kind: 'loopback', state: 'unknown', addresses: ['127.0.0.1/8', '::1/128'] });

const namespace = (id: string, name: string, more: Partial<GraphNamespace>): GraphNamespace => ({
  id,
  name,
  names: [name],
  owner: { kind: 'name', name },
  processes: 1,
  interfaces: [],
  ...more,
});

/** A host with a bridge, two containers on it, a macvlan, and what could not be read. */
const graph: Graph = {
  namespaces: [
    namespace('1', 'host', {
      owner: { kind: 'host', name: 'host' },
      interfaces: [
        loopback('1'),
        item('1', 2, 'eth0', { kind: 'physical', addresses: ['192.0.2.2/24', 'fd00::2/64'] }),
        item('1', 3, 'docker0', { kind: 'bridge', addresses: ['172.17.0.1/16'] }),
        item('1', 4, 'vethA'),
        item('1', 5, 'vethB', { state: 'down' }),
        item('1', 6, 'vethC', { elsewhere: 'nsid 9' }),
      ],
    }),
    namespace('2', 'docker:web', {
      owner: { kind: 'container', name: 'web', engine: 'docker', container: 'a'.repeat(64) },
      interfaces: [loopback('2'), item('2', 2, 'eth0', { addresses: ['172.17.0.2/16'] })],
    }),
    namespace('3', 'docker:<b>"&\\', { interfaces: [item('3', 2, 'eth0')] }),
    namespace('4', 'netns:lab', {
      interfaces: [item('4', 7, 'mv0', { kind: 'macvlan', detail: 'bridge', addresses: ['192.0.2.50/24'] })],
    }),
    namespace('5', 'pid:77', { interfaces: [loopback('5')] }),
    namespace('6', 'pid:78', { problem: 'setns: Operation not permitted' }),
  ],
  edges: [
    { kind: 'port', from: '1:4', to: '1:3' },
    { kind: 'port', from: '1:5', to: '1:3' },
    { kind: 'veth', from: '1:4', to: '2:2' },
    { kind: 'veth', from: '1:5', to: '3:2' },
    { kind: 'lower', from: '4:7', to: '1:2' },
  ],
  published: [
    {
      at: '1',
      protocol: 'tcp',
      hostAddress: '127.0.0.1',
      hostPort: 8080,
      lastHostPort: 8080,
      address: '172.17.0.2',
      port: 80,
      to: '2:2',
    },
    { at: '1', protocol: 'udp', hostPort: 90, lastHostPort: 92, address: '10.9.9.9' },
  ],
  problems: [],
};

test('as a tree', (t) => {
  t.equal(
    graphText(graph),
    `host
├─ eth0  physical  192.0.2.2/24  fd00::2/64
├─ docker0  bridge  172.17.0.1/16
│  ├─ vethA  veth  ↔ docker:web eth0
│  └─ vethB  veth  down  ↔ docker:<b>"&\\ eth0
├─ vethC  veth  ↔ a namespace that was not found (nsid 9)
└─ published ports
   ├─ 127.0.0.1:8080/tcp → docker:web 172.17.0.2:80
   └─ *:90-92/udp → 10.9.9.9:90-92

docker:web  (docker web aaaaaaaaaaaa)
└─ eth0  veth  172.17.0.2/16  ↔ host vethA

docker:<b>"&\\
└─ eth0  veth  ↔ host vethB

netns:lab
└─ mv0  macvlan bridge  192.0.2.50/24  on host eth0

pid:77
└─ lo  loopback  127.0.0.1/8  ::1/128

pid:78
└─ setns: Operation not permitted`,
  );
  t.end();
});

test('control characters do not reach a terminal', (t) => {
  const hostile = namespace('1', 'pid:1 \x1b[2J', { interfaces: [item('1', 2, 'a\x9bb')] });
  const text = graphText({ namespaces: [hostile], edges: [], published: [], problems: [] });
  for (const control of ['\x1b', '\x9b']) t.notOk(text.includes(control));
  t.match(text, 'pid:1 \ufffd[2J');
  t.end();
});

test('in Graphviz’ language', (t) => {
  const text = graphDot(graph);
  t.match(text, /^digraph netloom \{/);
  t.match(text, /label="docker:<b>\\"&\\\\"/);
  t.match(text, /"1:4" -> "2:2" \[dir=none/);
  t.match(text, /"1:3" -> "1:4" \[arrowhead=dot/, 'a bridge before its port');
  t.match(text, /"port:0" -> "2:2" \[label="80"/);
  t.notMatch(text, /"1:1"/, 'no plain loopback beside others');
  t.equal(text.split('{').length, text.split('}').length);
  t.end();
});

/** Tags that are opened and closed in their order; attributes in quotes. */
function isWellFormed(xml: string): boolean {
  const open: string[] = [];
  const rest = xml.replaceAll(
    /<(\/?)([a-zA-Z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g,
    (_, close, name, _attributes, empty) => {
      if (close === '/') {
        if (open.pop() !== name) open.push(`not ${name}`);
      } else if (empty !== '/') open.push(String(name));
      return '';
    },
  );
  return open.length === 0 && !/<|&(?!amp;|lt;|gt;|quot;)/.test(rest.replace('<!doctype html>', ''));
}

test('as a picture', (t) => {
  const svg = graphSvg(graph, { title: 'a <title> & more' });
  t.ok(isWellFormed(svg));
  t.match(svg, 'docker:&lt;b&gt;&quot;&amp;\\');
  t.match(svg, 'a &lt;title&gt; &amp; more');
  t.match(svg, 'data-from="1:4" data-to="2:2"');
  t.match(svg, 'data-from="port:0" data-to="2:2"');
  t.notMatch(svg, /data-from="1:4" data-to="1:3"/, 'ports stand below their bridge, without a line');
  t.notMatch(
    svg.replaceAll('http://www.w3.org/2000/svg', ''),
    /https?:|url\(|@import|NaN|undefined|Infinity/,
  );
  const html = graphHtml(graph, { title: 'x</title><script>alert(1)</script>' });
  t.notMatch(html, /<script>alert/);
  t.match(html, /default-src 'none'/);
  const code = /<script>([\s\S]*)<\/script>/.exec(html)?.[1] ?? '';
  t.ok(code.length > 1000);
  t.doesNotThrow(() => new Script(code), 'its program is one');
  t.notMatch(
    html.replaceAll('http://www.w3.org/2000/svg', '').replaceAll('http-equiv', ''),
    /https?:|src=|href=/,
  );
  t.end();
});

test('pictures of nothing, and of much', (t) => {
  const nothing: Graph = { namespaces: [], edges: [], published: [], problems: [] };
  t.ok(isWellFormed(graphSvg(nothing, { title: '' })));
  t.equal(graphText(nothing), '');
  t.match(graphDot(nothing), /\}$/);
  const many = Array.from({ length: 300 }, (_, i) => i + 10);
  const [host] = graph.namespaces as [GraphNamespace];
  const crowd: Graph = {
    ...nothing,
    namespaces: [
      { ...host, interfaces: many.map((i) => item('1', i, `veth${i}`)) },
      ...many.map((i) => namespace(String(i), `docker:c${i}`, { interfaces: [item(String(i), 2, 'eth0')] })),
    ],
    edges: many.map((i) => ({ kind: 'veth', from: `1:${i}`, to: `${i}:2` })),
  };
  const svg = graphSvg(crowd, { title: 'crowd' });
  t.ok(isWellFormed(svg));
  const places = [...svg.matchAll(/class="ns"[^>]*translate\((\d+) (\d+)\)/g)].map(([, x, y]) => `${x} ${y}`);
  t.equal(places.length, 301);
  t.equal(new Set(places).size, 301, 'no card on another');
  // each end of a veth pair under the other
  const loop: Graph = {
    ...nothing,
    namespaces: [namespace('1', 'a', { interfaces: [item('1', 2, 'a'), item('1', 3, 'b')] })],
    edges: [
      { kind: 'lower', from: '1:2', to: '1:3' },
      { kind: 'lower', from: '1:3', to: '1:2' },
      { kind: 'port', from: '1:2', to: '1:2' },
    ],
  };
  t.match(graphText(loop), /a {2}veth/);
  t.ok(isWellFormed(graphSvg(loop, { title: 'loop' })));
  t.end();
});

test('what is connected to what, on this host', { timeout: 60_000 }, async (t) => {
  const [host, first, second] = [new Lab(t, 'ghost'), new Lab(t, 'gone'), new Lab(t, 'gtwo')];
  host.run(
    'sh',
    '-ec',
    `
    ip link add br0 type bridge; ip link set br0 up; ip addr add 10.5.0.1/24 dev br0
    ip link add p1 type veth peer name eth0 netns ${first.name}; ip link set p1 master br0; ip link set p1 up
    ip link add p2 type veth peer name eth0 netns ${second.name}; ip link set p2 master br0; ip link set p2 up
    ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up
    ip link add mv0 link up0 netns ${second.name} type macvlan mode bridge
    nft add table ip t
    nft 'add chain ip t c { type nat hook prerouting priority -100; }'
    nft add rule ip t c tcp dport 8085 dnat to 10.5.0.2:80
    nft add rule ip t c ip daddr 10.5.0.1 udp dport { 53, 54 } dnat to 10.5.0.3
    nft add rule ip t c dnat to tcp dport map { 9000 : 10.5.0.2 . 90 }
    nft add rule ip t c tcp sport 1 dnat to 10.5.0.2
    iptables -t nat -A PREROUTING -p tcp -d 10.5.0.1 --dport 8443 -j DNAT --to-destination 10.5.0.2:443
    iptables -t nat -A PREROUTING -p udp -m multiport --dports 70,80:82 -j DNAT --to-destination 10.5.0.3
    ip6tables -t nat -A PREROUTING -p tcp --dport 99 -j DNAT --to-destination [fd00:5::2]:9
  `,
  );
  for (const [lab, address] of [
    [first, '10.5.0.2/24'],
    [second, '10.5.0.3/24'],
  ] as const) {
    lab.run('ip', 'link', 'set', 'eth0', 'up');
    lab.run('ip', 'addr', 'add', address, 'dev', 'eth0');
  }
  const inodes = [host, first, second].map((lab) => lab.namespace.id.ino);
  const read = await readGraph({ only: new Set(inodes), places: new EmptyHost(t).places });
  t.same(
    read.namespaces.map(({ name }) => name).sort(),
    [host, first, second].map(({ name }) => `netns:${name}`).sort(),
  );
  const label = (id: string): string => {
    for (const [at, inode] of inodes.entries()) {
      const own = read.namespaces.find((one) => one.id === String(inode));
      const found = own?.interfaces.find((one) => one.id === id);
      if (found !== undefined) return `${['host', 'first', 'second'][at]} ${found.name}`;
    }
    return id;
  };
  const edges = read.edges.map(({ kind, from, to }) => {
    const ends = [label(from), label(to)];
    return [kind, ...(kind === 'veth' ? ends.sort() : ends)].join(', ');
  });
  t.same(edges.sort(), [
    'lower, second mv0, host up0',
    'port, host p1, host br0',
    'port, host p2, host br0',
    'veth, first eth0, host p1',
    'veth, host p2, second eth0',
    'veth, host up0, host up1',
  ]);
  const ports = read.published.map(
    ({ protocol, hostAddress = '*', hostPort, lastHostPort, address, port, to }) =>
      [
        protocol,
        hostAddress,
        hostPort,
        lastHostPort,
        address,
        port ?? 'same',
        to === undefined ? '-' : label(to),
      ].join(' '),
  );
  t.same(ports.sort(), [
    'tcp * 8085 8085 10.5.0.2 80 first eth0',
    'tcp * 9000 9000 10.5.0.2 90 first eth0',
    'tcp * 99 99 fd00:5::2 9 -',
    'tcp 10.5.0.1 8443 8443 10.5.0.2 443 first eth0',
    'udp * 70 70 10.5.0.3 same second eth0',
    'udp * 80 82 10.5.0.3 same second eth0',
    'udp 10.5.0.1 53 53 10.5.0.3 same second eth0',
    'udp 10.5.0.1 54 54 10.5.0.3 same second eth0',
  ]);
  // the other end is not among those that are looked at
  const alone = await readGraph({ only: new Set([inodes[1] as number]), places: new EmptyHost(t).places });
  t.match(
    alone.namespaces[0]?.interfaces.find(({ name }) => name === 'eth0'),
    { elsewhere: /^nsid \d+$/ },
  );
});
