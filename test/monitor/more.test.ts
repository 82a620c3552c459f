import { type Test, test } from 'tap';
import { Lab } from '../support/lab.js';
import { cleaned, listening, settled, Watcher } from './support/watchers.js';

async function perform(t: Test, lab: Lab, watchers: readonly Watcher[], script: string): Promise<string[]> {
  await listening(lab, ...watchers);
  const before = watchers.map(({ text }) => text.length);
  for (const command of script.trim().split('\n')) {
    const { status, stderr } = lab.namespace.execSync('sh', ['-c', command.trim()]);
    t.equal(status, 0, `${command}: ${stderr}`);
    await settled(lab, ...watchers);
  }
  return watchers.map(({ text }, i) => cleaned(text.slice(before[i])));
}

/** Lines of another program, which does not hear what `settled` does: until it has printed something. */
async function linesOf(watcher: Watcher, last: string | RegExp): Promise<string[]> {
  await watcher.prints(last);
  return watcher.text.split('\n');
}

test('forwarding entries and multicast groups as bridge monitor has them', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'monfdb');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const bridge = new Watcher(t, lab, 'bridge', 'monitor', 'all');
  const own = Watcher.monitor(t, lab, '--objects', 'fdb,mdb,address');
  const [text = ''] = await perform(
    t,
    lab,
    [own],
    `ip link add br0 type bridge
     ip link add v0 type veth peer name v1
     sysctl -qw net.ipv6.conf.all.disable_ipv6=1
     ip link set v1 master br0
     ip link set v0 up; ip link set v1 up; ip link set br0 up
     bridge fdb add 02:00:00:00:00:33 dev v1 master static
     bridge fdb add 02:00:00:00:00:35 dev v1 self
     bridge fdb replace 02:00:00:00:00:36 dev v1 master dynamic sticky
     bridge fdb add 02:00:00:00:00:37 dev br0 self
     ip link add vx0 type vxlan id 5 dstport 4789 remote 10.7.0.9
     bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.7.0.8 port 99 vni 7
     bridge mdb add dev br0 port v1 grp 239.1.1.1 permanent
     bridge mdb add dev br0 port v1 grp ff05::1 temp
     bridge mdb del dev br0 port v1 grp 239.1.1.1
     bridge fdb del 02:00:00:00:00:33 dev v1 master`,
  );
  const theirs = (await linesOf(bridge, 'Deleted 02:00:00:00:00:33'))
    .filter((line) => !line.startsWith('[LINK]'))
    .map((line) => line.replace(/^\[NEIGH\]/, '[FDB]'));
  const ours = text.split('\n').filter((line) => /^\[[FM]DB\]|^$/.test(line));
  t.same(ours, theirs);
});

test('connections as conntrack -E has them', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'monct');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  lab.run(
    'nft',
    'add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c ct state new accept',
  );
  const conntrack = new Watcher(t, lab, 'conntrack', '-E');
  const inside = Watcher.monitor(t, lab, '--objects', 'conntrack,address');
  const outside = Watcher.monitor(t, undefined, `netns:${lab.name}`, '--objects', 'conntrack,address');
  await conntrack.prints('').catch(() => undefined);
  const server =
    "require('net').createServer((s)=>s.end('x')).listen(7001,'127.0.0.1',()=>require('net').connect(7001,'127.0.0.1').on('data',()=>{}).on('close',()=>process.exit()))";
  const [mine = '', theirs = ''] = await perform(
    t,
    lab,
    [inside, outside],
    `ping -c1 -W1 127.0.0.1 >/dev/null
     ${process.execPath} -e "${server}"
     conntrack -D -p icmp >/dev/null
     conntrack -D -p tcp >/dev/null`,
  );
  const expected = (await linesOf(conntrack, /\[DESTROY\] tcp/)).filter(
    (line) => line !== '' && !line.startsWith('conntrack'),
  );
  for (const text of [mine, theirs]) {
    const ours = text
      .split('\n')
      .filter((line) => line.startsWith('[CT]'))
      .map((line) => line.slice(4));
    t.same(
      ours,
      // conntrack looks for the process too, and may find it
      expected.map((line) => line.replace(/ progname=.*/, '').trimEnd()),
    );
  }
  t.ok(expected.length >= 5);
});

test('tables, chains and generations as nft monitor has them', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'monnft');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const nft = new Watcher(t, lab, 'nft', 'monitor');
  const own = Watcher.monitor(t, lab, '--objects', 'nft,address');
  const json = Watcher.monitor(t, lab, '--objects', 'nft,address', '--json');
  await new Promise((resolve) => setTimeout(resolve, 300));
  const [text = '', lines = ''] = await perform(
    t,
    lab,
    [own, json],
    `nft add table inet one
     nft add table ip two
     nft add chain inet one plain
     nft "add chain inet one based { type filter hook input priority 0; policy drop; }"
     nft "add chain ip two source { type nat hook postrouting priority 100; }"
     nft "add set inet one few { type ipv4_addr; }"
     nft add element inet one few "{ 10.0.0.1 }"
     nft add rule inet one plain tcp dport 80 counter accept
     nft flush chain inet one plain
     nft delete chain ip two source
     nft delete table ip two
     nft delete table inet one`,
  );
  await nft.prints('delete table inet one');
  // the same but for new rules and sets, and for what goes with a table, which nft passes over
  const comparable = (line: string): boolean => /^(add|delete) (table|chain)|^# new generation/.test(line);
  const normal = (line: string): string =>
    line.replace(/ by process.*/, '').replace(/policy (drop|accept);/, 'policy $1;');
  const ours = text
    .split('\n')
    .map((line) => line.replace(/^\[NFT\]/, ''))
    .filter(comparable)
    .map(normal);
  const theirs = nft.text.split('\n').filter(comparable).map(normal);
  for (const line of theirs) t.ok(ours.includes(line), `${line} in ${ours.join('; ')}`);
  t.match(text, /add rule inet one plain tcp dport 80 counter packets 0 bytes 0 accept # handle \d+/);
  t.match(text, 'add element inet one few { 10.0.0.1 }');
  const rule = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .find(({ item }) => item?.message === 'newrule');
  t.match(rule, { event: 'new', object: 'nftables', family: 'inet', item: { table: 'one', chain: 'plain' } });
});

test('JSON has the shape of ip -j', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'monjson');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const json = Watcher.monitor(t, lab, '--json');
  const [text = ''] = await perform(
    t,
    lab,
    [json],
    `ip link add v0 type veth peer name v1
     ip link set v0 up; ip link set v1 up
     ip addr add 10.7.0.1/24 dev v0
     ip route add 10.8.0.0/16 via 10.7.0.9 metric 5
     ip rule add from 10.0.0.0/8 lookup 99 prio 5
     ip neigh add 10.7.0.9 lladdr 02:00:00:00:00:09 dev v0`,
  );
  const events = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const last = (object: string, key: string, value: unknown): object =>
    events.filter((event) => event.object === object && event.item[key] === value).at(-1)?.item;
  // biome-ignore lint/suspicious/noExplicitAny: what another program prints
  const of = (list: any[], key: string, value: unknown): any => list.find((one) => one[key] === value);
  const link = of(JSON.parse(lab.run('ip', '-j', 'link')), 'ifname', 'v1');
  t.match(last('link', 'ifname', 'v1'), {
    ifindex: link.ifindex,
    flags: link.flags,
    address: link.address,
    operstate: link.operstate,
    mtu: 1500,
  });
  const address = of(JSON.parse(lab.run('ip', '-j', 'addr')), 'ifname', 'v0').addr_info.find(
    (one: { local: string }) => one.local === '10.7.0.1',
  );
  t.match(last('address', 'local', '10.7.0.1'), address);
  t.same(
    last('route', 'dst', '10.8.0.0/16'),
    of(JSON.parse(lab.run('ip', '-j', 'route')), 'dst', '10.8.0.0/16'),
  );
  t.same(last('rule', 'priority', 5), of(JSON.parse(lab.run('ip', '-j', 'rule')), 'priority', 5));
  t.same(
    last('neighbour', 'dst', '10.7.0.9'),
    of(JSON.parse(lab.run('ip', '-j', 'neigh')), 'dst', '10.7.0.9'),
  );
  t.ok(events.every(({ time }) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(time)));
});

test('times, one line each, no label, one link, one family', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'monopt');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const ofIp = [
    new Watcher(t, lab, 'ip', '-t', 'monitor', 'label', 'link', 'address', 'route'),
    new Watcher(t, lab, 'ip', '-ts', '-o', 'monitor', 'link', 'address', 'route'),
    new Watcher(t, lab, 'ip', '-4', 'monitor', 'label', 'address', 'route'),
  ];
  const objects = ['--objects', 'link,address,route'];
  const ours = [
    Watcher.monitor(t, lab, '-t', ...objects),
    Watcher.monitor(t, lab, '-ts', '-o', '--no-label', ...objects),
    Watcher.monitor(t, lab, '-4', '--objects', 'address,route'),
  ];
  const only = Watcher.monitor(t, lab, '--dev', 'lo', '-6', ...objects, '--objects', 'neigh');
  const texts = await perform(
    t,
    lab,
    [...ofIp, ...ours],
    `ip link add v0 type veth peer name v1
     ip addr add 10.7.0.1/24 dev v0
     ip addr add fd00::1/64 dev v0 nodad
     ip link set v0 up
     ip link del v0`,
  );
  const timeless = (text = ''): string[] =>
    text
      .replaceAll(/^Timestamp: \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} \d+ usec$/gm, 'Timestamp')
      .replaceAll(/^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\]/gm, '[time]')
      .replaceAll(/^Timestamp\n(?=Timestamp|$)/gm, '')
      .split('\n');
  for (let i = 0; i < 3; i++) t.same(timeless(texts[3 + i]), timeless(texts[i]));
  t.match(timeless(texts[0]).join('\n'), /^Timestamp\n\[LINK\]/m);
  t.equal(only.text.includes('v0'), false);
});

test('what the command line gets wrong', { timeout: 60_000 }, async (t) => {
  const complaint = async (...args: string[]): Promise<string> => {
    const one = Watcher.monitor(t, undefined, ...args);
    await one.prints('never').catch(() => undefined);
    return one.complaints;
  };
  t.match(
    await complaint('--objects', 'link,lnk'),
    "netloom: there is nothing called 'lnk' to monitor: expected link, ",
  );
  t.match(
    await complaint('netns:there-is-none'),
    'netloom: there is no network namespace netns:there-is-none',
  );
  t.match(await complaint('--receive-buffer', 'much'), 'a number of bytes is needed');
  t.match(await complaint('--record', '/no/such/directory/file'), 'netloom: ENOENT');
});
