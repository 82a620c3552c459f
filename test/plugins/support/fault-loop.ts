import { isDeepStrictEqual } from 'node:util';
import type { Test } from 'tap';
import type { Fault } from '../../../host/netlink/testing/index.js';
import { FaultyHost } from './faulty-host.js';
import type { Answer } from './faulty-program.js';
import { CniHost, type Container, type Json } from './host.js';
import { iptablesOf, Oracle } from './snapshot.js';

/** A plugin in a place of a chain, whose every step is spoiled in turn. */
export interface FaultCase {
  readonly name: string;
  /** Configs of the plugins before it, which are not spoiled. */
  readonly before?: (host: CniHost) => readonly Json[];
  readonly config: (host: CniHost) => Json;
  /** What must be there. */
  readonly prepare?: (host: CniHost, container: Container) => void;
  /** What only this plugin changes, beside what the oracle sees. */
  readonly observe?: (host: CniHost, container: Container) => Json;
  /** Really kills the process too, at every call. */
  readonly kill?: boolean;
  readonly ifname?: string;
  /** It takes routes from the main table that its DEL need not bring back, since they go with the interface. */
  readonly takesRoutes?: boolean;
  /** It has nothing to do with nftables, of which many questions take their time. */
  readonly ruleless?: boolean;
  /** DEL succeeds also when something cannot be undone, which it tells; the next DEL undoes it. */
  readonly forgiving?: boolean;
  /** CHECK is not for this plugin. */
  readonly unchecked?: boolean;
}

/** Far more than any plugin does. */
const ENDLESS = 300;

const complete = (config: Json, prevResult?: Json): Json => ({
  cniVersion: '1.1.0',
  name: 'net',
  ...config,
  ...(prevResult === undefined ? {} : { prevResult }),
});

/** Keeps what a container has in its main tables, or makes it so again. */
function keepRoutes({ directory }: CniHost, { lab }: Container, what: 'save' | 'restore'): void {
  const commands = ['-4', '-6'].map((family) =>
    what === 'save'
      ? `ip ${family} route save table main >${directory}/routes${family}`
      : `ip ${family} route flush table main; ip ${family} route restore <${directory}/routes${family}`,
  );
  lab.run('sh', '-c', commands.join('; '));
}

class Loop {
  readonly #t: Test;
  readonly #faulty: FaultyHost;
  readonly #container: Container;
  readonly #config: Json;
  readonly #oracle: Oracle;
  #clean: Json = {};
  readonly #rules: string[];
  readonly #one: FaultCase;

  private constructor(t: Test, faulty: FaultyHost, container: Container, config: Json, one: FaultCase) {
    this.#t = t;
    this.#oracle = new Oracle(t, faulty.host, container);
    this.#faulty = faulty;
    this.#container = container;
    this.#config = config;
    this.#one = one;
    this.#rules = iptablesOf(faulty.host);
  }

  /** Everything is made as the plugin finds it. ADD and DEL without a fault leave what later ones find too. */
  static async open(t: Test, one: FaultCase): Promise<Loop> {
    const host = new CniHost(t);
    const container = host.container();
    container.lab.run('ip', 'link', 'set', 'lo', 'up');
    one.prepare?.(host, container);
    const faulty = new FaultyHost(t, host, one.ifname);
    let prevResult: Json | undefined;
    for (const config of one.before?.(host) ?? []) {
      const answer = await faulty.run('ADD', complete(config, prevResult), container);
      t.equal(answer?.status, 0, JSON.stringify(answer?.output));
      prevResult = answer?.output as Json;
    }
    const config = complete(one.config(host), prevResult);
    if (one.takesRoutes) keepRoutes(host, container, 'save');
    for (const command of ['ADD', 'DEL']) {
      const answer = await faulty.run(command, config, container);
      t.equal(answer?.status, 0, JSON.stringify(answer?.output));
    }
    if (one.takesRoutes) keepRoutes(host, container, 'restore');
    const loop = new Loop(t, faulty, container, config, one);
    loop.#clean = await loop.#state();
    return loop;
  }

  async #state(): Promise<Json> {
    return {
      ...(await this.#oracle.state(!this.#one.ruleless)),
      ...this.#one.observe?.(this.#faulty.host, this.#container),
    };
  }

  #run(command: string, fault?: Fault, extra: Json = {}): Promise<Answer | undefined> {
    return this.#faulty.run(command, { ...this.#config, ...extra }, this.#container, fault);
  }

  /** What is left is told of once: it is there for all that come later. */
  async #isClean(what: string): Promise<void> {
    const state = await this.#state();
    // tap takes its time to find no difference
    if (isDeepStrictEqual(state, this.#clean)) return;
    this.#t.same(state, this.#clean, `${what}: nothing is left`);
    this.#clean = state;
  }

  #restoreRoutes(): void {
    if (this.#one.takesRoutes) keepRoutes(this.#faulty.host, this.#container, 'restore');
  }

  #succeeds(answer: Answer | undefined, what: string): void {
    if (answer?.status !== 0) this.#t.fail(`${what}: ${JSON.stringify(answer?.output)}`);
  }

  async #delete(what: string): Promise<void> {
    this.#succeeds(await this.#run('DEL'), `DEL after ${what}`);
    this.#restoreRoutes();
  }

  /** Each thing refused: ADD fails and leaves nothing, or what was refused was not needed and CHECK is content. */
  async refuseAdd(): Promise<number> {
    for (let nth = 1; nth < ENDLESS; nth++) {
      const answer = await this.#run('ADD', { kind: 'refused', nth });
      const what = `${this.#one.name}: ADD, ${nth} refused (${answer?.report.struck})`;
      if (answer?.status === 1) {
        const { code, msg } = answer.output;
        if (typeof code !== 'number' || typeof msg !== 'string') this.#t.fail(`${what}: no error of CNI's`);
        await this.#isClean(what);
        await this.#delete(what);
        continue;
      }
      if (answer?.report.struck !== undefined && !this.#one.unchecked) {
        const check = await this.#run('CHECK', undefined, { prevResult: answer.output });
        this.#succeeds(check, `CHECK after ${what}, which was not needed`);
      }
      await this.#delete(what);
      await this.#isClean(`${what}, then DEL`);
      if (answer?.report.struck === undefined) return nth - 1;
    }
    return ENDLESS;
  }

  /** ADD stops at each call; DEL leaves nothing. */
  async stopAdd(kind: 'dead' | 'killed'): Promise<number> {
    for (let nth = 1; nth < ENDLESS; nth++) {
      const answer = await this.#run('ADD', { kind, nth });
      const what = `${this.#one.name}: ADD ${kind} at ${nth} (${answer?.report.struck})`;
      if (nth === 1) await this.#isClean(`${what}: nothing is done past the gate`);
      await this.#delete(what);
      await this.#isClean(`${what}, then DEL`);
      if (answer !== undefined && answer.report.struck === undefined) return nth - 1;
    }
    return ENDLESS;
  }

  /** DEL is spoiled at each thing, or stops at each call; the next DEL leaves nothing. */
  async spoilDelete(kind: 'refused' | 'dead'): Promise<number> {
    for (let nth = 1; nth < ENDLESS; nth++) {
      const added = await this.#run('ADD');
      this.#succeeds(added, 'ADD');
      const answer = await this.#run('DEL', { kind, nth });
      const what = `${this.#one.name}: DEL ${kind} at ${nth} (${answer?.report.struck})`;
      // it may say that it has done all only if it has
      const saysDone = answer?.status === 0 && !(this.#one.forgiving && answer.log.length > 0);
      if (saysDone) this.#restoreRoutes();
      if (saysDone) await this.#isClean(what);
      await this.#delete(what);
      if (!saysDone) await this.#isClean(`${what}, then DEL`);
      if (answer?.report.struck === undefined) return nth - 1;
    }
    return ENDLESS;
  }

  rulesAreClean(): void {
    this.#t.same(iptablesOf(this.#faulty.host), this.#rules, `${this.#one.name}: iptables`);
  }
}

/** Spoils each step of a plugin's ADD and DEL, one after the other. */
export async function everyFault(t: Test, one: FaultCase): Promise<void> {
  const loop = await Loop.open(t, one);
  const counts = {
    refused: await loop.refuseAdd(),
    dead: await loop.stopAdd('dead'),
    ...(one.kill ? { killed: await loop.stopAdd('killed') } : {}),
    'DEL refused': await loop.spoilDelete('refused'),
    'DEL dead': await loop.spoilDelete('dead'),
  };
  loop.rulesAreClean();
  for (const [what, count] of Object.entries(counts)) t.ok(count < ENDLESS, `${count} ${what}`);
  t.ok(counts.refused > 0, 'there was something to refuse');
}
