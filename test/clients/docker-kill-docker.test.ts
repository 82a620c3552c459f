import { enter } from './support/enter.js';

enter('docker', 'dockerd', 'busybox', 'runc');

const { test } = await import('tap');
const { KillingField } = await import('./support/docker-kills.js');

test('Docker is killed at every call that it makes', { timeout: 290_000 }, async (t) => {
  const field = new KillingField('docker');
  t.teardown(() => field.end());
  await field.begin();
  await field.live([]);
  t.same(await field.live([]), []);
  const calls = field.calls;
  for (const [at, call] of calls.entries()) {
    // before the driver has heard of it, or before Docker has heard the answer: in turns, since Docker takes long
    const when = at % 2 === 0 ? 'after' : 'before';
    const what = `${when} ${call} (${at + 1})`;
    t.same(await field.live([{ nth: at + 1, when }]), [], what);
    t.same(await field.leftovers(), [], `${what}: nothing is left`);
  }
});
