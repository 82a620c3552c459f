import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { referenceDirectory } from '../plugins/support/host.js';
import { compare, judge } from './compare.js';
import type { Found } from './difference.js';
import { differences } from './differences.js';
import { knows, type Run, runsOf, type Table } from './row.js';
import { Stage } from './stage.js';

/** Version that the reference plugins say they have: `1.1.1`; one that says none is taken for the newest. */
function referenceVersion(): string {
  const { stderr } = spawnSync(join(referenceDirectory, 'bridge'), { encoding: 'utf8', env: {} });
  return /v(\d+\.\d+\.\d+)/.exec(stderr)?.[1] ?? '999';
}

function newer(a: string, b: string): boolean {
  return a.localeCompare(b, 'en', { numeric: true }) >= 0;
}

/** Runs tables' rows on both sides, one test for each row and version. */
export function compareTables(...tables: readonly Table[]): void {
  const only = process.env.NETLOOM_ROW ?? '';
  const version = referenceVersion();
  const stage = new Stage(t);
  for (const run of tables.flatMap(runsOf).filter(({ id }) => id.includes(only))) {
    const missing = (run.row.instead ?? run.row.plugins).find(
      ({ type }) => !existsSync(join(referenceDirectory, String(type))),
    );
    const skip = missing === undefined ? false : `the reference here has no plugin ${missing.type}`;
    t.test(run.id, { skip, timeout: 120_000 }, async (test) => {
      const found =
        run.row.operations === undefined ? await attach(test, stage, run) : await operate(stage, run);
      const { intended, unintended } = judge(found, run);
      if (process.env.NETLOOM_SHOW !== undefined) for (const one of found) test.comment(JSON.stringify(one));
      if (unintended.length === 0) test.pass('no difference but those of differences.ts');
      for (const { phase, key, ours, reference } of unintended) {
        test.fail(`after ${phase}: ${key}`, { ours: ours ?? 'nothing', reference: reference ?? 'nothing' });
      }
      const expected = differences.filter(
        ({ shownBy, until }) => shownBy.includes(run.id) && (until === undefined || !newer(version, until)),
      );
      for (const { id } of expected) test.ok(intended.has(id), `still so: ${id}`);
    });
  }
}

async function operate(stage: Stage, run: Run): Promise<Found[]> {
  return compare('it', await stage.operations(run, 'ours'), await stage.operations(run, 'reference'));
}

async function attach(test: Test, stage: Stage, run: Run): Promise<Found[]> {
  const { row } = run;
  const reference = await stage.trial(test, run, { adds: 'reference', deletes: 'reference' });
  const ours = await stage.trial(test, run, { adds: 'ours', deletes: 'ours' });
  const messages = (who: RegExp, phase: string): string =>
    [...(ours.find((one) => one.phase === phase)?.facts ?? [])]
      .filter(([key]) => who.test(key))
      .map(([, msg]) => msg)
      .join();
  const refused = messages(/^ADD .* msg$/, 'ADD');
  if (row.fails === undefined) test.equal(refused, '', 'ADD works');
  else test.match(refused, row.fails, 'ADD fails');
  const complaint = messages(/^CHECK by who added.* msg$/, 'CHECK');
  if (row.checkFails === undefined) test.equal(complaint, '', 'CHECK finds all in order');
  else if (knows(run.version, 'CHECK')) test.match(complaint, row.checkFails, 'CHECK finds what is wrong');
  const found = ['ADD', 'CHECK', 'DEL'].flatMap((phase) => {
    const [mine, theirs] = [ours, reference].map((all) => all.find((one) => one.phase === phase)?.facts);
    return mine === undefined || theirs === undefined ? [] : compare(phase, mine, theirs);
  });
  if (row.exchange === undefined || run.version !== (row.versions ?? [run.version]).at(-1)) return found;
  const byReference = await stage.trial(test, run, { adds: 'ours', deletes: 'reference', endOnly: true });
  const byOurs = await stage.trial(test, run, { adds: 'reference', deletes: 'ours', endOnly: true });
  const last = (all: typeof ours) => all.at(-1)?.facts ?? new Map();
  return [
    ...found,
    ...compare('DEL by ours', last(ours), last(byOurs)),
    ...compare('DEL by the reference', last(byReference), last(reference)),
  ];
}
