import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { installPlugins } from '../../../host/cli/install.js';

const script = fileURLToPath(new URL('../../../../test/plugins/meta/fixtures/firewalld.sh', import.meta.url));
const steps = fileURLToPath(new URL('firewalld-steps.js', import.meta.url));

test('firewalld, as the reference uses it', { timeout: 120_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nl-firewalld-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  installPlugins({ directory, types: ['firewall'] });
  const seen = (
    [
      ['reference', '/usr/lib/cni/firewall'],
      ['ours', join(directory, 'firewall')],
    ] as const
  ).map(([side, plugin]) => {
    const { status, stdout, stderr } = spawnSync('bash', [script, process.execPath, steps, plugin, side], {
      encoding: 'utf8',
    });
    t.equal(status, 0, stderr.slice(-500));
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Record<string, unknown>;
  });
  const [reference, ours] = seen;
  t.same({ ...ours, side: '' }, { ...reference, side: '' });
  t.same(ours?.sources, ['10.9.0.7/32', 'fd00::7/128']);
  t.same(ours?.left, []);
  t.same(ours?.internal, ['10.9.0.7/32', 'fd00::7/128']);
});
