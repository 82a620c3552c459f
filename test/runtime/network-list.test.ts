import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { excerpt, RuntimeError } from '../../host/runtime/errors.js';
import {
  loadNetworkList,
  parseNetworkList,
  readNetworkList,
  readNetworkLists,
} from '../../host/runtime/index.js';
import { temporaryDirectory } from '../plugins/ipam/support/leases.js';

// the texts are what cnitool of libcni 1.3.0 says of the same files; the JSON decoder's own are left out
const list = 'error parsing configuration list: ';
const plugin = 'failed to parse plugin config 0: error parsing configuration: ';
const broken: [text: string, says: string | RegExp][] = [
  ['{', /^error parsing configuration list: ./],
  ['', /^error parsing configuration list: ./],
  ['[]', /^error parsing configuration list: expected an object/],
  ['{}', `${list}no name`],
  ['{"name":5}', `${list}invalid name type float64`],
  ['{"name":"a","cniVersion":5}', `${list}invalid cniVersion type float64`],
  ['{"name":"a","cniVersions":[5]}', `${list}invalid type for cniVersions index 0: float64`],
  [
    '{"name":"a","cniVersions":["x"]}',
    /^error parsing configuration list: invalid cniVersions entry x at index 0: failed to convert major version part "x"/,
  ],
  [
    '{"name":"a","cniVersions":[],"cniVersion":"y"}',
    /^error parsing configuration list: invalid cniVersion y: failed to convert major/,
  ],
  ['{"name":"a","disableCheck":5,"plugins":[]}', `${list}invalid type float64 for disableCheck`],
  ['{"name":"a","disableCheck":"maybe","plugins":[]}', `${list}invalid value "maybe" for disableCheck`],
  ['{"name":"a","plugins":{}}', `${list}invalid 'plugins' type map[string]interface {}`],
  ['{"name":"a","plugins":[]}', `${list}no plugins in list`],
  ['{"name":"a"}', 'no plugin configs found'],
  ['{"name":"a","plugins":[{}]}', `${plugin}missing 'type'`],
  ['{"name":"a","plugins":[5]}', `${plugin}plugins[0]: expected an object, got 5`],
  [
    '{"name":"a","plugins":[{"type":"x","capabilities":{"a":5}}]}',
    `${plugin}capabilities.a: expected true or false, got 5`,
  ],
  [
    '{"name":"a","loadOnlyInlinedPlugins":true}',
    `${list}\`loadOnlyInlinedPlugins\` is true, and no 'plugins' key`,
  ],
];

t.test('broken conflists', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'a.conflist');
  for (const [text, says] of broken) {
    t.throws(() => parseNetworkList(text), { code: 'ERR_NETWORK_CONFIG', message: says }, text);
    writeFileSync(file, text);
    t.throws(
      () => readNetworkList(file),
      { code: 'ERR_NETWORK_CONFIG', message: new RegExp(`^${file}:\\d+:\\d+: `) },
      text,
    );
  }
});

t.test('errors point to what is wrong', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'a.conflist');
  for (const [text, line, column] of [
    ['{\n "name": 5\n}', 2, 2],
    ['{"name": "a",\n "cniVersions": ["1.0.0",\n  5]}', 3, 3],
    ['{"name": "a",\n "disableGC": 1}', 2, 2],
    ['{"name": "a",\n "plugins": [{"type": "x"},\n {"no": 1}]}', 3, 2],
    ['{"name": "a",\n "plugins": [\n  {"type": "x", "capabilities": {"ok": true, "b": 2}}]}', 3, 46],
    ['{"name": "a",\n "plugins": [\n  {"type": "x",}]}', 3, 16],
    ['{"name": "a"}', 1, 1],
  ] as const) {
    writeFileSync(file, text);
    const place = { file, text, position: { line, column } };
    t.throws(
      () => readNetworkList(file),
      { place, message: new RegExp(`^${file}:${line}:${column}: `) },
      text,
    );
  }
  writeFileSync(file, '{"name": "a", "plugins": [{"type": "x"}]}');
  mkdirSync(join(directory, 'a'));
  const beside = join(directory, 'a', '1.conf');
  writeFileSync(beside, '{\n"type": 5}');
  t.throws(() => readNetworkList(file), {
    message: new RegExp(`^${beside}:2:1: error parsing configuration: type: `),
  });
  t.throws(() => readNetworkList(join(directory, 'none.conflist')), {
    message: `${directory}/none.conflist: error reading none.conflist: no such file or directory`,
    place: undefined,
  });
  // the name leads out of the directory
  writeFileSync(file, '{"name": "..", "plugins": [{"type": "x"}]}');
  writeFileSync(join(directory, '..', 'nl-outside.conf'), '{"type": "y"}');
  t.teardown(() => rmSync(join(directory, '..', 'nl-outside.conf')));
  t.equal(readNetworkList(file).plugins.length, 1);
});

t.test('the line at fault, and a mark below it', async (t) => {
  const at = (text: string, line: number, column: number): string =>
    excerpt({ file: undefined, text, position: { line, column } });
  t.equal(at('{\n\t"a": 5\r\n}', 2, 2), '2 |  "a": 5\n  |  ^');
  t.equal(at('', 1, 1), '1 | \n  | ^');
  const long = `${'x'.repeat(200)}!${'y'.repeat(200)}`;
  const [shown = '', mark = ''] = at(long, 1, 201).split('\n');
  t.equal(shown.length, 104);
  t.equal(shown[mark.indexOf('^')], '!');
});

t.test('the version of a list', async (t) => {
  const versionOf = (keys: object): string =>
    parseNetworkList(JSON.stringify({ name: 'n', plugins: [{ type: 'x' }], ...keys })).cniVersion;
  t.equal(versionOf({}), '0.1.0');
  t.equal(versionOf({ cniVersion: '0.4.0' }), '0.4.0');
  t.equal(versionOf({ cniVersion: '9.0.0' }), '9.0.0', 'the plugins will refuse it');
  t.equal(versionOf({ cniVersion: '0.4.0', cniVersions: ['0.3.1', '1.0.0', '9.0.0'] }), '1.0.0');
  t.equal(versionOf({ cniVersion: '1.1.0', cniVersions: ['0.3.1'] }), '1.1.0');
  t.equal(versionOf({ cniVersions: ['9.0.0'] }), '0.1.0');
  t.equal(versionOf({ cniVersion: '8.0.0', cniVersions: ['9.0.0'] }), '8.0.0');
});

t.test('a directory of networks', async (t) => {
  const directory = temporaryDirectory(t);
  const write = (name: string, value: unknown): void =>
    writeFileSync(join(directory, name), typeof value === 'string' ? value : JSON.stringify(value));
  t.throws(() => loadNetworkList(directory, 'n'), {
    code: 'ERR_NETWORK_NOT_FOUND',
    message: `no net configurations found in ${directory}`,
  });
  t.throws(() => loadNetworkList(join(directory, 'none'), 'n'), {
    message: /no net configurations found in/,
  });
  write('10-a.conflist', { cniVersion: '1.0.0', name: 'a', disableCheck: 'TRUE', plugins: [{ type: 'x' }] });
  write('20-b.conflist', { name: 'b', plugins: [{ type: 'y', capabilities: { ips: true, mac: false } }] });
  write('15-a.conf', { cniVersion: '0.4.0', name: 'a', type: 'late' });
  write('30-c.conf', { cniVersion: '0.4.0', name: 'c', type: 'single', mtu: 1400 });
  write('40-d.json', { name: 'd', type: 'other' });
  write('50-e.txt', 'not a config');
  mkdirSync(join(directory, '05-directory.conflist'));
  t.match(loadNetworkList(directory, 'a'), {
    cniVersion: '1.0.0',
    disableCheck: true,
    plugins: [{ type: 'x' }],
  });
  t.same(loadNetworkList(directory, 'b').plugins[0]?.capabilities, ['ips']);
  t.match(loadNetworkList(directory, 'c'), {
    name: 'c',
    cniVersion: '0.4.0',
    plugins: [{ type: 'single', raw: { mtu: 1400 } }],
  });
  t.match(loadNetworkList(directory, 'd'), { name: 'd', cniVersion: '0.1.0' });
  t.throws(() => loadNetworkList(directory, 'z'), {
    message: `no net configuration with name "z" in ${directory}`,
  });
  t.same(
    readNetworkLists(directory).map(({ name }) => name),
    ['a', 'b', 'a', 'c', 'd'],
  );
  // plugins from the directory of the network's name
  mkdirSync(join(directory, 'b'));
  write('b/2.conf', { type: 'second' });
  write('b/1.conf', { type: 'first' });
  write('b/3.json', { type: 'not taken' });
  const types = (name: string): string[] => loadNetworkList(directory, name).plugins.map(({ type }) => type);
  t.same(types('b'), ['y', 'first', 'second']);
  write('20-b.conflist', { name: 'b', loadOnlyInlinedPlugins: true, plugins: [{ type: 'y' }] });
  t.same(types('b'), ['y']);
  write('20-b.conflist', { name: 'b' });
  t.same(types('b'), ['first', 'second']);
  // a broken file matters to those behind it
  write('12-broken.conflist', '{');
  t.equal(loadNetworkList(directory, 'a').name, 'a');
  t.throws(() => loadNetworkList(directory, 'b'), {
    code: 'ERR_NETWORK_CONFIG',
    message: /12-broken\.conflist:1:2: /,
  });
});

t.test('any text is a list or an error of its own', async () => {
  const keys = fc.constantFrom(
    'name',
    'plugins',
    'cniVersion',
    'cniVersions',
    'disableCheck',
    'type',
    'capabilities',
  );
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom('n', '1.0.0', 'true', true, null, 5),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(keys, tie('value'), { maxKeys: 5 }),
    ),
  })).value;
  fc.assert(
    fc.property(
      fc.oneof(
        json.map((value) => JSON.stringify(value)),
        fc.string(),
      ),
      (text) => {
        try {
          return parseNetworkList(text).plugins.length > 0;
        } catch (error) {
          return error instanceof RuntimeError && error.code === 'ERR_NETWORK_CONFIG';
        }
      },
    ),
    { numRuns: 1000 },
  );
});
