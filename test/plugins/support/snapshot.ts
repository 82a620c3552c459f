import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Lab } from '../../support/lab.js';
import type { CniHost, Container, Json } from './host.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

/** An `ip -batch` or `tc -batch` that stays: starting it for every question would take most of the time. */
export class Batch {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(t: Teardown, lab: Lab, program: 'ip' | 'tc', ...options: string[]) {
    const args = ['-oL', program, ...options, '-n', lab.name, '-j', '-d', '-batch', '-'];
    this.#child = spawn('stdbuf', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error(`${program} has no output`);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    t.teardown(() => this.#child.kill());
  }

  /** One line of JSON for each command. */
  async ask(...commands: string[]): Promise<Json[][]> {
    this.#child.stdin?.write(`${commands.join('\n')}\n`);
    const answers: Json[][] = [];
    while (answers.length < commands.length) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`it ended at ${commands[answers.length]}`);
      answers.push(JSON.parse(value) as Json[]);
    }
    return answers;
  }
}

/** What follows from the state of a link's other end. */
const following = ['LOWER_UP', 'NO-CARRIER', 'M-DOWN'];

function linkOf({
  ifindex,
  ifname,
  flags,
  mtu,
  master,
  link,
  address,
  promiscuity,
  txqlen,
  linkinfo,
}: Json): Json {
  const { info_kind: kind, info_data: data } = (linkinfo ?? {}) as Json;
  const set = (flags as string[]).filter((flag) => !following.includes(flag));
  // a bridge has timers in there
  const details = kind === 'bridge' ? null : data;
  return { ifindex, ifname, flags: set, mtu, master, link, address, promiscuity, txqlen, kind, details };
}

function addressesOf({ ifname, addr_info: all }: Json): Json[] {
  return (all as Json[]).map(({ local, address, prefixlen, scope }) => ({
    ifname,
    local,
    address,
    prefixlen,
    scope,
  }));
}

/** What IPv6 does by itself, sooner or later. */
function settles({ local = '', dst = '', type }: Json): boolean {
  if (String(local).startsWith('fe80')) return true;
  if (!String(dst).includes(':')) return false;
  return /^(fe80|ff00)/.test(String(dst)) || ['anycast', 'local', 'multicast'].includes(String(type));
}

function without(...names: string[]): (json: Json) => Json {
  return (json) => Object.fromEntries(Object.entries(json).filter(([name]) => !names.includes(name)));
}

/** One namespace. */
class SideOracle {
  readonly #four: Batch;
  readonly #six: Batch;
  readonly #tc: Batch;

  constructor(t: Teardown, lab: Lab) {
    this.#four = new Batch(t, lab, 'ip', '-4');
    this.#six = new Batch(t, lab, 'ip', '-6');
    this.#tc = new Batch(t, lab, 'tc');
  }

  async state(): Promise<Json> {
    const shown = ['address show', 'route show table all', 'rule show'];
    const [four, six, [qdiscs = []]] = await Promise.all([
      this.#four.ask('link show', ...shown),
      this.#six.ask(...shown),
      this.#tc.ask('qdisc show'),
    ]);
    const [links = [], addresses = [], routes = [], rules = []] = four;
    const [addresses6 = [], routes6 = [], rules6 = []] = six;
    return {
      links: links.map(linkOf),
      addresses: [...addresses, ...addresses6].flatMap(addressesOf).filter((one) => !settles(one)),
      routes: [...routes, ...routes6].filter((one) => !settles(one)).map(without('flags', 'expires')),
      rules: [...rules, ...rules6],
      qdiscs: qdiscs.map(without('refcnt')),
    };
  }
}

/** Tables, chains and rules, in an order of their own: one that was made anew comes last. */
export function nftablesOf(lab: Lab): string[] {
  const { nftables } = JSON.parse(lab.run('nft', '-j', 'list', 'ruleset')) as { nftables: Json[] };
  return nftables
    .filter((item) => !('metainfo' in item))
    .map((item) =>
      JSON.stringify(item, (key, value: unknown) =>
        ['handle', 'packets', 'bytes'].includes(key) ? undefined : value,
      ),
    )
    .sort();
}

export function filesOf(directory: string): Json {
  if (!existsSync(directory)) return {};
  const names = (readdirSync(directory, { recursive: true }) as string[])
    .sort()
    // what host-local remembers of a network without leases
    .filter((name) => !/(^|\/)(lock|last_reserved_ip\.\d+)$/.test(name))
    .filter((name) => statSync(join(directory, name)).isFile());
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name), 'utf8')]));
}

/** Everything that plugins change on a host and in a container, as other programs see it. */
export class Oracle {
  readonly #host: CniHost;
  readonly #sides: readonly [SideOracle, SideOracle];

  constructor(t: Teardown, host: CniHost, { lab }: Container) {
    this.#host = host;
    this.#sides = [new SideOracle(t, host.lab), new SideOracle(t, lab)];
  }

  async state(withRules: boolean): Promise<Json> {
    const [host, container] = await Promise.all(this.#sides.map((side) => side.state()));
    const nftables = withRules ? nftablesOf(this.#host.lab) : [];
    return { host, container, nftables, files: filesOf(this.#host.dataDir) };
  }
}

/** Rules and chains of iptables-save, without those that are built in. */
export function iptablesOf({ lab }: Pick<CniHost, 'lab'>): string[] {
  return ['iptables-save', 'ip6tables-save'].flatMap((file) =>
    lab
      .run(file)
      .split('\n')
      .filter((line) => !/^(#|\*|COMMIT|:[A-Z]+ [A-Z]+|$)/.test(line)),
  );
}
