import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { decode, decodeViews, EncodeError, encode } from '../../host/codec.js';
import { route } from '../../host/schema/route.js';

const { newroute } = route.messages;

/** What encoding it says, the first time and when a function has been compiled for its keys. */
function refusals(header: object, attributes: object): unknown[] {
  return Array.from({ length: 40 }, () => {
    try {
      encode(newroute, { header, attributes });
      return undefined;
    } catch (error) {
      return error instanceof EncodeError ? [error.code, error.path, error.message] : error;
    }
  });
}

test('a value that does not fit is told in the same words by compiled functions', (t) => {
  const cases: [object, object][] = [
    [{}, { dst: '10.0.0.0', gateway: '10.0.0.256' }],
    [{}, { dst: '10.0.0', oif: 1 }],
    [{}, { oif: -1 }],
    [{}, { oif: 2 ** 32 }],
    [{}, { oif: '1' }],
    [{}, { priority: 1.5 }],
    [{}, { dst: new Uint8Array(4), nosuch: 1 }],
    [{}, { metrics: { mtu: 'large' } }],
    [{}, { multipath: [{ header: { hops: 300 }, attributes: {} }] }],
    [{ family: 256 }, {}],
    [{ dstLen: 1, protocol: 'nobody' }, {}],
    [{ table: -1, nosuch: 0 }, {}],
  ];
  for (const [header, attributes] of cases) {
    const [first, ...others] = refusals(header, attributes);
    t.ok(Array.isArray(first), JSON.stringify(first));
    for (const other of others) t.strictSame(other, first);
  }
  t.end();
});

test('keys that are undefined are not sent, whatever came before', (t) => {
  for (let i = 0; i < 60; i++) {
    const attributes = {
      dst: i % 2 === 0 ? '10.0.0.0' : undefined,
      gateway: i % 3 === 0 ? 'fe80::1' : i % 3 === 1 ? Uint8Array.of(10, 0, 0, 1) : undefined,
      oif: i % 5 === 0 ? undefined : i,
      metrics: i % 7 === 0 ? { mtu: 1400 } : undefined,
      priority: 32,
    };
    const [view, ...others] = decodeViews(
      'route',
      encode(newroute, { header: { family: 2 }, attributes }),
      newroute,
    );
    t.same(others, []);
    t.equal(view?.dst, attributes.dst);
    t.equal(view?.gateway, attributes.gateway instanceof Uint8Array ? '10.0.0.1' : attributes.gateway);
    t.equal(view?.oif, attributes.oif);
    t.same(view?.metrics, attributes.metrics);
    t.equal(view?.priority, 32);
  }
  t.end();
});

test('a list of views', (t) => {
  const bytes = Buffer.concat(
    Array.from({ length: 300 }, (_, oif) =>
      encode(newroute, { attributes: { oif, ...(oif % 3 === 0 ? { dst: '10.0.0.0' } : {}) } }),
    ),
  );
  const views = decodeViews('route', bytes, newroute);
  t.equal(views.length, 300);
  t.same(
    [...views].map(({ oif }) => oif),
    Array.from({ length: 300 }, (_, i) => i),
  );
  t.equal(views.at(-1)?.oif, 299);
  t.equal(views.at(300), undefined);
  t.equal(views.at(-301), undefined);
  t.equal(views.filter(({ dst }) => dst !== undefined).length, 100);
  t.equal(views.find(({ oif }) => oif === 7)?.dst, undefined);
  t.match(JSON.parse(JSON.stringify(views))[3], {
    name: 'newroute',
    attributes: { oif: 3, dst: '10.0.0.0' },
  });
  t.same(decodeViews('route', new Uint8Array(0)).filter(), []);
  t.end();
});

test('where code from strings is forbidden, all is the same', { timeout: 60_000 }, (t) => {
  for (const name of ['codec.test.js', 'compiled.test.js']) {
    if (process.execArgv.includes('--disallow-code-generation-from-strings')) break;
    const file = fileURLToPath(new URL(name, import.meta.url));
    const done = spawnSync(process.execPath, ['--disallow-code-generation-from-strings', file], {
      encoding: 'utf8',
    });
    t.equal(done.status, 0, done.stdout + done.stderr);
  }
  t.end();
});

test('shapes that take turns get functions too', (t) => {
  const bytes = Buffer.concat(
    Array.from({ length: 200 }, (_, oif) =>
      encode(newroute, {
        header: { family: 2 },
        attributes: { oif, ...(oif % 2 === 0 ? { dst: '10.0.0.0' } : {}) },
      }),
    ),
  );
  const messages = decode('route', bytes);
  t.same(
    messages.map(({ attributes }) => attributes),
    Array.from({ length: 200 }, (_, oif) => ({ ...(oif % 2 === 0 ? { dst: '10.0.0.0' } : {}), oif })),
  );
  // only they share headers
  const share = !process.execArgv.includes('--disallow-code-generation-from-strings');
  t.equal(messages.at(-1)?.header === messages.at(-3)?.header, share);
  t.equal(messages.at(-2)?.header === messages.at(-4)?.header, share);
  t.end();
});
