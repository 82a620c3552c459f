/**
 * Our plugins embedded: one process attaches and detaches many times, in the namespace that it is started in.
 * program.js TITLE POD DATADIR ROUNDS: one line of JSON with the ns of each ADD and DEL. With `record` in the place of
 * ROUNDS: the script for `native attach`.
 */
import { argv } from 'node:process';
import { cniCases, configsOf } from './cases.js';
import { cycle } from './cycle.js';
import { operate } from './embedded.js';
import { recordScript } from './record.js';

/** Rounds that do not count: as many as the daemon makes before it is timed, until its code is compiled. */
const WARM_UP_ROUNDS = 200;

const [, , title, netns = '', dataDir = '', rounds = '30'] = argv;
const one = cniCases.find((candidate) => candidate.title === title);
if (one === undefined) throw new Error(`there is no case ${title}`);
const configs = configsOf(one, { dataDir });
if (rounds === 'record') {
  const [config = {}] = configs;
  process.stdout.write(await recordScript(config, netns));
} else {
  const add: number[] = [];
  const del: number[] = [];
  for (let i = -WARM_UP_ROUNDS; i < Number(rounds); i++) {
    const container = { id: `embedded-${process.pid}-${i}`, netns, ifname: one.ifname ?? 'eth0' };
    const sample = await cycle(operate, configs, one.untimed ?? 0, container);
    if (i < 0) continue;
    add.push(sample.add);
    del.push(sample.del);
  }
  process.stdout.write(`${JSON.stringify({ add, del })}\n`);
}
