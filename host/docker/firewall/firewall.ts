import type { Side } from '../../cni/plugin.js';
import * as x from '../../netfilter/expressions.js';
import { priorities, type Transaction } from '../../netfilter/transaction.js';
import { Serial } from '../serial.js';
import {
  type BridgeRecord,
  fromChain,
  fromRules,
  OPEN,
  openRule,
  type Published,
  protocols,
  sourceRules,
  table,
  toChain,
  toRules,
  translationRule,
} from './rules.js';

/*
 * Table `inet netloom_docker`:
 *
 *   raw            what containers may not reach of the host: its loopback addresses
 *   forward        by the name of the link: maps `to` and `from` lead to the chains of a bridge
 *   to-…, from-…   what gets to a bridge's containers, and what they may send
 *   open           ports of networks without translation
 *   prerouting, output → publish    a rule for each published port
 *   postrouting    sources
 *
 * Rules in shared chains are known by their tag: the network's or the endpoint's ID.
 */

const chain = (name: string) => ({ ...table, chain: name });
/** nft's number for the type of names of links. */
const IFNAME = 41;
const NAME_LENGTH = 16;
const PUBLISH = 'publish';
const POSTROUTING = 'postrouting';
const RAW = 'raw';
const shared: readonly string[] = [PUBLISH, POSTROUTING, OPEN, RAW];
const COMMENT = 'Docker networks of Netloom';
const LABEL_LENGTH = 12;

function addStructure(transaction: Transaction): void {
  transaction.addTable({ ...table, comment: COMMENT });
  for (const set of ['to', 'from'])
    transaction.addSet({
      ...table,
      set,
      keyLength: NAME_LENGTH,
      keyType: IFNAME,
      hostOrder: true,
      data: 'verdict',
    });
  const base = (
    name: string,
    type: 'filter' | 'nat',
    hook: 'prerouting' | 'forward' | 'output' | 'postrouting',
    priority: number,
  ) => transaction.addChain({ ...chain(name), type, hook, priority, policy: 'accept' });
  base(RAW, 'filter', 'prerouting', priorities.raw);
  base('forward', 'filter', 'forward', priorities.filter);
  base('prerouting', 'nat', 'prerouting', priorities.dstnat);
  base('output', 'nat', 'output', priorities.dstnat);
  base(POSTROUTING, 'nat', 'postrouting', priorities.srcnat);
  for (const name of [PUBLISH, OPEN]) transaction.addChain(chain(name));
  for (const name of ['forward', 'prerouting', 'output']) transaction.flushChain(chain(name));
  for (const [key, set] of [
    ['oifname', 'to'],
    ['iifname', 'from'],
  ] as const) {
    const expressions = [x.meta(key), x.lookup(set, { verdictMap: true })];
    transaction.addRule({ ...chain('forward'), expressions });
  }
  const publish = [...x.isLocal('daddr'), x.jump(PUBLISH)];
  transaction.addRule({ ...chain('prerouting'), expressions: publish });
  // the kernel sends nothing from ::1 out of another link: the socket that holds the port answers there
  const six = [...x.nfproto(protocols.ip6.number), ...x.destination('::1'), x.returnToCaller()];
  transaction.addRule({ ...chain('output'), expressions: six });
  transaction.addRule({ ...chain('output'), expressions: publish });
}

function addNetwork(transaction: Transaction, network: BridgeRecord): void {
  const { bridge } = network.settings;
  const tag = network.id;
  const comment = `network ${(network.name ?? network.id).slice(0, LABEL_LENGTH * 2)}`;
  for (const [name, rules, set] of [
    [toChain(network), toRules(network), 'to'],
    [fromChain(network), fromRules(network), 'from'],
  ] as const) {
    transaction.addChain({ ...chain(name), comment }).flushChain(chain(name));
    for (const expressions of rules) transaction.addRule({ ...chain(name), expressions });
    const element = { key: x.linkName(bridge), data: { code: 'jump', chain: name } };
    transaction.addElements({ ...table, set }, [element]);
  }
  for (const expressions of sourceRules(network))
    transaction.addRule({ ...chain(POSTROUTING), expressions, tag, comment });
  const loopback = [
    ...x.iifname(bridge),
    ...x.nfproto(protocols.ip.number),
    ...x.destination('127.0.0.0/8'),
    x.drop(),
  ];
  transaction.addRule({ ...chain(RAW), expressions: loopback, tag, comment });
}

function addPorts(transaction: Transaction, endpoint: string, ports: readonly Published[]): void {
  const comment = `endpoint ${endpoint.slice(0, LABEL_LENGTH)}`;
  for (const port of ports) {
    for (const [name, expressions] of [
      [PUBLISH, translationRule(port)],
      [OPEN, openRule(port)],
    ] as const) {
      if (expressions !== undefined)
        transaction.addRule({ ...chain(name), expressions, tag: endpoint, comment });
    }
  }
}

/** The rules of all of Docker's networks that are bridges. Every change is one transaction. */
export class Firewall {
  readonly #host: Side;
  readonly #serial = new Serial();

  constructor(host: Side) {
    this.#host = host;
  }

  /** Writes all rules anew, in place of whatever there is. Without networks there is no table. */
  async rebuild(
    networks: readonly BridgeRecord[],
    published: ReadonlyMap<string, readonly Published[]>,
  ): Promise<void> {
    await this.#change(async (transaction) => {
      const { netfilter } = this.#host;
      const tables = await netfilter.tables(table.family);
      if (tables.some(({ name }) => name === table.table)) transaction.deleteTable(table);
      if (networks.length === 0) return;
      addStructure(transaction);
      for (const network of networks) addNetwork(transaction, network);
      for (const [endpoint, ports] of published) addPorts(transaction, endpoint, ports);
    });
  }

  /** In place of what there was of that network. */
  async setNetwork(network: BridgeRecord): Promise<void> {
    await this.#change(async (transaction) => {
      const old = await this.#tagged(network.id);
      addStructure(transaction);
      for (const { chain: name = '', handle = 0 } of old) transaction.deleteRule({ ...chain(name), handle });
      addNetwork(transaction, network);
    });
  }

  /** Idempotent. With the last network the table goes. */
  async removeNetwork(network: BridgeRecord): Promise<void> {
    await this.#change(async (transaction) => {
      const { netfilter } = this.#host;
      const chains = (await netfilter.chains(table)).map(({ name = '' }) => name);
      const own = [toChain(network), fromChain(network)].filter((name) => chains.includes(name));
      if (!chains.some((name) => name.startsWith('to-') && !own.includes(name))) {
        if (chains.length > 0) transaction.deleteTable(table);
        return;
      }
      for (const { chain: name = '', handle = 0 } of await this.#tagged(network.id))
        transaction.deleteRule({ ...chain(name), handle });
      if (own.length < 2) return;
      const key = x.linkName(network.settings.bridge);
      for (const set of ['to', 'from']) transaction.deleteElements({ ...table, set }, [{ key }]);
      for (const name of own) transaction.flushChain(chain(name)).deleteChain(chain(name));
    });
  }

  /** Publishes an endpoint's ports, in place of those that it had; none closes them. */
  async setPorts(endpoint: string, ports: readonly Published[]): Promise<void> {
    await this.#change(async (transaction) => {
      for (const { chain: name = '', handle = 0 } of await this.#tagged(endpoint))
        transaction.deleteRule({ ...chain(name), handle });
      addPorts(transaction, endpoint, ports);
    });
  }

  async #tagged(id: string) {
    const rules = await this.#host.netfilter.rules(table);
    return rules.filter(({ tag, chain: name }) => tag === id && shared.includes(name ?? ''));
  }

  async #change(decide: (transaction: Transaction) => Promise<void>): Promise<void> {
    await this.#serial.run('', () => this.#host.netfilter.update(decide));
  }
}
