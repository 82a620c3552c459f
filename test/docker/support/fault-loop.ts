import { isDeepStrictEqual } from 'node:util';
import { type Test, test } from 'tap';
import { filesOf, iptablesOf, nftablesOf } from '../../plugins/support/snapshot.js';
import { Lab } from '../../support/lab.js';
import { type Json, newId } from './driver.js';
import { FaultyDriver } from './faulty.js';

/** Far more than any call does. */
const ENDLESS = 200;
/** Every so many calls of the system the process is really killed; else it stops there, which takes less time. */
const REALLY = 6;
const SUBNET = '10.9.1.0/24';
const POOL = `netloom-local/${SUBNET}`;
const PORTS = 'com.docker.network.portmap';

/** A kind of network, every step of which is spoiled in turn. */
export interface Kind {
  readonly name: string;
  readonly generic: Json;
  readonly prepare: (lab: Lab) => void;
}

interface Step {
  readonly name: string;
  readonly body: Json;
}

/** One container's life, as Docker asks for it. */
function lifeOf(generic: Json): { make: Step[]; remove: Step[] } {
  const NetworkID = newId();
  const EndpointID = newId();
  const names = { NetworkID, EndpointID };
  const gateway = { RequestAddressType: 'com.docker.network.gateway' };
  const binding = { Proto: 6, IP: '', Port: 80, HostIP: '', HostPort: 8080, HostPortEnd: 8080 };
  const Options = { [PORTS]: [binding] };
  const ipam = (name: string, body: Json): Step => ({ name: `IpamDriver.${name}`, body });
  const network = (name: string, body: Json): Step => ({ name: `NetworkDriver.${name}`, body });
  return {
    make: [
      ipam('RequestPool', { AddressSpace: 'netloom-local', Pool: SUBNET, SubPool: '', V6: false }),
      ipam('RequestAddress', { PoolID: POOL, Address: '', Options: gateway }),
      network('CreateNetwork', {
        NetworkID,
        Options: { 'com.docker.network.generic': generic },
        IPv4Data: [{ AddressSpace: 'netloom-local', Pool: SUBNET, Gateway: '10.9.1.1/24' }],
        IPv6Data: [],
      }),
      ipam('RequestAddress', { PoolID: POOL, Address: '10.9.1.2', Options: {} }),
      network('CreateEndpoint', { ...names, Interface: { Address: '10.9.1.2/24' }, Options }),
      network('Join', { ...names, SandboxKey: '/run/docker/netns/x', Options }),
      network('ProgramExternalConnectivity', { ...names, Options }),
    ],
    remove: [
      network('RevokeExternalConnectivity', names),
      network('Leave', names),
      network('DeleteEndpoint', names),
      ipam('ReleaseAddress', { PoolID: POOL, Address: '10.9.1.2' }),
      network('DeleteNetwork', { NetworkID }),
      ipam('ReleaseAddress', { PoolID: POOL, Address: '10.9.1.1' }),
      ipam('ReleasePool', { PoolID: POOL }),
    ],
  };
}

class Loop {
  readonly #t: Test;
  readonly #lab: Lab;
  readonly #driver: FaultyDriver;
  readonly #kind: Kind;
  #clean: Json = {};

  constructor(t: Test, kind: Kind) {
    this.#t = t;
    this.#kind = kind;
    this.#lab = new Lab(t, 'docker');
    this.#lab.run('ip', 'link', 'set', 'lo', 'up');
    kind.prepare(this.#lab);
    this.#driver = new FaultyDriver(t, this.#lab);
  }

  async begin(): Promise<void> {
    await this.#driver.start();
    await this.#live(lifeOf(this.#kind.generic), 'nothing goes wrong');
    this.#clean = this.#state();
  }

  /** Links, rules, files and ports that are held, as other programs see them. */
  #state(): Json {
    return {
      links: (this.#lab.ip('link') as Json[]).map(({ ifname, master, linkinfo }) => ({
        ifname,
        master,
        kind: (linkinfo as Json | undefined)?.info_kind,
      })),
      rules: nftablesOf(this.#lab),
      iptables: iptablesOf({ lab: this.#lab }),
      files: filesOf(this.#driver.state),
      held: this.#lab.run('ss', '-Hltun'),
    };
  }

  async #do({ name, body }: Step, what: string): Promise<void> {
    const { status, body: said } = await this.#driver.ask(name, body);
    if (status !== 200) this.#t.fail(`${what}: ${name}: ${String(said.Err)}`);
  }

  async #live({ make, remove }: { make: Step[]; remove: Step[] }, what: string): Promise<void> {
    for (const step of [...make, ...remove]) await this.#do(step, what);
  }

  #isClean(what: string): void {
    const state = this.#state();
    if (isDeepStrictEqual(state, this.#clean)) return;
    this.#t.same(state, this.#clean, `${what}: nothing is left`);
    this.#clean = state;
  }

  /**
   * The n-th thing that a call asks of the system is refused. What the call was to make is not there then, Docker gives
   * back what it has, and nothing is left; a call that takes something away is asked for once more.
   */
  async refused(at: number): Promise<number> {
    for (let nth = 1; nth < ENDLESS; nth++) {
      const { make, remove } = lifeOf(this.#kind.generic);
      const all = [...make, ...remove];
      const step = all[at] as Step;
      for (const before of all.slice(0, at)) await this.#do(before, 'before');
      const { reply, struck } = await this.#driver.spoiled(step.name, step.body, { kind: 'refused', nth });
      const what = `${this.#kind.name}: ${step.name}, ${nth} refused (${struck})`;
      const failed = reply?.status !== 200;
      if (failed && typeof reply?.body.Err !== 'string') this.#t.fail(`${what}: no error`);
      if (failed && reply?.status !== 500) this.#t.fail(`${what}: status ${reply?.status}`);
      // what was made must be whole
      if (!failed && at < make.length)
        for (const later of make.slice(at + 1)) await this.#do(later, `${what}, then`);
      if (failed && at >= make.length) await this.#do(step, `${what}, once more`);
      for (const later of remove.slice(Math.max(0, at - make.length + 1)))
        await this.#do(later, `${what}, then`);
      this.#isClean(what);
      if (struck === undefined) return nth - 1;
    }
    return ENDLESS;
  }

  /** The driver is killed in the place of the n-th call of the system; Docker asks the next one once more. */
  async stopped(at: number): Promise<number> {
    for (let nth = 1; nth < ENDLESS; nth++) {
      const { make, remove } = lifeOf(this.#kind.generic);
      const all = [...make, ...remove];
      const step = all[at] as Step;
      for (const before of all.slice(0, at)) await this.#do(before, 'before');
      const kind = nth % REALLY === 0 ? 'killed' : 'dead';
      const { struck } = await this.#driver.spoiled(step.name, step.body, { kind, nth });
      const what = `${this.#kind.name}: ${step.name}, ${kind} at ${nth} (${struck})`;
      if (struck === 'killed') await this.#driver.start();
      else await this.#driver.restart();
      for (const later of all.slice(at)) await this.#do(later, `${what}, then`);
      // asked for twice it is given back once: Docker's list tells that later, of which there is none here
      if (at === 0) await this.#do(remove.at(-1) as Step, what);
      this.#isClean(what);
      if (struck === undefined) return nth - 1;
    }
    return ENDLESS;
  }
}

/** Tests that go through all faults of all calls. */
export function everyFault(kind: Kind): void {
  const { make, remove } = lifeOf({});
  for (const what of ['refused', 'stopped'] as const) {
    test(`${kind.name}: every call ${what}`, { timeout: 280_000 }, async (t) => {
      const loop = new Loop(t, kind);
      await loop.begin();
      let sum = 0;
      for (const [at, { name }] of [...make, ...remove].entries()) {
        const count = await loop[what](at);
        t.ok(count < ENDLESS, `${name}: ${count} faults`);
        sum += count;
      }
      t.ok(sum > 40, `${sum} faults in all`);
    });
  }
}
