import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { CniHost, Container, type Json, type Outcome, type Side } from '../plugins/support/host.js';
import { Resident } from '../plugins/support/resident.js';
import { Lab } from '../support/lab.js';
import { type Facts, fileFacts, stateFacts } from './facts.js';
import { Names } from './names.js';
import { outcomeFacts } from './outcome.js';
import { Camera, type Picture } from './picture.js';
import { filled, knows, type Run, type Step } from './row.js';

/** What was seen at a point of a row's run. */
export interface Observation {
  readonly phase: 'ADD' | 'CHECK' | 'DEL';
  readonly facts: Facts;
}

/** Who does what in a trial. */
export interface Cast {
  readonly adds: Side;
  readonly deletes: Side;
  /** Only what is left at the end is looked at. */
  readonly endOnly?: true;
}

const other = { ours: 'reference', reference: 'ours' } as const;

/** The part of a host that one side of a comparison plays on; used for row after row, emptied in between. */
class Site {
  readonly host: CniHost;
  readonly directory: string;
  readonly camera: Camera;
  readonly #resident: Resident;

  constructor(t: Test) {
    this.host = new CniHost(t);
    this.directory = join(this.host.directory, 'work');
    this.#resident = new Resident(t, this.host);
    this.camera = new Camera(t, this.host.lab, true);
  }

  /** Nothing but lo, no rules, no files, no forwarding. */
  clear(hasNetwork: boolean): void {
    rmSync(this.directory, { recursive: true, force: true });
    mkdirSync(this.directory, { mode: 0o755 });
    if (!hasNetwork) return;
    const { lab } = this.host;
    // the other end of a pair may have taken a link along
    lab.run(
      'sh',
      '-c',
      `for link in $(ip -o link | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/'); do [ $link = lo ] || ip link delete $link 2>/dev/null; done
       nft flush ruleset; ip route flush table main; sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0`,
    );
  }

  /** The folder of a side's plugins. */
  plugins(side: Side): string {
    return dirname(this.host.file(side, 'bridge'));
  }

  async call(
    side: Side,
    type: string,
    environment: NodeJS.ProcessEnv,
    config: Json,
    executable: boolean,
  ): Promise<Outcome> {
    if (side === 'reference' || executable) {
      return this.host.run(side, type, String(environment.CNI_COMMAND), config, undefined, environment);
    }
    return await this.#resident.run(type, String(environment.CNI_COMMAND), config, undefined, environment);
  }
}

/** A container of a row, and how far its attachment has come. */
interface Attachment {
  readonly container: Container;
  readonly camera: Camera;
  readonly environment: NodeJS.ProcessEnv;
  readonly configs: Readonly<Record<Side, readonly Json[]>>;
  /** Result of the last plugin, when all worked. */
  result: Json | undefined;
}

/** The same on both sides, so that what is made of it has the same name. */
function containerId(index: number): string {
  return `c${process.pid}-${index + 1}`;
}

/** A site for each side, to run rows on. */
export class Stage {
  readonly #sites: Readonly<Record<Side, Site>>;

  constructor(t: Test) {
    this.#sites = { ours: new Site(t), reference: new Site(t) };
  }

  /** Adds, checks and deletes what a row asks for; the observations of it. */
  async trial(t: Test, run: Run, cast: Cast): Promise<Observation[]> {
    return await new Trial(t, this.#sites[cast.adds], run, cast).perform();
  }

  /** Operations without a container. */
  async operations(run: Run, side: Side): Promise<Facts> {
    const site = this.#sites[side];
    site.clear(false);
    const facts: Facts = new Map();
    for (const command of run.row.operations ?? []) {
      for (const plugin of run.row.plugins) {
        const config = { cniVersion: run.version, name: 'net', ...filled(plugin, { DIR: site.directory }) };
        const environment = { CNI_COMMAND: command, ...run.row.environment };
        const outcome = await site.call(side, String(plugin.type), environment, config, false);
        const names = new Names({}, '');
        const places = { [site.directory]: '$DIR', [site.plugins(side)]: '$PLUGINS' };
        for (const fact of outcomeFacts(`${command} ${plugin.type}`, outcome, names, {}, places))
          facts.set(...fact);
      }
    }
    return facts;
  }
}

/** One row, played once. */
class Trial {
  readonly #t: Test;
  readonly #site: Site;
  readonly #run: Run;
  readonly #cast: Cast;
  readonly #pods: Attachment[] = [];
  readonly #observations: Observation[] = [];

  constructor(t: Test, site: Site, run: Run, cast: Cast) {
    this.#t = t;
    this.#site = site;
    this.#run = run;
    this.#cast = cast;
  }

  async perform(): Promise<Observation[]> {
    try {
      return await this.#perform();
    } finally {
      this.#steps(this.#run.row.finally);
    }
  }

  async #perform(): Promise<Observation[]> {
    const { row, version } = this.#run;
    this.#site.clear(!this.#run.withoutNetwork);
    for (const [path, content] of Object.entries(row.files ?? {})) {
      const file = join(this.#site.directory, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content.replaceAll('$CONTAINER', containerId(0)));
    }
    for (let i = 0; i < (row.containers ?? 1); i++) this.#pods.push(this.#attachment(i));
    this.#steps(row.prepare);

    const added: [string, Outcome][] = [];
    for (const [i, pod] of this.#pods.entries()) {
      for (const [name, outcome] of await this.#add(pod)) added.push([this.#named(name, i), outcome]);
    }
    await this.#observe('ADD', added);

    if (
      !this.#cast.endOnly &&
      knows(version, 'CHECK') &&
      this.#pods.every(({ result }) => result !== undefined)
    ) {
      this.#steps(row.beforeCheck);
      const checked: [string, Outcome][] = [];
      for (const [i, pod] of this.#pods.entries()) {
        const { adds } = this.#cast;
        const same = await this.#check(adds, pod);
        checked.push(
          [this.#named('CHECK by who added', i), same],
          [this.#named(`CHECK by ${adds}`, i), same],
        );
        checked.push([this.#named(`CHECK by ${other[adds]}`, i), await this.#check(other[adds], pod)]);
      }
      await this.#observe('CHECK', checked);
    }

    this.#steps(row.beforeDelete);
    const deleted: [string, Outcome][] = [];
    for (const again of ['', ' again']) {
      for (const [i, pod] of this.#pods.entries()) {
        for (const [type, outcome] of await this.#delete(pod))
          deleted.push([this.#named(`DEL ${type}${again}`, i), outcome]);
      }
    }
    await this.#observe('DEL', deleted);
    return this.#observations;
  }

  #named(what: string, pod: number): string {
    return this.#pods.length === 1 ? what : `${what} of ${pod + 1}`;
  }

  #attachment(index: number): Attachment {
    const { row, version } = this.#run;
    const container = new Container(new Lab(this.#t, 'pod'), containerId(index));
    const places = this.#places(container);
    const { adds } = this.#cast;
    const configsOf = (side: Side): Json[] =>
      // a stand-in's attachment is a stand-in's, whoever goes on with it
      (side === 'ours' && adds === 'ours' ? row.plugins : (row.instead ?? row.plugins)).map((plugin) => ({
        cniVersion: version,
        name: 'net',
        ...filled(plugin, places),
      }));
    const configs = { ours: configsOf('ours'), reference: configsOf('reference') };
    const environment = {
      CNI_CONTAINERID: container.id,
      CNI_NETNS: container.lab.path,
      CNI_IFNAME: 'eth0',
      ...filled(row.environment ?? {}, places),
    };
    const camera = new Camera(this.#t, container.lab, false);
    return { container, camera, environment, configs, result: undefined };
  }

  #places({ lab }: Container): Record<string, string> {
    return {
      DIR: this.#site.directory,
      POD: lab.name,
      NETNS: lab.path,
      HOST: this.#site.host.lab.name,
      PLUGINS: this.#site.plugins(this.#cast.adds),
    };
  }

  #steps(steps: readonly Step[] = []): void {
    for (const step of steps) {
      const [, place = '', command = ''] = /^(\w+): (.*)$/s.exec(step) ?? [];
      const pod = this.#pods[place === 'pod2' ? 1 : 0] as Attachment;
      const lab = place === 'host' ? this.#site.host.lab : pod.container.lab;
      lab.run('sh', '-c', filled(command, this.#places(pod.container)));
    }
  }

  async #call(
    side: Side,
    command: string,
    pod: Attachment,
    config: Json,
    change: NodeJS.ProcessEnv = {},
  ): Promise<Outcome> {
    const environment = { ...pod.environment, ...change, CNI_COMMAND: command };
    return await this.#site.call(
      side,
      String(config.type),
      environment,
      config,
      this.#run.row.executables ?? false,
    );
  }

  /** As a runtime does: each plugin gets the result of the one before; the first failure ends it. */
  async #add(pod: Attachment): Promise<[string, Outcome][]> {
    const outcomes: [string, Outcome][] = [];
    let previous: Json = {};
    const { adds } = this.#cast;
    for (const [i, config] of pod.configs[adds].entries()) {
      const outcome = await this.#call(adds, 'ADD', pod, { ...config, ...previous });
      outcomes.push([`ADD ${this.#run.row.plugins[i]?.type}`, outcome]);
      if (outcome.status !== 0) return outcomes;
      previous = { prevResult: outcome.json };
    }
    pod.result = previous.prevResult as Json;
    return outcomes;
  }

  /** The first complaint, or the last success. */
  async #check(side: Side, pod: Attachment): Promise<Outcome> {
    let outcome: Outcome | undefined;
    for (const config of pod.configs[side]) {
      outcome = await this.#call(side, 'CHECK', pod, { ...config, prevResult: pod.result });
      if (outcome.status !== 0) break;
    }
    return outcome as Outcome;
  }

  async #delete(pod: Attachment): Promise<[string, Outcome][]> {
    const { version, row } = this.#run;
    const previous =
      knows(version, 'prevResult') && pod.result !== undefined ? { prevResult: pod.result } : {};
    const change = filled(row.deleteEnvironment ?? {}, this.#places(pod.container));
    const outcomes: [string, Outcome][] = [];
    const { deletes } = this.#cast;
    for (const [i, config] of [...pod.configs[deletes].entries()].reverse()) {
      const outcome = await this.#call(deletes, 'DEL', pod, { ...config, ...previous }, change);
      outcomes.push([String(row.plugins[i]?.type), outcome]);
    }
    return outcomes;
  }

  async #observe(
    phase: Observation['phase'],
    outcomes: readonly (readonly [string, Outcome])[],
  ): Promise<void> {
    if (this.#cast.endOnly && phase !== 'DEL') return;
    const { lab } = this.#site.host;
    const { withoutNetwork } = this.#run;
    const withSysctls = phase === 'ADD';
    const pictures: Record<string, Picture> = withoutNetwork
      ? {}
      : { host: await this.#site.camera.picture(withSysctls) };

    const places: Record<string, string> = {
      [this.#site.directory]: '$DIR',
      [lab.name]: '$HOST',
      [this.#site.plugins(this.#cast.adds)]: '$PLUGINS',
    };
    for (const [i, { container, camera }] of this.#pods.entries()) {
      const name = i === 0 ? 'pod' : `pod${i + 1}`;
      if (!withoutNetwork && existsSync(container.lab.path))
        pictures[name] = await camera.picture(withSysctls);
      places[`/var${container.lab.path}`] = `NETNS of ${name}`;
      places[container.lab.path] = `NETNS of ${name}`;
    }
    const names = new Names(pictures, JSON.stringify(this.#run.row));
    const facts = stateFacts(pictures, names);
    fileFacts(this.#site.directory, facts);
    for (const [who, outcome] of outcomes) {
      for (const fact of outcomeFacts(who, outcome, names, pictures, places)) facts.set(...fact);
    }
    this.#observations.push({ phase, facts });
  }
}
