import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  type Attachment,
  type CallOptions,
  type PluginEvent,
  parseNetwork,
  parseNetworkList,
  placeOf,
  Runtime,
} from '../../host/runtime/index.js';
import { temporaryDirectory } from '../plugins/ipam/support/leases.js';
import { failing, nothing, operations, recorders } from './support/recorders.js';

const attachment: Attachment = { containerId: 'c1', netns: '/no/such/namespace', ifname: 'eth0' };

/** Writes an executable plugin; `body` is a shell script, with stdin in $config. */
function script(directory: string, type: string, body: string): string {
  const file = join(directory, type);
  writeFileSync(file, `#!/bin/sh\nconfig=$(cat)\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

const list = (...plugins: object[]) =>
  parseNetworkList(JSON.stringify({ cniVersion: '1.1.0', name: 'net', plugins }, undefined, 1));

t.test('single plugins: errors without a name, the cache with their own text', async (t) => {
  const cacheDirectory = temporaryDirectory(t);
  const { bundled, seen } = recorders({ good: nothing, bad: failing('ADD', 'DEL') });
  const runtime = new Runtime({ bundled, cacheDirectory });
  const text = '{ "cniVersion": "1.0.0", "name": "one", "type": "good", "mtu": 5 }';
  const network = parseNetwork(text);
  const added = await runtime.addNetworkList(network, attachment);
  t.match(seen[0]?.[2], { name: 'one', cniVersion: '1.0.0', mtu: 5 });
  const [cached] = runtime.cache.list();
  t.equal(cached?.config, text);
  t.equal(cached && runtime.cachedNetworkList(cached).isSingle, true);
  t.match(runtime.cachedResult(network, attachment), added.output);
  await runtime.checkNetworkList(network, attachment);
  await runtime.delNetworkList(network, attachment);
  t.same(operations(seen), ['ADD good', 'CHECK good', 'DEL good']);
  t.same(runtime.cache.list(), []);
  const broken = parseNetwork('{ "cniVersion": "1.0.0", "name": "one", "type": "bad" }');
  await t.rejects(runtime.addNetworkList(broken, attachment), { message: 'ADD fails; on purpose' });
  await t.rejects(runtime.delNetworkList(broken, attachment), { message: 'DEL fails; on purpose' });
  for (const [wrong, message] of [
    ['{"name": "a"}', "error parsing configuration: missing 'type'"],
    ['{"type": "x", "name": 5}', 'error parsing configuration: name: expected a string, got 5'],
    ['[]', 'error parsing configuration: expected an object, got []interface {}'],
  ] as const) {
    t.throws(() => parseNetwork(wrong), { code: 'ERR_NETWORK_CONFIG', message });
  }
});

t.test('in this process or executed: by runtime, by network, by call', async (t) => {
  const directory = temporaryDirectory(t);
  script(directory, 'both', 'echo \'{"cniVersion": "1.1.0"}\'');
  script(directory, 'foreign', 'echo \'{"cniVersion": "1.1.0"}\'');
  const { bundled } = recorders({ both: nothing });
  const ways = async (
    general: ConstructorParameters<typeof Runtime>[0],
    key?: boolean | string,
    call?: CallOptions,
  ): Promise<boolean[]> => {
    const runtime = new Runtime({ bundled, path: [directory], cacheDirectory: directory, ...general });
    const network = parseNetworkList(
      JSON.stringify({
        cniVersion: '1.1.0',
        name: 'n',
        ...(key === undefined ? {} : { 'netloom/in-process': key }),
        plugins: [{ type: 'both' }, { type: 'foreign' }],
      }),
    );
    const { timings } = await runtime.statusNetworkList(network, call);
    return timings.map(({ inProcess }) => inProcess);
  };
  t.same(await ways({}), [true, false], 'what is bundled runs here');
  t.same(await ways({ inProcess: false }), [false, false]);
  t.same(await ways({ inProcess: (network, type) => network.name === 'n' && type === 'both' }), [
    true,
    false,
  ]);
  t.same(await ways({}, false), [false, false]);
  t.same(await ways({}, 'FALSE'), [false, false]);
  t.same(await ways({ inProcess: false }, true), [true, false]);
  t.same(await ways({}, true, { inProcess: false }), [false, false]);
});

t.test('timings and events, also of what fails', async (t) => {
  const { bundled } = recorders({ good: nothing, bad: failing('ADD', 'GC') });
  const runtime = new Runtime({ bundled, cacheDirectory: temporaryDirectory(t) });
  const events: PluginEvent[] = [];
  const observe = (event: PluginEvent): unknown => events.push(event);
  const network = list({ type: 'good' }, { type: 'bad' });
  await t.rejects(runtime.addNetworkList(network, attachment, { observe, undoOnFailure: true }));
  t.same(
    events.map(({ command, type, timing }) => `${timing === undefined ? 'begin' : 'end'} ${command} ${type}`),
    [
      ...['begin ADD good', 'end ADD good', 'begin ADD bad', 'end ADD bad'],
      ...['begin DEL bad', 'end DEL bad', 'begin DEL good', 'end DEL good'],
    ],
  );
  t.ok(events.every(({ timing }) => timing === undefined || timing.duration >= 0));
  const good = list({ type: 'good' });
  for (const containerId of ['c1', 'c2']) await runtime.addNetworkList(good, { ...attachment, containerId });
  const { timings, deleted } = await runtime.gcNetworkList(good, [{ containerID: 'c2', ifname: 'eth0' }]);
  t.same(deleted, [{ containerID: 'c1', ifname: 'eth0' }]);
  t.same(
    timings.map(({ command, inProcess }) => [command, inProcess]),
    [
      ['DEL', true],
      ['GC', true],
    ],
  );
});

t.test('an error points to the plugin, or to the key that it names', async (t) => {
  const directory = temporaryDirectory(t);
  script(
    directory,
    'go',
    'echo \'{"code": 999, "msg": "json: cannot unmarshal string into Go struct field NetConf.mtu of type int"}\'; exit 1',
  );
  const { bundled } = recorders({ bad: failing('ADD') });
  const runtime = new Runtime({ path: [directory], cacheDirectory: directory, bundled });
  const place = async (plugin: object): Promise<unknown> => {
    const error = await runtime.addNetworkList(list(plugin), attachment).catch((error: unknown) => error);
    return placeOf(error)?.position;
  };
  t.same(await place({ type: 'bad', mtu: 5 }), { line: 5, column: 3 });
  t.same(await place({ type: 'go', mtu: 'many' }), { line: 7, column: 4 });
  const ours = new Runtime({ cacheDirectory: directory });
  const network = list({ type: 'host-local', ipam: { type: 'host-local', ranges: [[{ subnet: 5 }]] } });
  const error = await ours.addNetworkList(network, attachment).catch((error: unknown) => error);
  t.match(placeOf(error)?.position, { line: 12, column: 8 }, String(error));
});

t.test('the context of a trace reaches executed plugins, also delegated ones', async (t) => {
  const directory = temporaryDirectory(t);
  const seen = join(directory, 'seen');
  script(directory, 'show', `echo "$TRACEPARENT $TRACESTATE $BAGGAGE" >> ${seen}; echo '{}'`);
  const runtime = new Runtime({ path: [directory], cacheDirectory: directory });
  const trace = {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'vendor=x',
    baggage: 'user=42',
  };
  await runtime.addNetworkList(list({ type: 'show' }), attachment, { trace });
  await runtime.delNetworkList(list({ type: 'show' }), attachment);
  // in this process runs what then executes the other
  const delegating = list({ type: 'bridge', ipam: { type: 'show' } });
  await runtime.statusNetworkList(delegating, { trace }).catch(() => undefined);
  const line = Object.values(trace).join(' ');
  t.same(readFileSync(seen, 'utf8').split('\n'), [line, '  ', line, '']);
});

t.test('what plugins write to stderr, by whole lines', async (t) => {
  const directory = temporaryDirectory(t);
  script(directory, 'loud', 'printf "one\\ntw" >&2; printf "o\\nlast" >&2');
  const lines: string[] = [];
  const runtime = new Runtime({ path: [directory], log: (line) => lines.push(line) });
  await runtime.statusNetworkList(list({ type: 'loud' }));
  t.same(lines, ['one', 'two', 'last']);
});

t.test('errors of executed plugins', async (t) => {
  const directory = temporaryDirectory(t);
  const runtime = new Runtime({ path: [directory], cacheDirectory: directory, log: () => undefined });
  const cases: [body: string, message: string | RegExp, code: string][] = [
    ['exit 2', 'netplugin failed with no error message: exit status 2', 'ERR_CNI_999'],
    ['echo oops >&2; exit 1', 'netplugin failed: "oops\\n"', 'ERR_CNI_999'],
    ['kill -9 $$', 'netplugin failed with no error message: signal: SIGKILL', 'ERR_CNI_999'],
    [
      'echo "{x"; exit 1',
      /^netplugin failed but error parsing its diagnostic message "\{x\\n": /,
      'ERR_CNI_999',
    ],
    ['echo \'{"code": 50, "msg": "a", "details": "b"}\'; exit 1', 'a; b', 'ERR_CNI_50'],
    ['echo "[1]"', /^failed to unmarshal raw result: /, 'ERR_CNI_6'],
  ];
  for (const [i, [body, message, code]] of cases.entries()) {
    script(directory, `bad${i}`, body);
    await t.rejects(runtime.statusNetworkList(list({ type: `bad${i}` })), { message, code }, body);
  }
  script(directory, 'empty', 'true');
  const { output } = await runtime.addNetworkList(list({ type: 'empty' }), attachment);
  t.same(output, { cniVersion: '1.1.0' }, 'no output is an empty result');
});

t.test('a plugin that is being written is tried again', async (t) => {
  const directory = temporaryDirectory(t);
  // an executable that is open for writing is busy (ETXTBSY)
  const file = join(directory, 'true');
  execFileSync('cp', ['/bin/true', file]);
  const writer = spawn('sh', ['-c', `exec 3>>${file}; echo open; read line`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => writer.stdout.once('data', resolve));
  const closed = new Promise((resolve) => writer.once('close', resolve));
  const runtime = new Runtime({ path: [directory] });
  const network = list({ type: 'true' });
  await t.rejects(runtime.statusNetworkList(network, { signal: AbortSignal.timeout(200) }), {
    name: 'TimeoutError',
  });
  const status = runtime.statusNetworkList(network);
  setTimeout(() => writer.stdin.end('\n'), 200);
  t.equal((await status).timings.length, 1);
  await closed;
});

t.test('a signal ends the plugin; what was done is undone', async (t) => {
  const directory = temporaryDirectory(t);
  const started = join(directory, 'started');
  script(
    directory,
    'slow',
    `[ $CNI_COMMAND = ADD ] || exit 0; trap 'echo stopped > ${started}; kill $!; exit 1' TERM; echo > ${started}; sleep 60 & wait`,
  );
  const { bundled, seen } = recorders({ first: nothing, last: nothing });
  const runtime = new Runtime({ bundled, path: [directory], cacheDirectory: directory });
  const controller = new AbortController();
  const reason = new Error('enough');
  const network = list({ type: 'first' }, { type: 'slow' }, { type: 'last' });
  const adding = runtime.addNetworkList(network, attachment, {
    signal: controller.signal,
    undoOnFailure: true,
  });
  adding.catch(() => undefined);
  while (!existsSync(started)) await new Promise((resolve) => setTimeout(resolve, 10));
  controller.abort(reason);
  await t.rejects(adding, reason);
  t.equal(readFileSync(started, 'utf8'), 'stopped\n', 'it had ended before the call did');
  t.same(operations(seen), ['ADD first', 'DEL last', 'DEL first']);
  t.same(runtime.cache.list(), []);
  await t.rejects(runtime.statusNetworkList(network, { signal: controller.signal }), reason);
});

t.test('versions of plugins', async (t) => {
  const directory = temporaryDirectory(t);
  const runtime = new Runtime({ path: [directory] });
  t.match(await runtime.versionInfo('firewall'), {
    file: undefined,
    supported: ['0.4.0', '1.0.0', '1.1.0'],
  });
  const file = script(
    directory,
    'new',
    'echo "{\\"cniVersion\\": \\"1.0.0\\", \\"supportedVersions\\": [\\"1.0.0\\"]}"',
  );
  t.same(await runtime.versionInfo('new'), { type: 'new', file, supported: ['1.0.0'] });
  for (const [body, supported] of [
    ['echo \'{"code": 4, "msg": "unknown CNI_COMMAND: VERSION"}\'; exit 1', ['0.1.0']],
    ['echo \'{"cniVersion": "0.2.0"}\'', ['0.1.0', '0.2.0']],
  ] as const) {
    script(directory, 'old', body);
    t.match(await runtime.versionInfo('old'), { supported });
  }
  for (const [body, message] of [
    ['echo "{}"', 'decoding version info: missing field cniVersion'],
    ['echo \'{"cniVersion": "1.0.0"}\'', 'decoding version info: missing field supportedVersions'],
  ] as const) {
    script(directory, 'odd', body);
    await t.rejects(runtime.versionInfo('odd'), { message });
  }
  await t.rejects(runtime.versionInfo('none'), { message: /^failed to find plugin "none" in path/ });
  await t.rejects(runtime.versionInfo('firewall', { inProcess: false }), {
    message: /^failed to find plugin/,
  });
});

t.test('what is wrong with a network, all at once', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'bin'));
  script(join(directory, 'bin'), 'old', 'echo \'{"cniVersion": "0.2.0"}\'');
  const runtime = new Runtime({ path: [join(directory, 'bin')] });
  const network = parseNetworkList(`{
    "cniVersion": "0.3.1",
    "name": "-no",
    "plugins": [
      { "type": "bridge", "mtu": "many", "isGateway": 1,
        "capabilities": { "ips": true, "mac": false },
        "ipam": { "type": "nope" } },
      { "type": "firewall", "capabilities": { "z": true } },
      { "type": "old" }
    ]
  }`);
  const { problems, capabilities } = await runtime.validateNetworkList(network);
  t.same(capabilities, ['ips', 'z']);
  t.same(
    problems.map(({ message, place }) => [message.replace(/in path.*/, ''), place?.position.line]),
    [
      ['invalid characters found in network name; -no', 3],
      ['isGateway: expected true or false, got 1', 5],
      ['mtu: expected a whole number, got "many"', 5],
      ['failed to find plugin "nope" ', 7],
      ['plugin firewall does not support config version "0.3.1"', 8],
      ['plugin old does not support config version "0.3.1"', 9],
    ],
  );
  const good = list(
    { type: 'bridge', ipam: { type: 'host-local', subnet: '10.0.0.0/24' } },
    { type: 'portmap' },
  );
  t.same((await runtime.validateNetworkList(good)).problems, []);
});
