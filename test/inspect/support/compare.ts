import { execFileSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import type { Test } from 'tap';
import { inventory, readTables, type TableName, type TableOptions } from '../../../host/inspect/index.js';
import type { Lab } from '../../support/lab.js';

type Json = Record<string, unknown>;

/** Timers run between two readings. */
function withoutTimers(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, inner) => (/_timer$|^expires$/.test(key) ? 0 : inner)));
}

/** What iproute2 prints; it refuses tables that have never had a route of the family. */
function printed(lab: Lab, args: readonly string[]): Json[] {
  const text = execFileSync('ip', ['-n', lab.name, '-j', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const all = text.trim() === '' ? [] : (JSON.parse(text) as Json[]);
  // iproute2 has empty objects for what it does not show
  return all.filter((one) => Object.keys(one).length > 0);
}

/** Reads a table of the lab and compares it with what iproute2 says of the same. */
export async function comparesWithIp(
  t: Test,
  lab: Lab,
  name: TableName,
  options: TableOptions,
  args: readonly string[],
): Promise<void> {
  const all = await inventory({ engines: false, nsids: false });
  const found = all.namespaces.filter(({ id }) => id.inode === lab.namespace.id.ino);
  const read = async (): Promise<Json[]> => {
    const { tables, problems } = await readTables(name, found, all.self.inode, options);
    t.same(problems, []);
    return withoutTimers(tables[0]?.rows) as Json[];
  };
  const print = (): Json[] => withoutTimers(printed(lab, args)) as Json[];
  // the kernel settles states and addresses by itself: what counts is a moment at which nothing changes
  let theirs = print();
  let ours = await read();
  for (let attempt = 0; attempt < 50; attempt++) {
    const after = print();
    if (isDeepStrictEqual(theirs, after)) break;
    theirs = after;
    ours = await read();
  }
  t.same(ours, theirs, `ip ${args.join(' ')}`);
  t.same(
    ours.map((row) => Object.keys(row)),
    theirs.map((row) => Object.keys(row)),
    `ip ${args.join(' ')}: in its order`,
  );
}
