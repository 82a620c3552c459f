import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { anything } from '../../host/cni/config.js';
import { CniError } from '../../host/cni/errors.js';
import { definePlugin, type Plugin, type Request } from '../../host/cni/plugin.js';
import { hostLocal } from '../../host/plugins/ipam/host-local/host-local.js';
import type { Attachment } from '../../host/runtime/attachment.js';
import { ResultCache } from '../../host/runtime/cache.js';
import { parseNetworkList } from '../../host/runtime/network-list.js';
import { Runtime } from '../../host/runtime/runtime.js';
import { hasReference, referencePath } from '../cni/support/reference.js';
import { leased, program, temporaryDirectory } from '../plugins/ipam/support/leases.js';

// biome-ignore lint/suspicious/noExplicitAny: what was seen is compared loosely
type Seen = [type: string, operation: string, raw: any];

/** Three plugins that note what they are asked and add an interface of their name to the result. */
function recorders(failing: Record<string, string> = {}): {
  bundled: (type: string) => Plugin | undefined;
  seen: Seen[];
} {
  const seen: Seen[] = [];
  const plugins = ['first', 'second', 'third'].map((type) => {
    const note =
      (operation: string) =>
      async (request: Request<unknown>): Promise<void> => {
        seen.push([type, operation, request.rawConfig]);
        if (failing[type] === operation) throw new CniError(123, `${type} fails`, 'on purpose');
      };
    return definePlugin<unknown>({
      type,
      config: anything,
      usesNetwork: false,
      add: async (request) => {
        await note('ADD')(request);
        const { interfaces = [], ips = [] } = request.prevResult ?? {};
        return { interfaces: [...interfaces, { name: type }], ips: [...ips, { address: '10.1.2.3/24' }] };
      },
      delete: note('DEL'),
      check: note('CHECK'),
      gc: note('GC'),
      status: note('STATUS'),
    });
  });
  return { bundled: (type) => plugins.find((plugin) => plugin.type === type), seen };
}

const list = (
  changes: object = {},
  plugins: object[] = [{ type: 'first' }, { type: 'second', name: 'x' }, { type: 'third' }],
) => parseNetworkList(JSON.stringify({ cniVersion: '1.0.0', name: 'net', plugins, ...changes }));

const attachment: Attachment = { containerId: 'c1', netns: '/no/such/namespace', ifname: 'eth0' };

t.test('a list: results are handed on, the last one is cached and given to CHECK and DEL', async (t) => {
  for (const cniVersion of ['0.3.1', '0.4.0', '1.0.0', '1.1.0']) {
    const { bundled, seen } = recorders();
    const cacheDirectory = temporaryDirectory(t);
    const runtime = new Runtime({ bundled, cacheDirectory });
    const network = list({ cniVersion });
    const outcome = await runtime.addNetworkList(network, attachment);
    t.same(outcome.result.interfaces, [{ name: 'first' }, { name: 'second' }, { name: 'third' }]);
    t.equal(outcome.output.cniVersion, cniVersion);
    t.same(
      outcome.timings.map(({ type }) => type),
      ['first', 'second', 'third'],
    );
    t.ok(outcome.timings.every(({ duration }) => duration >= 0 && duration < 5000));
    const [first, second, third] = seen.map(([, , raw]) => raw);
    t.notOk('prevResult' in first);
    t.match(second, { name: 'net', cniVersion, prevResult: { cniVersion, interfaces: [{ name: 'first' }] } });
    t.equal(third.prevResult.interfaces.length, 2);
    if (cniVersion === '0.3.1') {
      await t.rejects(runtime.checkNetworkList(network, attachment), {
        message: 'configuration version "0.3.1" does not support the CHECK command',
      });
    } else {
      await runtime.checkNetworkList(network, attachment);
      t.same(
        seen.slice(3).map(([type, operation, raw]) => [type, operation, raw.prevResult]),
        ['first', 'second', 'third'].map((type) => [type, 'CHECK', outcome.output]),
      );
    }
    seen.length = 0;
    await runtime.delNetworkList(network, attachment);
    const given = cniVersion === '0.3.1' ? undefined : outcome.output;
    t.same(
      seen.map(([type, operation, raw]) => [type, operation, raw.prevResult]),
      ['third', 'second', 'first'].map((type) => [type, 'DEL', given]),
    );
    t.same(runtime.cache.list(), []);
    await runtime.delNetworkList(network, attachment);
  }
});

t.test('capabilities: what is switched on and has a value', async (t) => {
  const { bundled, seen } = recorders();
  const runtime = new Runtime({ bundled, cacheDirectory: temporaryDirectory(t) });
  const network = list({}, [
    { type: 'first', capabilities: { ips: true, mac: true, bandwidth: false }, runtimeConfig: { old: 1 } },
    { type: 'second', runtimeConfig: { kept: 1 } },
  ]);
  const capabilities = { ips: ['10.0.0.1'], bandwidth: { ingressRate: 1 }, other: 1 };
  await runtime.addNetworkList(network, { ...attachment, capabilities, args: [['IgnoreUnknown', '1']] });
  t.same(seen[0]?.[2].runtimeConfig, { ips: ['10.0.0.1'] });
  t.same(seen[1]?.[2].runtimeConfig, { kept: 1 });
  const [cached] = runtime.cache.list('c1');
  t.same(cached?.attachment, { ...attachment, capabilities, args: [['IgnoreUnknown', '1']] });
});

t.test('a plugin that fails ends the list', async (t) => {
  const failure = (verb: string) => ({
    code: 'ERR_CNI_123',
    message: `plugin type="second" name="x" failed (${verb}): second fails; on purpose`,
  });
  const operations = (seen: Seen[]): string[] => seen.map(([type, operation]) => `${operation} ${type}`);
  {
    const { bundled, seen } = recorders({ second: 'ADD' });
    const runtime = new Runtime({ bundled, cacheDirectory: temporaryDirectory(t) });
    await t.rejects(runtime.addNetworkList(list(), attachment), failure('add'));
    t.same(operations(seen), ['ADD first', 'ADD second'], 'left as it is');
    t.same(runtime.cache.list(), []);
    seen.length = 0;
    await t.rejects(runtime.addNetworkList(list(), attachment, { undoOnFailure: true }), failure('add'));
    t.same(operations(seen), ['ADD first', 'ADD second', 'DEL third', 'DEL second', 'DEL first'], 'undone');
    runtime.cache.write(list(), attachment, { cniVersion: '1.0.0' });
    seen.length = 0;
    await t.rejects(runtime.addNetworkList(list(), attachment, { undoOnFailure: true }), failure('add'));
    t.same(operations(seen), ['ADD first', 'ADD second'], 'an older attachment is not taken away');
  }
  {
    const { bundled, seen } = recorders({ second: 'DEL' });
    const runtime = new Runtime({ bundled, cacheDirectory: temporaryDirectory(t) });
    await runtime.addNetworkList(list(), attachment);
    seen.length = 0;
    await t.rejects(runtime.delNetworkList(list(), attachment), failure('delete'));
    t.same(operations(seen), ['DEL third', 'DEL second']);
    t.equal(runtime.cache.list().length, 1, 'still cached: DEL is to be repeated');
  }
  {
    const { bundled } = recorders({ second: 'CHECK' });
    const runtime = new Runtime({ bundled, cacheDirectory: temporaryDirectory(t) });
    await runtime.addNetworkList(list(), attachment);
    await t.rejects(runtime.checkNetworkList(list(), attachment), {
      code: 'ERR_CNI_123',
      message: 'second fails; on purpose',
    });
    await runtime.checkNetworkList(list({ disableCheck: true }), attachment);
  }
});

t.test('names are checked before anything runs', async (t) => {
  const { bundled, seen } = recorders();
  const runtime = new Runtime({ bundled, cacheDirectory: temporaryDirectory(t) });
  const failing = (changes: Partial<Attachment>, error: { code: string; message?: string }, name = 'net') =>
    t.rejects(runtime.addNetworkList(list({ name }), { ...attachment, ...changes }), error);
  await failing({ containerId: '' }, { code: 'ERR_CNI_3', message: 'missing containerID' });
  await failing({ containerId: '../x' }, { code: 'ERR_CNI_4' });
  await failing({ ifname: 'a/b' }, { code: 'ERR_CNI_4' });
  await failing({}, { code: 'ERR_CNI_7' }, '../n');
  t.same(seen, []);
});

t.test('GC: what the cache holds and nobody wants, then the plugins', async (t) => {
  const { bundled, seen } = recorders({ second: 'GC' });
  const runtime = new Runtime({ bundled, cacheDirectory: temporaryDirectory(t) });
  const network = list({ cniVersion: '1.1.0' });
  for (const containerId of ['c1', 'c2', 'c3'])
    await runtime.addNetworkList(network, { ...attachment, containerId });
  await runtime.addNetworkList(list({ cniVersion: '1.1.0', name: 'other' }), attachment);
  seen.length = 0;
  const valid = [{ containerID: 'c2', ifname: 'eth0' }];
  await t.rejects(runtime.gcNetworkList(network, valid), {
    code: 'ERR_GC',
    message: 'failed to GC plugin second: second fails; on purpose',
  });
  t.same(
    runtime.cache.list().map(({ network: name, attachment: { containerId } }) => [name, containerId]),
    [
      ['net', 'c2'],
      ['other', 'c1'],
    ],
  );
  const collected = seen.filter(([, operation]) => operation === 'GC');
  t.same(
    collected.map(([type]) => type),
    ['first', 'second', 'third'],
  );
  t.same(collected[0]?.[2]['cni.dev/valid-attachments'], valid);
  t.same(collected[0]?.[2]['cni.dev/attachments'], valid);
  seen.length = 0;
  await runtime.gcNetworkList(list({ cniVersion: '1.1.0', disableGC: true }), []);
  t.same(seen, []);
});

t.test('STATUS: the first plugin’s error, with its code', async (t) => {
  const { bundled, seen } = recorders({ second: 'STATUS' });
  const runtime = new Runtime({ bundled, cacheDirectory: temporaryDirectory(t) });
  await t.rejects(runtime.statusNetworkList(list({ cniVersion: '1.1.0' })), {
    code: 'ERR_CNI_123',
    message: 'second fails; on purpose',
  });
  await runtime.statusNetworkList(list());
  t.equal(seen.length, 2, 'lists before 1.1.0 are not asked');
});

t.test('caches that make no sense', async (t) => {
  const { bundled, seen } = recorders();
  const cacheDirectory = temporaryDirectory(t);
  const runtime = new Runtime({ bundled, cacheDirectory });
  await runtime.addNetworkList(list(), attachment);
  const file = join(cacheDirectory, 'results', 'net-c1-eth0');
  t.equal((statSync(file).mode & 0o777).toString(8), '600');
  t.equal((statSync(join(cacheDirectory, 'results')).mode & 0o777).toString(8), '700');
  for (const text of [
    '',
    '{',
    '5',
    '{"kind":"other"}',
    '{"kind":"cniCacheV1","result":{"cniVersion":"9"}}',
  ]) {
    writeFileSync(file, text);
    await t.rejects(runtime.checkNetworkList(list(), attachment), {
      message: /^failed to get network "net" cached result: /,
    });
    seen.length = 0;
    await runtime.delNetworkList(list(), attachment);
    t.equal(seen[0]?.[2].prevResult, undefined, `${text}: DEL goes on without it`);
    t.notOk(existsSync(file));
  }
  // of before libcni 0.8: the result alone, here in another version than the list's
  writeFileSync(file, '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.1.2.3/24"}]}');
  seen.length = 0;
  await runtime.delNetworkList(list(), attachment);
  t.same(seen[0]?.[2].prevResult, { cniVersion: '1.0.0', ips: [{ address: '10.1.2.3/24' }] });
  mkdirSync(join(cacheDirectory, 'results', 'net-c1-eth0', 'x'), { recursive: true });
  await t.rejects(runtime.addNetworkList(list(), attachment), {
    message: /^failed to set network "net" cached result: /,
  });
});

// what cnitool (libcni 1.3.0) wrote for the conflist that is in it, with these arguments
const recorded =
  '{"kind":"cniCacheV1","containerId":"cnitool-70bfdfa0e19cefe8c695","config":"ewogICJjbmlWZXJzaW9uIjogIjEuMC4wIiwKICAibmFtZSI6ICJmaXh0dXJlIiwKICAicGx1Z2lucyI6IFsKICAgIHsgInR5cGUiOiAiaG9zdC1sb2NhbCIsICJjYXBhYmlsaXRpZXMiOiB7ICJpcHMiOiB0cnVlLCAib3RoZXIiOiBmYWxzZSB9LAogICAgICAiaXBhbSI6IHsgInR5cGUiOiAiaG9zdC1sb2NhbCIsICJzdWJuZXQiOiAiMTAuMS4yLjAvMjQiLCAiZGF0YURpciI6ICIvdmFyL2xpYi9jbmkvbmV0d29ya3MiIH0gfSwKICAgIHsgInR5cGUiOiAicG9ydG1hcCIsICJuYW1lIjogIjwmPiIgfQogIF0KfQo=","ifName":"eth0","networkName":"fixture","netns":"/run/netns/nope","cniArgs":[["IgnoreUnknown","1"],["K8S_POD_NAME","web"]],"capabilityArgs":{"ips":["10.1.2.77/24"],"other":{"A":"\\u003cx\\u003e","B":1}},"result":{"cniVersion":"1.0.0","ips":[{"address":"10.1.2.77/24","gateway":"10.1.2.1"}]}}';

t.test('the cache is libcni’s', async (t) => {
  const cacheDirectory = temporaryDirectory(t);
  mkdirSync(join(cacheDirectory, 'results'));
  const file = join(cacheDirectory, 'results', 'fixture-cnitool-70bfdfa0e19cefe8c695-eth0');
  writeFileSync(file, recorded);
  const cache = new ResultCache(cacheDirectory);
  const [entry] = cache.list();
  t.match(entry, {
    network: 'fixture',
    attachment: {
      containerId: 'cnitool-70bfdfa0e19cefe8c695',
      netns: '/run/netns/nope',
      ifname: 'eth0',
      args: [
        ['IgnoreUnknown', '1'],
        ['K8S_POD_NAME', 'web'],
      ],
      capabilities: { ips: ['10.1.2.77/24'], other: { A: '<x>', B: 1 } },
    },
    result: { cniVersion: '1.0.0', ips: [{ address: '10.1.2.77/24', gateway: '10.1.2.1' }] },
  });
  if (entry === undefined) return;
  const network = parseNetworkList(entry.config);
  t.same(
    network.plugins.map(({ type }) => type),
    ['host-local', 'portmap'],
  );
  cache.write(network, entry.attachment, entry.result ?? {});
  const written = readFileSync(file, 'utf8');
  t.same(JSON.parse(written), JSON.parse(recorded));
  t.same(Object.keys(JSON.parse(written)), Object.keys(JSON.parse(recorded)), 'keys in the same order');
});

t.test('executables: of the reference, of ours, mixed with bundled ones', async (t) => {
  const directory = temporaryDirectory(t);
  const own = join(directory, 'bin');
  mkdirSync(own);
  writeFileSync(join(own, 'host-local'), `#!/bin/sh\nexec ${process.execPath} ${program}\n`);
  chmodSync(join(own, 'host-local'), 0o755);
  const plugins = [
    {
      type: 'host-local',
      capabilities: { ips: true },
      ipam: { type: 'host-local', subnet: '10.1.2.0/24', dataDir: join(directory, 'leases') },
    },
    ...(hasReference ? [{ type: 'portmap', capabilities: { portMappings: true } }] : []),
  ];
  const bundled = (type: string): Plugin | undefined => (type === 'host-local' ? hostLocal : undefined);
  const ways = [
    new Runtime({ path: [own, referencePath], inProcess: false, cacheDirectory: directory }),
    new Runtime({ path: [referencePath], bundled, cacheDirectory: directory }),
    ...(hasReference
      ? [new Runtime({ path: [referencePath], inProcess: false, cacheDirectory: directory })]
      : []),
  ];
  for (const cniVersion of ['0.4.0', '1.0.0']) {
    const network = list({ cniVersion }, plugins);
    for (const [i, runtime] of ways.entries()) {
      const capabilities = { ips: [`10.1.2.${50 + i}`] };
      const one = { ...attachment, capabilities, args: [['IgnoreUnknown', '1']] as const };
      const { result, output } = await runtime.addNetworkList(network, one);
      t.same(result.ips, [{ address: `10.1.2.${50 + i}/24`, gateway: '10.1.2.1' }]);
      t.equal(output.cniVersion, cniVersion);
      await runtime.checkNetworkList(list({ cniVersion }, plugins.slice(0, 1)), one);
      // whichever deletes
      await (ways[(i + 1) % ways.length] as Runtime).delNetworkList(network, one);
      t.same(leased(join(directory, 'leases', 'net')), []);
      t.same(runtime.cache.list(), []);
    }
  }
  await t.rejects(
    new Runtime({ path: ['/no/such'], cacheDirectory: directory }).addNetworkList(
      list({}, [{ type: 'nope' }]),
      attachment,
    ),
    {
      code: 'ERR_CNI_999',
      message: 'plugin type="nope" failed (add): failed to find plugin "nope" in path [/no/such]',
    },
  );
});
