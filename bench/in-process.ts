/** Comparisons inside one process, by benny: the decoders that are JavaScript. */
import benny from 'benny';
import {
  decodeColumnsByAttribute,
  decodeColumnsByLayout,
  decodeObjectsByHand,
  newRouteColumns,
} from './hand-written.js';
import { type Inputs, ROUTES, readDump } from './inputs.js';
import * as subject from './subject.js';
import type { Table } from './table.js';

interface Contest {
  readonly title: string;
  readonly ours: () => unknown;
  readonly theirs: Readonly<Record<string, () => unknown>>;
}

/** The first case is ours. */
async function contest({ title, ours, theirs }: Contest, table: Table): Promise<void> {
  process.stderr.write(`${title} …\n`);
  const summary = await benny.suite(
    title,
    benny.add('netloom', () => {
      ours();
    }),
    ...Object.entries(theirs).map(([name, work]) =>
      benny.add(name, () => {
        work();
      }),
    ),
  );
  const samplesOf = (name: string): number[] =>
    (summary.results.find((result) => result.name === name)?.details.sampleResults ?? []).map(
      (seconds) => (seconds * 1e9) / ROUTES,
    );
  for (const name of Object.keys(theirs)) {
    table.add({
      bench: title,
      rival: name,
      ours: samplesOf('netloom'),
      theirs: samplesOf(name),
      target: undefined,
    });
  }
}

/** Measures ours and the hand-written decoders one after the other in this process. */
export async function compareInProcess({ dumps }: Inputs, table: Table): Promise<void> {
  const bytes = readDump(dumps.routes);
  const out = newRouteColumns(ROUTES * 2);
  await contest(
    {
      title: 'decode 100k routes to columns, in one process',
      ours: () => subject.decodeColumns(bytes),
      theirs: {
        'JavaScript by hand': () => decodeColumnsByAttribute(bytes, out),
        'JavaScript by hand, remembering the last layout': () => decodeColumnsByLayout(bytes, out),
      },
    },
    table,
  );
  await contest(
    {
      title: 'decode 100k routes to plain objects, in one process',
      ours: () => subject.decodeObjects(bytes),
      theirs: { 'JavaScript by hand': () => decodeObjectsByHand(bytes).length },
    },
    table,
  );
}
