import { randomBytes } from 'node:crypto';
import { type Test, test } from 'tap';
import { type MonitorEvent, watchNamespaces } from '../../host/monitor/index.js';
import { Namespace } from '../../host/namespace/namespace.js';
import { Lab } from '../support/lab.js';
import { listening, settled, Watcher } from './support/watchers.js';

const random = (): string => randomBytes(3).toString('hex');

/** The seed of the project: what one sees when `docker network rm` is called, here in two namespaces at once. */
test('a docker network goes: the veth comes back, is deleted, then its bridge', {
  timeout: 60_000,
}, async (t) => {
  const host = new Lab(t, 'monhost');
  const box = new Lab(t, 'monbox');
  const bridge = 'br-5ca1ab1e0000';
  host.run('ip', 'link', 'add', bridge, 'type', 'bridge');
  host.run('ip', 'link', 'add', 'veth1a2b3c4', 'type', 'veth', 'peer', 'name', 'veth9f8e7d6');
  host.run('ip', 'link', 'set', 'veth1a2b3c4', 'master', bridge, 'up');
  host.run('ip', 'link', 'set', bridge, 'up');
  host.run('ip', 'addr', 'add', '172.18.0.1/16', 'dev', bridge);
  host.run('ip', 'link', 'set', 'veth9f8e7d6', 'netns', box.name, 'name', 'eth0');
  box.run('ip', 'link', 'set', 'eth0', 'up');
  box.run('ip', 'addr', 'add', '172.18.0.2/16', 'dev', 'eth0');
  // so that ip has a name for it
  host.run('ip', 'link', 'show');
  const ip = new Watcher(t, host, 'ip', 'monitor', 'label', 'link', 'address', 'route');
  const objects = ['--objects', 'link,address,route'];
  const own = Watcher.monitor(t, host, ...objects);
  const both = Watcher.monitor(t, undefined, `netns:${host.name}`, `netns:${box.name}`, ...objects);
  const json = Watcher.monitor(t, undefined, `netns:${host.name}`, `netns:${box.name}`, ...objects, '--json');
  await listening(host, ip, own, both, json);
  const before = [ip, own, both, json].map(({ text }) => text.length);
  const step = async (lab: Lab, ...words: string[]): Promise<void> => {
    lab.run('ip', ...words);
    await settled(host, ip, own, both, json);
  };
  // libnetwork's order: the sandbox's end down and home, deleted there; then the bridge down and deleted
  await step(box, 'link', 'set', 'eth0', 'down');
  await step(box, 'link', 'set', 'eth0', 'name', 'veth9f8e7d6', 'netns', host.path);
  await step(host, 'link', 'del', 'veth9f8e7d6');
  await step(host, 'link', 'set', bridge, 'down');
  await step(host, 'link', 'del', bridge);
  const texts = [ip, own, both, json].map(({ text }, i) => text.slice(before[i]));
  const [theirs = '', mine = '', named = '', lines = ''] = texts;
  t.same(mine.split('\n'), theirs.split('\n'), 'in the host as ip monitor has it');

  const events = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ object }) => object === 'link')
    .map(
      ({ namespace, event, item }) =>
        `${namespace === `netns:${box.name}` ? 'box' : 'host'} ${event} ${item.ifname}`,
    );
  const order = [
    'box new eth0',
    'box delete eth0',
    'host new eth0',
    'host new veth9f8e7d6',
    'host delete veth9f8e7d6',
    'host delete veth1a2b3c4',
    `host delete ${bridge}`,
  ];
  let at = -1;
  for (const wanted of order) {
    const next = events.indexOf(wanted, at + 1);
    t.ok(next > at, `${wanted} comes next in ${events.join(', ')}`);
    at = next;
  }
  t.match(named, `[netns:${box.name}][LINK]Deleted `);
  t.match(named, `[netns:${host.name}][LINK]Deleted `);
  t.match(named, /\[netns:[^\]]*\]\[ADDR\]Deleted \d+: \S+ {4}inet 172\.18\.0\.1\/16/);
});

/** Events until one is found. */
class Heard {
  readonly events: MonitorEvent[] = [];
  #wake: (() => void) | undefined;

  readonly add = (event: MonitorEvent): void => {
    this.events.push(event);
    this.#wake?.();
  };

  async until(found: (event: MonitorEvent) => boolean): Promise<MonitorEvent> {
    for (;;) {
      const event = this.events.find(found);
      if (event !== undefined) return event;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const isNamespace =
  (event: 'new' | 'delete', name: string) =>
  (one: MonitorEvent): boolean =>
    one.event === event && one.object === 'namespace' && one.space.name === name;

async function watching(t: Test, options: object): Promise<Heard> {
  const heard = new Heard();
  const watch = await watchNamespaces({
    ...options,
    onEvent: heard.add,
    onFailure: (error) => t.fail(error.message),
  });
  t.teardown(() => watch.close());
  return heard;
}

test('namespaces that appear are followed, and let go when they vanish', { timeout: 60_000 }, async (t) => {
  const heard = await watching(t, { all: true });
  const name = `nl-monnew-${random()}`;
  const one = Namespace.create(name);
  t.teardown(() => Namespace.delete(name));
  await heard.until(isNamespace('new', `netns:${name}`));
  t.ok(
    heard.events.some(
      (event) =>
        'message' in event && event.object === 'link' && event.found && event.space.name === `netns:${name}`,
    ),
    'what is in it is told',
  );
  one.execSync('ip', ['link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1']);
  const link = await heard.until(
    (event) =>
      'message' in event &&
      event.object === 'link' &&
      event.message.attributes.ifname === 'v0' &&
      !event.found,
  );
  t.equal(link.event, 'new');
  one.close();
  Namespace.delete(name);
  // nothing but its name held it: watching does not keep it alive
  await heard.until(isNamespace('delete', `netns:${name}`));
});

test('a selected namespace that is made anew is heard again', { timeout: 60_000 }, async (t) => {
  const name = `nl-monagain-${random()}`;
  Namespace.create(name).close();
  t.teardown(() => Namespace.delete(name));
  const heard = await watching(t, { selectors: [`netns:${name}`] });
  Namespace.delete(name);
  await heard.until(isNamespace('delete', `netns:${name}`));
  using again = Namespace.create(name);
  const found = (await heard.until(isNamespace('new', `netns:${name}`))) as { space: { inode: number } };
  t.equal(found.space.inode, again.id.ino);
});

test('selectors that mean nothing', { timeout: 60_000 }, async (t) => {
  const options = { onEvent: () => undefined, onFailure: () => undefined };
  await t.rejects(watchNamespaces({ ...options, selectors: [`netns:${random()}`] }), {
    code: 'ERR_NAMESPACE_NOT_FOUND',
  });
  await t.rejects(watchNamespaces({ ...options, selectors: ['what:ever'] }), {
    code: 'ERR_INVALID_SELECTOR',
  });
});
