import { enter } from './support/enter.js';

enter('docker', 'dockerd', 'busybox', 'runc');

const { test } = await import('tap');
const { KillingField } = await import('./support/docker-kills.js');

/** Calls between two kills of one life. */
const APART = 4;

test('the driver is killed at every call of Docker', { timeout: 290_000 }, async (t) => {
  const field = new KillingField('driver');
  t.teardown(() => field.end());
  await field.begin();
  await field.live([]);
  t.same(await field.live([]), []);
  t.same(await field.driver.leftovers(), [], 'without having to ask Docker');
  const number = field.calls.length;
  t.ok(number >= 15, `${number} calls: ${field.calls.join(' ')}`);
  for (const when of ['before', 'after'] as const) {
    for (let first = 1; first <= APART; first++) {
      const kills = [];
      for (let nth = first; nth <= number; nth += APART) kills.push({ nth, when });
      const what = `${when} ${kills.map(({ nth }) => nth).join(', ')}`;
      t.same(await field.live(kills), [], what);
      t.same(await field.leftovers(), [], `${what}: nothing is left`);
    }
  }
});
