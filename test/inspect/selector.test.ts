import { test } from 'tap';
import {
  type FoundNamespace,
  type Inventory,
  parseSelector,
  resolveSelectors,
  select,
} from '../../host/inspect/index.js';
import { Lab } from '../support/lab.js';

function found(inode: number, names: string[], more: Partial<FoundNamespace> = {}): FoundNamespace {
  return {
    id: { device: 4, inode },
    path: `/proc/${inode}/ns/net`,
    names,
    owner: { kind: 'name', name: names[0] as string },
    processes: [],
    references: [],
    ...more,
  };
}

const long = 'c0ffee'.padEnd(64, '0');

const all: Inventory = {
  namespaces: [
    found(4026531840, ['host', 'docker:proxy'], { owner: { kind: 'host', name: 'host' } }),
    found(4026532001, ['docker:web', 'compose:shop/web'], {
      owner: { kind: 'container', name: 'web', engine: 'docker', container: long },
    }),
    found(4026532002, ['docker:web2']),
    found(4026532003, ['pod:default/nginx', 'containerd:abc', 'netns:cni-1234']),
    found(4026532004, ['netns:blue']),
    found(4026532005, ['podman:blue']),
    found(4026532006, ['containerd:app', 'netns:x1']),
    found(4026532007, ['containerd:app', 'netns:x2']),
  ],
  dangling: [],
  unreached: [],
  problems: [],
  self: { device: 4, inode: 4026532004 },
};

const chosen = (text: string): string => select(parseSelector(text), text, all).names[0] as string;

test('what selectors mean', (t) => {
  for (const [text, name] of [
    ['host', 'host'],
    ['self', 'netns:blue'],
    ['docker:web', 'docker:web'],
    ['docker:web2', 'docker:web2'],
    ['docker:c0ffee', 'docker:web'],
    ['container:c0ffee', 'docker:web'],
    ['compose:shop/web', 'docker:web'],
    ['pod:default/nginx', 'pod:default/nginx'],
    ['pod:def', 'pod:default/nginx'],
    ['netns:blue', 'netns:blue'],
    ['net:[4026532005]', 'podman:blue'],
    ['net:4026532005', 'podman:blue'],
    ['web', 'docker:web'],
    ['web2', 'docker:web2'],
    ['default/ng', 'pod:default/nginx'],
    ['cni-1', 'pod:default/nginx'],
    ['c0ff', 'docker:web'],
    ['4026532003', 'pod:default/nginx'],
    ['proxy', 'host'],
  ] as const) {
    t.equal(chosen(text), name, text);
  }
  t.end();
});

test('what they do not mean', (t) => {
  t.throws(() => chosen('blue'), { code: 'ERR_AMBIGUOUS', message: /netns:blue .* podman:blue/ });
  t.throws(() => chosen('docker:we'), { code: 'ERR_AMBIGUOUS' });
  t.throws(() => chosen('containerd:app'), { code: 'ERR_AMBIGUOUS' });
  t.throws(() => chosen('docker:none'), { code: 'ERR_NAMESPACE_NOT_FOUND' });
  t.throws(() => chosen('nothing'), { code: 'ERR_NAMESPACE_NOT_FOUND' });
  t.throws(() => chosen('pid:4194303'), { code: 'ERR_NAMESPACE_NOT_FOUND' });
  t.throws(() => chosen('/etc/passwd'), { code: 'ERR_NAMESPACE_NOT_FOUND' });
  t.throws(() => chosen('/nowhere'), { code: 'ERR_NAMESPACE_NOT_FOUND' });
  t.end();
});

test('what is no selector', (t) => {
  for (const text of ['', 'pid:', 'pid:x', 'pid:0', 'net:[x]', 'net:', 'docker:', 'dokcer:web', 'a\0b'])
    t.throws(() => parseSelector(text), { code: 'ERR_INVALID_SELECTOR' }, JSON.stringify(text));
  t.end();
});

test('selectors of this host', async (t) => {
  const lab = new Lab(t, 'select');
  const [byName, ...none] = await resolveSelectors([`netns:${lab.name}`, lab.path, lab.name.slice(0, -2)]);
  t.equal(byName?.id.inode, lab.namespace.id.ino);
  t.same(none, [], 'each once');
  const [own] = await resolveSelectors([]);
  t.match(own?.references[0], { kind: 'self' });
  const [byPid] = await resolveSelectors([`pid:${process.pid}`]);
  t.equal(byPid?.id.inode, own?.id.inode);
  const everything = await resolveSelectors([], { all: true });
  t.ok(everything.some(({ id }) => id.inode === lab.namespace.id.ino));
  await t.rejects(resolveSelectors(['host'], { all: true }), { code: 'ERR_INVALID_SELECTOR' });
  await t.rejects(resolveSelectors(['netns:nl-none']), { code: 'ERR_NAMESPACE_NOT_FOUND' });
});
