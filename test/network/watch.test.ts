import { type Test, test } from 'tap';
import { Network } from '../../host/network/network.js';
import type { WatchEvent, Watched } from '../../host/network/watch.js';
import { Lab } from '../support/lab.js';

async function lab(t: Test): Promise<{ lab: Lab; net: Network }> {
  const one = new Lab(t, 'watch');
  const net = await Network.open({ namespace: one.path });
  t.teardown(() => net.close());
  return { lab: one, net };
}

/** Events up to and with the first that `last` picks. */
async function until<K extends Watched>(
  events: AsyncGenerator<WatchEvent<K>>,
  last: (event: WatchEvent<K>) => boolean,
): Promise<WatchEvent<K>[]> {
  const seen: WatchEvent<K>[] = [];
  for await (const event of events) {
    seen.push(event);
    if (last(event)) return seen;
  }
  return seen;
}

test('what ip does is heard', { timeout: 20_000 }, async (t) => {
  const { lab: a, net } = await lab(t);
  const events = net.watch('link', 'address', 'route', { initial: true });
  const first = await events.next();
  t.match(first.value, { event: 'resync' });
  const initial = first.value as WatchEvent & { event: 'resync' };
  t.match(
    (initial.items.link ?? []).map(({ ifname }: { ifname: string }) => ifname),
    ['lo'],
  );
  a.run('ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1');
  a.run('ip', 'link', 'set', 'v0', 'up');
  a.run('ip', 'link', 'set', 'v1', 'up');
  a.run('ip', 'addr', 'add', '10.7.0.1/24', 'dev', 'v0');
  a.run('ip', 'route', 'add', '10.8.0.0/16', 'via', '10.7.0.9');
  a.run('ip', 'link', 'del', 'v0');
  const seen = await until(
    events,
    (event) => event.event === 'delete' && event.kind === 'link' && event.item.ifname === 'v0',
  );
  const has = (pattern: object): boolean =>
    seen.some((event) =>
      Object.entries(pattern).every(([key, value]) => (event as Record<string, unknown>)[key] === value),
    );
  t.ok(has({ event: 'new', kind: 'link' }));
  t.ok(
    seen.some(
      (event) => event.event === 'new' && event.kind === 'address' && event.item.address === '10.7.0.1/24',
    ),
  );
  t.ok(
    seen.some(
      (event) =>
        event.event === 'new' &&
        event.kind === 'route' &&
        event.item.dst === '10.8.0.0/16' &&
        event.item.gateway === '10.7.0.9',
    ),
  );
});

test('a burst that nobody reads ends in a resync, not in silence', { timeout: 30_000 }, async (t) => {
  const { lab: a, net } = await lab(t);
  await net.links.create({ ifname: 'v0', kind: 'veth', up: true, peer: { ifname: 'v1' } });
  await net.links.change('v1', { up: true });
  await net.addresses.add({ device: 'v0', address: '10.0.0.1/8' });
  const events = net.watch('route', { receiveBuffer: 8192 });
  const COUNT = 3000;
  // while another program works, this one's event loop gets no turn to read in
  const commands = Array.from(
    { length: COUNT },
    (_, i) => `route add 192.${i >> 8}.${i & 255}.0/24 via 10.0.0.2`,
  );
  const { status, stderr } = a.namespace.execSync('ip', ['-batch', '-'], { input: commands.join('\n') });
  t.equal(status, 0, stderr);
  await net.routes.add({ dst: '172.31.0.0/16', gateway: '10.0.0.2' });
  let known = new Set<string>();
  let resyncs = 0;
  for await (const event of events) {
    if (event.event === 'resync') {
      resyncs++;
      known = new Set(event.items.route.map(({ dst }) => dst));
    } else if (event.event === 'new') known.add(event.item.dst);
    else known.delete(event.item.dst);
    if (known.has('172.31.0.0/16') && known.has('192.0.0.0/24') && known.size > COUNT) break;
  }
  t.ok(resyncs > 0, 'changes were lost, and said to be');
  for (let i = 0; i < COUNT; i++) {
    if (!known.has(`192.${i >> 8}.${i & 255}.0/24`)) t.fail(`route ${i} is not known`);
  }
});

test('it ends when its signal says so', { timeout: 10_000 }, async (t) => {
  const { net } = await lab(t);
  const controller = new AbortController();
  const events = net.watch('link', { signal: controller.signal });
  const next = events.next();
  setTimeout(() => controller.abort(), 20);
  await t.rejects(next, { name: 'AbortError' });
  t.same(await events.next(), { value: undefined, done: true });
});
