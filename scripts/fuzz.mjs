#!/usr/bin/env node
/**
 * npm run fuzz -- [--seconds 60] [--seed N]: feeds mutated datagrams to every reader of the codec. A worker does the
 * work, so that one that never ends is found out. What fails is printed, with the seed, and kept in fuzz-failure.hex.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Failure, root, run, say, script } from './lib/steps.mjs';

/** ms without a sign of life. */
const LIMIT = 5000;
const ROUND = 500;

async function work() {
  const load = (name) => import(pathToFileURL(join(root, `dist/test/fuzz/${name}.js`)).href);
  const [{ seeds, target }, { mutate, random }] = await Promise.all([load('decoder'), load('mutate')]);
  const next = random(workerData.seed);
  const end = performance.now() + workerData.seconds * 1000;
  let count = 0;
  while (performance.now() < end) {
    for (let i = 0; i < ROUND; i++, count++) {
      const bytes = mutate(seeds, next);
      workerData.last.set(bytes.subarray(0, workerData.last.length - 4), 4);
      new DataView(workerData.last.buffer).setUint32(0, bytes.length, true);
      try {
        target(bytes);
      } catch (error) {
        parentPort.postMessage({ failed: `${error.stack}` });
        return;
      }
    }
    parentPort.postMessage({ count });
  }
  parentPort.postMessage({ done: count });
}

function supervise() {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
  });
  const [seconds, seed] = [Number(values.seconds), Number(values.seed ?? Date.now() % 1_000_000)];
  if (!(seconds > 0)) throw new Failure(`--seconds ${values.seconds}: expected a number above 0`);
  if (!Number.isSafeInteger(seed)) throw new Failure(`--seed ${values.seed}: expected an integer`);
  run(execPath, ['scripts/build.mjs'], { show: true });
  const last = new Uint8Array(new SharedArrayBuffer(1 << 20));
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: { seed, seconds, last },
  });
  say(`fuzzing for ${seconds} s with seed ${seed}`);
  const fail = (what) => {
    const length = new DataView(last.buffer).getUint32(0, true);
    const hex = Buffer.from(last.slice(4, 4 + length)).toString('hex');
    writeFileSync(join(root, 'fuzz-failure.hex'), `${hex}\n`);
    say(`seed ${seed}: ${what}\nthe datagram is in fuzz-failure.hex: netloom decode fuzz-failure.hex`);
    process.exit(1);
  };
  let watchdog = setTimeout(() => fail('no end'), LIMIT + 10_000);
  worker.on('message', ({ count, done, failed }) => {
    clearTimeout(watchdog);
    if (failed !== undefined) fail(failed);
    if (done !== undefined) {
      say(`${done} datagrams, no failure`);
      return;
    }
    if (count % (ROUND * 100) === 0) say(`${count} datagrams`);
    watchdog = setTimeout(() => fail(`no end within ${LIMIT} ms`), LIMIT);
  });
  worker.on('error', (error) => fail(error.stack));
}

if (isMainThread) await script(supervise);
else await work();
