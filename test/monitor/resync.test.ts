import { test } from 'tap';
import {
  eventJson,
  eventText,
  type MonitorEvent,
  monitor,
  watchNamespaces,
} from '../../host/monitor/index.js';
import { Lab } from '../support/lab.js';
import { listening, Watcher } from './support/watchers.js';

const ROUTES = 4000;

function routeCommands(verb: 'add' | 'del', from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += `route ${verb} 192.${i >> 8}.${i & 255}.0/24 via 10.0.0.2\n`;
  return text;
}

test('after a loss the difference is told, no more and no less', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'monloss');
  lab.run('ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
  for (const name of ['v0', 'v1']) lab.run('ip', 'link', 'set', name, 'up');
  lab.run('ip', 'addr', 'add', '10.0.0.1/8', 'dev', 'v0');
  const batch = (input: string): void => {
    const { status, stderr } = lab.namespace.execSync('ip', ['-batch', '-'], { input });
    t.equal(status, 0, stderr);
  };
  batch(routeCommands('add', 0, 100));
  const events: MonitorEvent[] = [];
  let wake: () => void = () => undefined;
  const watching = await watchNamespaces({
    selectors: [`netns:${lab.name}`],
    objects: ['route', 'neighbour', 'address'],
    follow: false,
    receiveBuffer: 8192,
    onEvent: (event) => {
      events.push(event);
      wake();
    },
    onFailure: (error) => t.fail(error.message),
  });
  t.teardown(() => watching.close());
  const until = async (found: (event: MonitorEvent) => boolean): Promise<void> => {
    while (!events.some(found)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  // while ip works, this process cannot read
  batch(
    `${routeCommands('add', 100, ROUTES)}${routeCommands('del', 0, 50)}address del 10.0.0.1/8 dev v0\naddress add 10.0.0.3/8 dev v0\n${routeCommands('add', ROUTES, ROUTES + 1)}`,
  );
  await until((event) => event.event === 'resync');
  const known = new Set<string>();
  const resyncs = events.filter(({ event }) => event === 'resync');
  t.ok(resyncs.length > 0);
  for (const event of events) {
    if (!('message' in event) || event.object !== 'route') continue;
    const { dst } = eventJson(event).item as { dst: string };
    if (event.event === 'new') known.add(dst);
    else known.delete(dst);
  }
  // the address that went took its routes along, without a word of the kernel
  t.ok(known.has(`192.${ROUTES >> 8}.${ROUTES & 255}.0/24`), 'the last is known');
  t.same(
    [...known].filter((dst) => dst.startsWith('192.')),
    [`192.${ROUTES >> 8}.${ROUTES & 255}.0/24`],
  );
  t.ok(events.some((event) => event.event === 'delete' && event.object === 'route' && event.found));
  t.ok(events.some((event) => event.event === 'delete' && event.object === 'address'));
});

test('the command says what was lost', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'monloss');
  lab.run('ip', 'link', 'set', 'lo', 'up');
  const text = Watcher.monitor(t, lab, '--objects', 'route,address', '--receive-buffer', '4096');
  const json = Watcher.monitor(t, lab, '--objects', 'route,address', '--receive-buffer', '4096', '--json');
  await listening(lab, text, json);
  for (const one of [text, json]) process.kill(one.pid, 'SIGSTOP');
  let input = '';
  for (let i = 0; i < 300; i++) input += `route add 127.${i >> 8}.${i & 255}.0/24 dev lo table 77\n`;
  t.equal(lab.namespace.execSync('ip', ['-batch', '-'], { input }).status, 0);
  for (const one of [text, json]) process.kill(one.pid, 'SIGCONT');
  await Promise.all([text, json].map((one) => one.prints(/127\.1\.43\.0/)));
  t.match(text.text, /^\[RESYNC\]events were lost; \d+ changes follow$/m);
  const [resync] = json.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === 'resync');
  t.ok(resync.differences > 0);
  t.same(resync.problems, []);
  for (let i = 0; i < 300; i++)
    if (
      !text.text.includes(` 127.${i >> 8}.${i & 255}.0/24 `) &&
      !text.text.includes(`]127.${i >> 8}.${i & 255}.0/24 `)
    )
      t.fail(`route ${i}`);
});

test('as an iteration, until it is left or aborted', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'moniter');
  const seen: string[] = [];
  for await (const event of monitor({
    selectors: [`netns:${lab.name}`],
    initial: true,
    objects: ['link', 'address'],
  })) {
    seen.push(`${event.event} ${'object' in event ? event.object : ''}`);
    if (event.event === 'new' && event.object === 'link')
      lab.run('ip', 'addr', 'replace', '127.5.5.5/32', 'dev', 'lo');
    if (event.event === 'new' && event.object === 'address') break;
  }
  t.same(seen.slice(0, 2), ['new namespace', 'new link']);
  const controller = new AbortController();
  const events = monitor({ selectors: [`netns:${lab.name}`], signal: controller.signal });
  const next = events.next();
  setTimeout(() => controller.abort(), 50);
  await t.rejects(next, { name: 'AbortError' });
});

test('of rulesets and forwarding databases too', { timeout: 60_000 }, async (t) => {
  const lab = new Lab(t, 'monloss');
  const nft = (text: string): void => {
    const { status, stderr } = lab.namespace.execSync('nft', ['-f', '-'], { input: text });
    t.equal(status, 0, stderr);
  };
  const each = (count: number, line: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => line(i)).join('\n');
  lab.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  lab.run('ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
  lab.run('ip', 'link', 'set', 'v1', 'master', 'br0');
  for (const name of ['v0', 'v1', 'br0']) lab.run('ip', 'link', 'set', name, 'up');
  nft(
    'add table inet one\nadd set inet one few { type ipv4_addr; }\nadd element inet one few { 10.0.0.1, 10.0.0.2 }\nadd chain inet one c\nadd rule inet one c counter accept\n',
  );
  lab.run('bridge', 'mdb', 'add', 'dev', 'br0', 'port', 'v1', 'grp', '239.1.1.1', 'permanent');
  const events: MonitorEvent[] = [];
  let wake: () => void = () => undefined;
  const watching = await watchNamespaces({
    selectors: [`netns:${lab.name}`],
    objects: ['fdb', 'mdb', 'nftables'],
    follow: false,
    receiveBuffer: 4096,
    onEvent: (event) => {
      events.push(event);
      wake();
    },
    onFailure: (error) => t.fail(error.message),
  });
  t.teardown(() => watching.close());
  const { status } = lab.namespace.execSync('bridge', ['-batch', '-'], {
    input: each(200, (i) => `fdb add 02:00:00:00:01:${i.toString(16).padStart(2, '0')} dev v1 master static`),
  });
  t.equal(status, 0);
  nft(`${each(200, (i) => `add chain inet one c${i}`)}
add element inet one few { 10.0.0.3 }
delete element inet one few { 10.0.0.1 }
add rule inet one c0 drop
`);
  lab.run('bridge', 'mdb', 'del', 'dev', 'br0', 'port', 'v1', 'grp', '239.1.1.1');
  lab.run('bridge', 'mdb', 'add', 'dev', 'br0', 'port', 'v1', 'grp', '239.1.1.2', 'permanent');
  const told = (pattern: RegExp): boolean => events.some((event) => pattern.test(eventText(event)));
  const expected = [
    /^\[RESYNC\]/,
    /^\[FDB\]02:00:00:00:01:c7 dev v1 master br0 static/,
    /^\[NFT\]add chain inet one c199/,
    /^\[NFT\]add element inet one few \{ 10\.0\.0\.3 \}/,
    /^\[NFT\]delete element inet one few \{ 10\.0\.0\.1 \}/,
    /^\[NFT\]add rule inet one c0 .*drop/,
    /^\[MDB\]Deleted dev br0 port v1 grp 239.1.1.1/,
    /^\[MDB\]dev br0 port v1 grp 239.1.1.2/,
  ];
  const late = setTimeout(() => {
    for (const one of expected) t.ok(told(one), `${one} is told`);
  }, 20_000);
  while (!expected.every(told)) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  clearTimeout(late);
  t.notOk(told(/10\.0\.0\.2\b/), 'what stayed is not told');
  t.notOk(told(/add table/));
  t.notOk(told(/inet one c /), 'nor that counters count');
});
