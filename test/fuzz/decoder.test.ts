import { test } from 'tap';
import { seeds, target } from './decoder.js';
import { mutate, random } from './mutate.js';

/** ms of fuzzing in a run of the tests; `npm run fuzz` goes on for longer. */
const DURATION = 8000;
/** ms that one datagram may take. */
const LIMIT = 500;

test('any mutation of any datagram is safe to decode', { timeout: 60_000 }, async (t) => {
  t.ok(seeds.length > 100);
  for (const seed of seeds) target(seed);
  const seed = Date.now() % 1_000_000;
  const next = random(seed);
  const end = performance.now() + DURATION;
  let count = 0;
  for (; performance.now() < end; count++) {
    const bytes = mutate(seeds, next);
    const started = performance.now();
    try {
      target(bytes);
    } catch (error) {
      t.fail(`seed ${seed}: ${Buffer.from(bytes).toString('hex')}: ${(error as Error).stack}`);
      return;
    }
    const took = performance.now() - started;
    if (took > LIMIT) {
      t.fail(`seed ${seed}: ${took} ms for ${Buffer.from(bytes).toString('hex')}`);
      return;
    }
  }
  t.comment(`${count} datagrams`);
  t.ok(count > 1000, 'there was time for some');
});
