/** What the daemon is like after much work: with many containers on one bridge, and after many that came and went. */
import { plotCurve } from '../plot.js';
import { median, type Table } from '../table.js';
import type { CniCase } from './cases.js';
import { BenchHost } from './host.js';
import { Launcher, sumOf } from './launcher.js';
import { Resident } from './resident.js';

/** A bridge of the kernel's has at most 1,023 ports (BR_MAX_PORTS): 2,000 on one, which were asked for, there cannot be. */
const CONTAINERS = 1000;
/** Of them at the beginning and at the end that are compared. */
const COMPARED = 100;
const GROWTH_TARGET = 1.5;

const ROUND_TRIPS = 10_000;
/** Containers that are attached, and then detached, at the same time. */
const CROWD = 50;
/** Round trips between two looks at the memory. */
const LOOK = 500;
const MEMORY_LIMIT = 100 * 1024 * 1024;
/** What the memory after all may be of that after a quarter of it. */
const FLAT_TARGET = 1.15;

export const crowdedTitle = `daemon ADD, ${CONTAINERS} containers on one bridge: last ${COMPARED}`;
export const memoryTitle = `daemon memory after ${ROUND_TRIPS} ADD and DEL`;

/** ADD of one after the other, until there are many; their median at the end over that at the beginning. */
export async function compareCrowded(
  native: string,
  one: CniCase,
  table: Table,
  warmUp: number,
): Promise<void> {
  const host = new BenchHost(one);
  const resident = new Resident(host);
  try {
    await resident.ready();
    const launcher = new Launcher(native);
    launcher.host('ours', host, resident.bin);
    const pod = host.pod();
    for (let i = 0; i < warmUp; i++) {
      const container = host.container(pod);
      launcher.step('ours', 'ADD', [container]);
      launcher.step('ours', 'DEL', [container]);
    }
    const all = Array.from({ length: CONTAINERS }, () => host.container(host.pod()));
    for (const container of all) launcher.step('ours', 'ADD', [container]);
    const adds = launcher
      .run()
      .slice(warmUp * 2)
      .map(({ took: [taken] }) => sumOf(taken));
    for (let i = 0; i < CONTAINERS; i += COMPARED) launcher.step('ours', 'DEL', all.slice(i, i + COMPARED));
    launcher.run();
    table.add({
      bench: crowdedTitle,
      rival: `the first ${COMPARED}`,
      ours: adds.slice(-COMPARED),
      theirs: adds.slice(0, COMPARED),
      target: GROWTH_TARGET,
      plot: `daemon-${CONTAINERS}-containers`,
    });
  } finally {
    await resident.end();
    host.remove();
  }
}

/** The daemon's resident memory while containers come and go. */
export async function measureMemory(native: string, one: CniCase, table: Table): Promise<void> {
  const host = new BenchHost(one);
  const resident = new Resident(host);
  try {
    await resident.ready();
    const launcher = new Launcher(native);
    launcher.host('ours', host, resident.bin);
    const pods = Array.from({ length: CROWD }, () => host.pod());
    const points: [number, number][] = [];
    for (let done = 0; done < ROUND_TRIPS; ) {
      for (let i = 0; i < LOOK; i += CROWD) {
        const containers = pods.map((pod) => host.container(pod));
        launcher.step('ours', 'ADD', containers);
        launcher.step('ours', 'DEL', containers);
      }
      launcher.run();
      done += LOOK;
      points.push([done, (await resident.status()).residentBytes]);
    }
    const bytes = points.map(([, resident]) => resident);
    const quarter = bytes.length >> 2;
    table.addSize(memoryTitle, median(bytes.slice(-3)), MEMORY_LIMIT);
    table.addRatio(
      `${memoryTitle}, flat`,
      `after ${points[quarter]?.[0]}`,
      median(bytes.slice(-3)) / median(bytes.slice(quarter, quarter + 3)),
      FLAT_TARGET,
    );
    const mib = points.map(([x, y]): [number, number] => [x, y / 1024 / 1024]);
    table.draw(
      'daemon-memory',
      plotCurve(
        memoryTitle,
        `openfaas list, ${CROWD} containers at a time; target at most 100 MiB, flat`,
        ['containers attached and detached', 'MiB'],
        mib,
        MEMORY_LIMIT / 1024 / 1024,
      ),
    );
  } finally {
    await resident.end();
    host.remove();
  }
}
