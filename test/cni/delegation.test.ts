import { chmodSync, closeSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { anything } from '../../host/cni/config.js';
import { executePlugin, findPlugin } from '../../host/cni/execution.js';
import { definePlugin, type Plugin } from '../../host/cni/plugin.js';
import type { Result } from '../../host/cni/result.js';
import { hostLocal } from '../../host/plugins/ipam/host-local/host-local.js';
import { leased, temporaryDirectory } from '../plugins/ipam/support/leases.js';
import { environment, hasReference, referencePath, runOurs } from './support/reference.js';

// a plugin that does nothing but to ask its IPAM plugin
const main = definePlugin<unknown>({
  type: 'main',
  config: anything,
  usesNetwork: false,
  add: async ({ ipam }) => await ipam.add(),
  delete: async ({ ipam }) => await ipam.delete(),
  check: async ({ ipam }) => await ipam.check(),
  gc: async ({ ipam }) => await ipam.gc(),
  status: async ({ ipam }) => await ipam.status(),
});
const bundled = (type: string): Plugin | undefined => (type === 'host-local' ? hostLocal : undefined);

const network = (dataDir: string, changes: object = {}): object => ({
  cniVersion: '1.0.0',
  name: 'net',
  type: 'main',
  ipam: { type: 'host-local', subnet: '10.1.2.0/24', dataDir },
  ...changes,
});

function script(directory: string, name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

t.test('a bundled IPAM plugin is called, a foreign one executed: the same comes of it', async (t) => {
  const ways = { bundled, foreign: undefined };
  for (const [title, lookup] of Object.entries(ways)) {
    if (lookup === undefined && !hasReference) continue;
    for (const cniVersion of ['0.2.0', '0.4.0', '1.0.0']) {
      const dataDir = temporaryDirectory(t);
      const store = join(dataDir, 'net');
      const config = network(dataDir, { cniVersion });
      const call = (changes: object) => runOurs(main, environment(changes), config, { bundled: lookup });
      const { output } = await call({});
      const wanted =
        cniVersion === '0.2.0'
          ? { ip4: { ip: '10.1.2.2/24', gateway: '10.1.2.1' } }
          : { ips: [{ address: '10.1.2.2/24', gateway: '10.1.2.1' }] };
      t.match(output, { cniVersion, ...wanted }, `${title}, ${cniVersion}`);
      const again = await call({});
      t.match(
        again.error,
        { code: 999, msg: /duplicate allocation is not allowed/ },
        `${title}: its error passes through`,
      );
      if (cniVersion !== '0.2.0') {
        t.equal((await call({ command: 'CHECK' })).status, 0);
        const check = await call({ command: 'CHECK', containerId: 'other' });
        t.equal(check.error?.msg, 'host-local: Failed to find address added by container other');
      }
      t.same(leased(store), ['10.1.2.2']);
      t.equal((await call({ command: 'DEL', netns: '' })).status, 0);
      t.same(leased(store), []);
    }
  }
});

t.test('GC and STATUS reach a bundled IPAM plugin', async (t) => {
  const dataDir = temporaryDirectory(t);
  const ipam = { type: 'host-local', subnet: '10.1.2.0/30', dataDir };
  const config = network(dataDir, { cniVersion: '1.1.0', ipam });
  const call = (changes: object, keys: object = {}) =>
    runOurs(main, environment(changes), { ...config, ...keys }, { bundled });
  t.equal((await call({ command: 'STATUS' })).status, 0);
  t.equal((await call({})).status, 0);
  t.match((await call({ command: 'STATUS' })).output, { cniVersion: '1.1.0', code: 50 });
  t.equal((await call({ command: 'GC' }, { 'cni.dev/valid-attachments': [] })).status, 0);
  t.same(leased(join(dataDir, 'net')), []);
});

t.test('plugins that can’t be found', async (t) => {
  const empty = temporaryDirectory(t);
  const failing = async (ipam: object | undefined, path: string, msg: string): Promise<void> => {
    const { error } = await runOurs(main, environment({ path }), network(empty, { ipam }));
    t.match(error, { code: 999, msg });
  };
  await failing(
    { type: 'nope' },
    `${empty}:/no/such`,
    `failed to find plugin "nope" in path [${empty} /no/such]`,
  );
  await failing({ type: 'a/b' }, empty, 'invalid plugin name: a/b');
  await failing({ type: '' }, empty, 'no plugin name provided');
  await failing(undefined, empty, 'no plugin name provided');
  mkdirSync(join(empty, 'plugin'));
  await failing({ type: 'plugin' }, empty, `failed to find plugin "plugin" in path [${empty}]`);
  t.throws(() => findPlugin('x', []), { message: 'no paths provided' });
  const other = temporaryDirectory(t);
  script(other, 'real', 'true');
  symlinkSync(join(other, 'real'), join(other, 'plugin'));
  t.equal(
    findPlugin('plugin', [empty, other]),
    join(other, 'plugin'),
    'a link to a file will do, a directory not',
  );
});

t.test('what plugins may say', async (t) => {
  const directory = temporaryDirectory(t);
  const cases: [
    text: string,
    outcome: object | undefined,
    error?: { code: string; message: string | RegExp },
  ][] = [
    ['echo \'{"ips":[]}\'', { ips: [] }],
    ['echo null', undefined],
    ['true', undefined],
    [
      'exit 2',
      undefined,
      { code: 'ERR_CNI_999', message: 'netplugin failed with no error message: exit status 2' },
    ],
    [
      'kill -9 $$',
      undefined,
      { code: 'ERR_CNI_999', message: /netplugin failed with no error message: signal: / },
    ],
    ['echo oh >&2; exit 1', undefined, { code: 'ERR_CNI_999', message: 'netplugin failed: "oh\\n"' }],
    [
      'echo oh; exit 1',
      undefined,
      {
        code: 'ERR_CNI_999',
        message: /^netplugin failed but error parsing its diagnostic message "oh\\n": /,
      },
    ],
    [
      'echo \'{"code":11,"msg":"later","details":"d"}\'; exit 1',
      undefined,
      { code: 'ERR_CNI_11', message: 'later; d' },
    ],
    ['echo 5; exit 1', undefined, { code: 'ERR_CNI_999', message: /^netplugin failed but error parsing/ }],
    ['echo "{"', undefined, { code: 'ERR_CNI_6', message: /^failed to unmarshal raw result: / }],
    ['echo 5', undefined, { code: 'ERR_CNI_6', message: /^failed to unmarshal raw result: / }],
  ];
  for (const [text, outcome, error] of cases) {
    const file = script(directory, 'plugin', text);
    const run = executePlugin(file, environment(), '{}');
    if (error === undefined) t.same(await run, outcome, text);
    else await t.rejects(run, error, text);
  }
});

t.test('the environment of an executed plugin', async (t) => {
  const directory = temporaryDirectory(t);
  const text =
    'printf \'{"env":"%s %s %s %s","in":%s}\' "$CNI_COMMAND" "$CNI_ARGS" "$CNI_NETNS" "$HOME" "$(cat)"';
  const file = script(directory, 'plugin', text);
  const env = environment({ command: 'DEL', args: 'A=b', netns: '/x' });
  t.same(await executePlugin(file, env, '{"a":1}'), {
    env: `DEL A=b /x ${process.env.HOME ?? ''}`,
    in: { a: 1 },
  });
});

t.test('a plugin that is being written is waited for', async (t) => {
  const directory = temporaryDirectory(t);
  const file = script(directory, 'plugin', 'echo \'{"a":1}\'');
  const writing = openSync(file, 'r+');
  setTimeout(() => closeSync(writing), 300);
  t.same(await executePlugin(file, environment(), '{}'), { a: 1 });
});

t.test('a caller that gives up ends the plugin', async (t) => {
  const directory = temporaryDirectory(t);
  const file = script(directory, 'plugin', 'exec sleep 30');
  const started = Date.now();
  await t.rejects(executePlugin(file, environment(), '{}', AbortSignal.timeout(100)));
  t.ok(Date.now() - started < 5000);
});

t.test('execute: another plugin with another config', { skip: !hasReference }, async (t) => {
  const dataDir = temporaryDirectory(t);
  const config = network(dataDir, { name: 'inner' });
  const delegating = definePlugin<unknown>({
    type: 'delegating',
    config: anything,
    usesNetwork: false,
    add: async ({ execute }) =>
      await execute('host-local', { environment: { ifname: 'net7' }, config: config as never }),
    delete: async () => undefined,
    check: async () => undefined,
  });
  for (const lookup of [bundled, undefined]) {
    const env = environment({ path: referencePath, containerId: lookup === undefined ? 'a' : 'b' });
    const { output } = await runOurs(delegating, env, network('/nowhere', { cniVersion: '1.0.0' }), {
      bundled: lookup,
    });
    t.equal((output as Result).ips?.length, 1);
  }
  t.same(leased(join(dataDir, 'inner')), ['10.1.2.2', '10.1.2.3']);
});
