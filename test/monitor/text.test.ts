import { type Test, test } from 'tap';
import { Lab } from '../support/lab.js';
import { cleaned, listening, settled, Watcher } from './support/watchers.js';

/** Runs commands one after another; each is heard by all before the next. */
async function perform(t: Test, lab: Lab, watchers: readonly Watcher[], script: string): Promise<void> {
  for (const command of script.trim().split('\n')) {
    const [file = '', ...args] = command.trim().split(/\s+/);
    const { status, stderr } = lab.namespace.execSync(file, args);
    t.equal(status, 0, `${command}: ${stderr}`);
    await settled(lab, ...watchers);
  }
}

/** Performs a script under the eyes of `ip monitor` and of `netloom monitor`, within the namespace and from outside. */
async function same(t: Test, script: string, objects?: string, flags: readonly string[] = []): Promise<void> {
  const lab = new Lab(t, 'montext');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const ip = new Watcher(
    t,
    lab,
    'ip',
    ...flags,
    'monitor',
    'label',
    ...(objects === undefined ? ['all'] : objects.split(',')),
  );
  const chosen = [...flags, ...(objects === undefined ? [] : ['--objects', objects])];
  const inside = Watcher.monitor(t, lab, ...chosen);
  const outside = Watcher.monitor(t, undefined, `netns:${lab.name}`, ...chosen);
  const watchers = [ip, inside, outside];
  await listening(lab, ...watchers);
  const before = watchers.map(({ text }) => text.length);
  await perform(t, lab, watchers, script);
  const [theirs = '', ...ours] = watchers.map(({ text }, i) => cleaned(text.slice(before[i])));
  t.ok(theirs.split('\n').length > script.trim().split('\n').length, 'it tells of something');
  for (const text of ours) t.same(text.split('\n'), theirs.split('\n'));
}

test('links and bridges', { timeout: 60_000 }, async (t) => {
  await same(
    t,
    `ip link add v0 type veth peer name v1
     ip link set v0 up
     ip link set v1 up
     ip link set v0 alias my-alias
     ip link set v0 mtu 1400 txqueuelen 5
     ip link set v0 promisc on allmulticast on
     ip link set v0 arp off multicast off
     ip link set v0 group 5
     ip link property add dev v0 altname another altname third
     ip link add br0 type bridge
     ip link set v1 master br0
     ip link set br0 up
     bridge fdb add 02:00:00:00:00:33 dev v1 master static
     bridge fdb replace 02:00:00:00:00:38 dev v1 master dynamic extern_learn
     bridge fdb del 02:00:00:00:00:33 dev v1 master
     ip link add vx0 type vxlan id 5 dstport 4789 remote 10.7.0.9
     ip link add m0 link v0 type macvlan mode bridge
     ip link set m0 address 02:00:00:00:00:44
     ip tuntap add t0 mode tun
     ip link set t0 up
     ip link set v1 nomaster
     ip link del t0
     ip link del m0
     ip link del br0
     ip link del v0`,
  );
});

test('addresses and routes', { timeout: 60_000 }, async (t) => {
  await same(
    t,
    `ip link add v0 type veth peer name v1
     sysctl -qw net.ipv6.conf.v0.accept_dad=0 net.ipv6.conf.v1.accept_dad=0 net.ipv6.conf.v0.addr_gen_mode=1
     ip link set v0 up
     ip link set v1 up
     ip addr add 10.7.0.1/24 brd + dev v0 label v0:x
     ip addr add 10.7.0.2/24 dev v0
     ip addr add 10.9.0.1 peer 10.9.0.2/32 dev v0 valid_lft 1000 preferred_lft 0
     ip addr add 10.77.0.1/24 dev v0 metric 7 noprefixroute scope link
     ip addr add fd00::1/64 dev v0 nodad
     ip addr add fd01::1/64 dev v0 nodad mngtmpaddr noprefixroute
     ip route add 10.8.0.0/16 via 10.7.0.9
     ip route add 10.18.0.0/16 via 10.7.0.9 metric 5 mtu 1400 table 99 src 10.7.0.2 proto bird
     ip route add blackhole 10.19.0.0/16
     ip route add throw 10.54.0.1 metric 7
     ip route add unreachable fd09::/64
     ip route add default via 10.7.0.7
     ip route add 10.20.0.0/16 nexthop via 10.7.0.9 weight 2 nexthop via 10.7.0.8
     ip route append 10.8.0.0/16 via 10.7.0.8
     ip route replace 10.8.0.0/16 via 10.7.0.10
     ip route add 10.51.0.0/16 dev v0 rtt 1200 table 300 quickack 1
     ip route add 10.52.0.0/16 via inet6 fe80::9 dev v0
     ip route add 10.53.0.0/16 via 10.7.0.9 dev v0 onlink mtu lock 1300 hoplimit 5 features ecn rto_min 300
     ip route add 10.56.0.0/16 dev v0 tos 0x10
     ip route add 10.57.0.0/16 dev v0 realm 5/6
     ip -6 route add fd08::/64 via fd00::9 metric 77 pref high
     ip -6 route add fd18::/64 nexthop via fd00::9 nexthop via fd00::8
     ip -6 route add fd77::/64 dev v0 expires 1000
     ip route add 10.55.0.0/16 encap ip id 5 dst 10.7.0.9 dev v0
     ip nexthop add id 5 via 10.7.0.9 dev v0 proto bird
     ip nexthop add id 6 via 10.7.0.8 dev v0
     ip nexthop add id 7 group 5,3/6
     ip nexthop add id 8 blackhole
     ip nexthop add id 9 group 5/6 type resilient buckets 4
     ip nexthop add id 10 via 10.7.0.9 fdb
     ip -6 nexthop add id 11 dev v0
     ip route add 10.30.0.0/16 nhid 5
     ip nexthop del id 7
     ip route del 10.20.0.0/16
     ip addr del 10.7.0.1/24 dev v0
     ip link set v0 down
     ip link del v0`,
  );
});

test('rules, neighbours, settings and numbers of namespaces', { timeout: 60_000 }, async (t) => {
  const other = new Lab(t, 'monother');
  await same(
    t,
    `ip link add v0 type veth peer name v1
     ip link set v0 up
     ip rule add from 10.0.0.0/8 lookup 99 prio 5
     ip rule add fwmark 0x1/0xff iif v0 lookup main prio 6
     ip rule add from 10.0.0.1 to 10.1.0.0/16 tos 0x10 iif nodev oif v0 lookup 100 proto static prio 9 suppress_prefixlength 0
     ip rule add uidrange 0-9 ipproto tcp sport 5 dport 6-7 goto 32766 prio 10
     ip rule add not fwmark 5 prohibit prio 11
     ip rule add l3mdev prio 12
     ip -6 rule add to fd00::/8 blackhole
     ip rule del prio 5
     ip neigh add 10.7.0.9 lladdr 02:00:00:00:00:09 dev v0
     ip neigh add 10.7.0.20 lladdr 02:00:00:00:00:20 dev v0 router extern_learn nud stale protocol bird
     ip neigh add fe80::9 lladdr 02:00:00:00:00:09 dev v0 nud noarp
     ip neigh del 10.7.0.9 dev v0
     sysctl -qw net.ipv4.conf.v0.forwarding=1 net.ipv6.conf.v0.forwarding=1
     sysctl -qw net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.default.proxy_arp=1
     sysctl -qw net.ipv4.conf.v0.ignore_routes_with_linkdown=1 net.ipv4.conf.v0.rp_filter=1
     ip netns set ${other.name} 44
     ip link set v1 netns ${other.name}
     ip link del v0`,
  );
});

test('only the objects that are asked for', { timeout: 60_000 }, async (t) => {
  await same(
    t,
    `ip link add v0 type veth peer name v1
     ip link set v0 up
     ip addr add 10.7.0.1/24 dev v0
     ip rule add from 10.0.0.0/8 lookup 99 prio 5
     ip neigh add 10.7.0.9 lladdr 02:00:00:00:00:09 dev v0
     ip link del v0`,
    'address,neigh',
  );
});

test('details and statistics', { timeout: 60_000 }, async (t) => {
  const script = `ip link add v0 type veth peer name v1
     sysctl -qw net.ipv6.conf.all.disable_ipv6=1
     ip link set v0 alias my-alias
     ip link property add dev v0 altname another
     ip link set v0 up
     ip link set v1 up
     ip link add br0 type bridge
     ip link set v1 master br0
     ip link set v1 type bridge_slave cost 7
     ip link add m0 link v0 type macvlan mode bridge
     ip link add vx0 type vxlan id 5 dstport 4789 remote 10.7.0.9 nolearning ttl 9
     ip link add vx1 type vxlan id 6 dstport 4790 local 10.7.0.9 l2miss udp6zerocsumrx
     ip tuntap add t0 mode tun
     ip link add i0 type ifb
     ip addr add 10.7.0.1/24 dev v0
     ip route add 10.8.0.0/16 via 10.7.0.9
     ip route add blackhole 10.9.0.0/16
     ip route add 10.18.0.0/16 via 10.7.0.9 metric 5 table 99 proto bird
     ip rule add from 10.0.0.0/8 lookup 99
     ip rule add from 10.1.0.0/16 lookup 98 proto static
     ip neigh add 10.7.0.9 lladdr 02:00:00:00:00:09 dev v0
     ip neigh add 10.7.0.20 lladdr 02:00:00:00:00:20 dev v0 router extern_learn nud stale protocol bird
     ip neigh del 10.7.0.9 dev v0
     ip rule del from 10.0.0.0/8
     ip link del t0
     ip link del v0`;
  await same(t, script, 'link,address,route,rule,neigh', ['-d']);
  await same(t, script, 'link,address,neigh', ['-s']);
});
