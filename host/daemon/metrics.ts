/** Upper bounds of the latencies' buckets, in seconds. */
const bounds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

class Histogram {
  readonly counts: number[] = Array.from({ length: bounds.length }, () => 0);
  count = 0;
  sum = 0;

  observe(seconds: number): void {
    this.count++;
    this.sum += seconds;
    const bucket = bounds.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) this.counts[bucket] = (this.counts[bucket] as number) + 1;
  }
}

/** What became of a call. */
export type CallOutcome = 'ok' | 'error' | 'one-shot';

/** What is true now, beside what has been counted. */
export interface Gauges {
  readonly running: number;
  readonly waiting: number;
  readonly connections: number;
}

function labels(pairs: Readonly<Record<string, string>>): string {
  const text = Object.entries(pairs).map(
    ([name, value]) =>
      `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
  );
  return `{${text.join(',')}}`;
}

/** Counts of a daemon, as Prometheus reads them (exposition format 0.0.4). */
export class Metrics {
  readonly #calls = new Map<string, number>();
  readonly #latencies = new Map<string, { plugin: string; command: string; histogram: Histogram }>();
  readonly #refused = new Map<string, number>();
  readonly #undone = { undone: 0, finished: 0, failed: 0 };
  readonly #started = Date.now();

  get started(): number {
    return this.#started;
  }

  /** How many calls have been answered. */
  get calls(): number {
    let sum = 0;
    for (const count of this.#calls.values()) sum += count;
    return sum;
  }

  /** A call that was answered, and the seconds from its arrival to the answer. */
  call(plugin: string, command: string, outcome: CallOutcome, seconds: number): void {
    const key = labels({ plugin, command, outcome });
    this.#calls.set(key, (this.#calls.get(key) ?? 0) + 1);
    if (outcome === 'one-shot') return;
    const name = `${plugin} ${command}`;
    let entry = this.#latencies.get(name);
    if (entry === undefined) {
      entry = { plugin, command, histogram: new Histogram() };
      this.#latencies.set(name, entry);
    }
    entry.histogram.observe(seconds);
  }

  /** A connection that was no call: why. */
  refused(reason: string): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
  }

  /** What a daemon that was killed had left half-way. */
  recovered(how: 'undone' | 'finished' | 'failed'): void {
    this.#undone[how]++;
  }

  text(gauges: Gauges): string {
    const out: string[] = [];
    const family = (name: string, type: string, help: string, samples: readonly string[]): void => {
      out.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples);
    };
    family(
      'netloom_calls_total',
      'counter',
      'Calls of plugins that were answered.',
      [...this.#calls].map(([key, count]) => `netloom_calls_total${key} ${count}`),
    );
    family(
      'netloom_call_seconds',
      'histogram',
      "Seconds from a call's arrival to its answer.",
      [...this.#latencies.values()].flatMap(({ plugin, command, histogram }) => {
        let sum = 0;
        const name = 'netloom_call_seconds';
        const own = labels({ plugin, command });
        return [
          ...bounds.map((bound, i) => {
            sum += histogram.counts[i] as number;
            return `${name}_bucket${labels({ plugin, command, le: String(bound) })} ${sum}`;
          }),
          `${name}_bucket${labels({ plugin, command, le: '+Inf' })} ${histogram.count}`,
          `${name}_sum${own} ${histogram.sum}`,
          `${name}_count${own} ${histogram.count}`,
        ];
      }),
    );
    family(
      'netloom_refused_total',
      'counter',
      'Connections that were refused, by reason.',
      [...this.#refused].map(([reason, count]) => `netloom_refused_total${labels({ reason })} ${count}`),
    );
    family(
      'netloom_recovered_total',
      'counter',
      'Calls that an earlier daemon left half-way.',
      Object.entries(this.#undone).map(
        ([how, count]) => `netloom_recovered_total${labels({ how })} ${count}`,
      ),
    );
    family('netloom_calls_running', 'gauge', 'Calls at work.', [`netloom_calls_running ${gauges.running}`]);
    family('netloom_queue_length', 'gauge', 'Calls that wait for their turn.', [
      `netloom_queue_length ${gauges.waiting}`,
    ]);
    family('netloom_connections', 'gauge', 'Open connections.', [
      `netloom_connections ${gauges.connections}`,
    ]);
    family('process_resident_memory_bytes', 'gauge', 'Resident memory.', [
      `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
    ]);
    family('process_start_time_seconds', 'gauge', 'Start of the daemon, seconds since 1970.', [
      `process_start_time_seconds ${this.#started / 1000}`,
    ]);
    return `${out.join('\n')}\n`;
  }
}
