import type { Json } from '../plugins/support/host.js';

/** A version of the CNI specification, as configs name it. */
export type Version = '0.1.0' | '0.2.0' | '0.3.0' | '0.3.1' | '0.4.0' | '1.0.0' | '1.1.0';

/**
 * A command for `sh`, in the host's namespace or in a container's: `host: ip link add …`, `pod: …` (the first
 * container), `pod2: …`.
 */
export type Step = `${'host' | 'pod' | 'pod2'}: ${string}`;

/**
 * One configuration that both sides are asked for. In its texts `$DIR` stands for a directory of the side's own, `$POD`
 * for the name of the container's namespace, `$NETNS` for the path of it, `$HOST` for the name of the host's, `$PLUGINS` for
 * the directory of the plugins of who adds.
 */
export interface Row {
  /** Unique in its table. */
  readonly id: string;
  /** Of one plugin, or of the plugins of a list, each called with the result of the one before. */
  readonly plugins: readonly Json[];
  /** What the reference is asked for instead, where it has no such plugin: as many. */
  readonly instead?: readonly Json[];
  /** Each one is a run of its own; 1.0.0 when not given. */
  readonly versions?: readonly Version[];
  /** How many containers are added; 1 when not given. */
  readonly containers?: 1 | 2;
  /** Besides what every call has. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Files to be there before, by their path below `$DIR`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly prepare?: readonly Step[];
  /** When all is over, come what may: ends what `prepare` has started. */
  readonly finally?: readonly Step[];
  /** Between ADD and CHECK, when CHECK is to find something. */
  readonly beforeCheck?: readonly Step[];
  readonly beforeDelete?: readonly Step[];
  /** What DEL's environment has in place of ADD's. */
  readonly deleteEnvironment?: Readonly<Record<string, string>>;
  /** ADD of the last container fails, and both sides say so in words like these. Without it, ADD works. */
  readonly fails?: RegExp;
  /** CHECK fails, and both sides say so in words like these. Without it, CHECK finds everything in order. */
  readonly checkFails?: RegExp;
  /** Besides: what one side added, the other one deletes. With the last one of the versions. */
  readonly exchange?: true;
  /** With the executables that `netloom install` writes, not in a process that is there already. */
  readonly executables?: true;
  /** Runs these operations without a container, instead of ADD, CHECK and DEL. */
  readonly operations?: readonly ('VERSION' | 'STATUS' | 'GC')[];
}

/** The configurations of a plugin. */
export interface Table {
  readonly plugin: string;
  /** Only answers and files are looked at: the plugin does nothing else. */
  readonly withoutNetwork?: true;
  readonly rows: readonly Row[];
}

/** A row with one of its versions. */
export interface Run {
  /** `bridge/promiscuous@0.4.0` */
  readonly id: string;
  readonly plugin: string;
  readonly version: Version;
  readonly row: Row;
  readonly withoutNetwork: boolean;
}

export function runsOf({ plugin, rows, withoutNetwork }: Table): Run[] {
  return rows.flatMap((row) =>
    (row.versions ?? ['1.0.0']).map((version) => ({
      id: `${plugin}/${row.id}@${version}`,
      plugin,
      version,
      row,
      withoutNetwork: withoutNetwork ?? false,
    })),
  );
}

/** Does a version have this command? */
export function knows(version: Version, command: 'CHECK' | 'prevResult'): boolean {
  return version >= (command === 'CHECK' || command === 'prevResult' ? '0.4.0' : '0.1.0');
}

/** A value with `$DIR` and the like replaced in every text. */
export function filled<T>(value: T, places: Readonly<Record<string, string>>): T {
  return JSON.parse(
    JSON.stringify(value, (_key, part: unknown) =>
      typeof part === 'string' ? part.replaceAll(/\$([A-Z]+)/g, (all, name) => places[name] ?? all) : part,
    ),
  ) as T;
}
