import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Side } from '../../../cni/plugin.js';
import * as x from '../../../netfilter/expressions.js';
import {
  type Loaded,
  type Match,
  MatchSyntaxError,
  matchAny,
  parseMatches,
} from '../../../netfilter/matches.js';
import type { Rule } from '../../../netfilter/netfilter.js';
import { Transaction } from '../../../netfilter/transaction.js';
import { formatAddress, formatCidr, networkOf } from '../../common/address.js';
import { wrong } from '../../common/check.js';
import { failed } from '../../common/interface.js';
import {
  type Backend,
  type Family,
  families,
  instance,
  isOf,
  type Leaving,
  lastHostPort,
  type Mapping,
  networkHash,
  type Protocol,
  type Published,
  protocolNumbers,
} from './mapping.js';
import { commentOf, isLegacy, PUBLISHING, tableOf, targetOf } from './nftables-rules.js';

/*
 * Tables `ip cni_hostport` and `ip6 cni_hostport`, as the reference has them:
 *
 *   prerouting, output   packets to the host's own addresses go on to hostports_all
 *   hostports_all        jumps to hostip_hostports (of older versions; empty) and hostports
 *   hostports            a rule for each mapping
 *   masquerading         packets whose answers would not come back
 *
 * Rules are known by their comment, the container's ID, and by a tag, which the reference does not have: it tells which
 * of a container's networks and interfaces they are for.
 */

const COMMENT = 'CNI portmap plugin';
const DSTNAT = -100;
const SRCNAT = 100;
const HOSTPORTS = 'hostports';
const HOSTIP_HOSTPORTS = 'hostip_hostports';
const HOSTPORTS_ALL = 'hostports_all';
const MASQUERADING = 'masquerading';
/** Base chains at which packets are published: here they get to the chains above. */
const ENTRIES = ['prerouting', 'output'] as const;
/** Of v1.6.0, where the kernel refuses to change destinations. */
const INPUT = 'input';

type Conditions = Readonly<Record<Family, Match>>;

/** Throws CniError 7. */
function conditionsOf({ conditions }: Published): Conditions {
  const read = (family: Family, key: string): Match => {
    try {
      return parseMatches(conditions[family].join(' '), family);
    } catch (error) {
      if (!(error instanceof MatchSyntaxError)) throw error;
      throw new CniError(errorCodes.invalidNetworkConfig, `${key}: ${error.message}`, '', { cause: error });
    }
  };
  return { ip: read('ip', 'conditionsV4'), ip6: read('ip6', 'conditionsV6') };
}

/** A rule to be: its expressions are made with the transaction, which also gets the sets that they need. */
interface Draft {
  readonly chain: typeof HOSTPORTS | typeof MASQUERADING;
  readonly expressions: Match;
}

const PORT_LENGTH = 2;
/** nft's number for the type of a port, for its listings. */
const PORT_TYPE = 13;

/** Ports of the container that are not the host's own come from a map when there are several. */
function translation(mapping: Mapping, address: string): Match {
  const { hostPort, containerPort, range } = mapping;
  if (range === 1) return () => x.destinationTranslation(address, containerPort);
  if (hostPort === containerPort) return () => x.destinationTranslation(address);
  const elements = Array.from({ length: range }, (_, i) => ({
    key: x.portBytes(hostPort + i),
    data: x.portBytes(containerPort + i),
  }));
  return (transaction, table) => {
    const map = transaction.addAnonymousSet(
      {
        ...table,
        keyLength: PORT_LENGTH,
        keyType: PORT_TYPE,
        data: { length: PORT_LENGTH, type: PORT_TYPE },
      },
      elements,
    );
    return x.destinationTranslation(address, map);
  };
}

function hostportDraft(mapping: Mapping, address: string, condition: Match | undefined): Draft {
  const { hostIP, protocol, hostPort } = mapping;
  const translate = translation(mapping, address);
  return {
    chain: HOSTPORTS,
    expressions: (transaction, table) => [
      ...(condition?.(transaction, table) ?? []),
      ...(hostIP === undefined ? [] : x.destination(hostIP)),
      ...x.l4proto(protocolNumbers[protocol]),
      ...x.destinationPort(hostPort, lastHostPort(mapping)),
      ...translate(transaction, table),
    ],
  };
}

/** Published packets to the container, of one protocol, from some sources or all. */
function publishedDraft(
  protocol: Protocol,
  mappings: readonly Mapping[],
  address: string,
  from: string | undefined,
): Draft {
  const spans = mappings.filter((mapping) => mapping.protocol === protocol);
  const ports = originalPorts(spans);
  return {
    chain: MASQUERADING,
    expressions: (transaction, table) => [
      ...x.l4proto(protocolNumbers[protocol]),
      ...x.translated(),
      ...ports(transaction, table),
      ...(from === undefined ? [] : x.source(from)),
      ...x.destination(address),
      x.masquerade(),
    ],
  };
}

const originalPort: Loaded = {
  load: [x.originalDestinationPort()],
  length: PORT_LENGTH,
  type: PORT_TYPE,
};

/** The port that a connection was for before it was translated, as one of those of mappings. */
function originalPorts(mappings: readonly Mapping[]): Match {
  const spans = mappings.map((mapping) => ({
    first: x.portBytes(mapping.hostPort),
    last: x.portBytes(lastHostPort(mapping)),
  }));
  return matchAny(originalPort, 'eq', spans);
}

const LOOPBACK = { ip: '127.0.0.1', ip6: '::1' } as const;

/** The rules of an attachment in one family. Those of the reference have no conditions of their own. */
function draftsOf(published: Published, family: Family, condition: Match | undefined): Draft[] {
  const { targets, mappings, snat, masqAll } = published;
  const target = targets[family];
  if (target === undefined) return [];
  const own = mappings.filter((mapping) => isOf(mapping, family));
  const address = formatAddress(target.address);
  const drafts = own.map((mapping) => hostportDraft(mapping, address, condition));
  if (!snat) return drafts;
  const used = [...new Set(own.map(({ protocol }) => protocol))];
  if (masqAll)
    return [...drafts, ...used.map((protocol) => publishedDraft(protocol, own, address, undefined))];
  for (const source of [address, LOOPBACK[family]]) {
    drafts.push({
      chain: MASQUERADING,
      expressions: () => [...x.source(source), ...x.destination(address), x.masquerade()],
    });
  }
  // neighbours get answers from the container directly, and would not know them
  if (target.length < target.address.bits) {
    const network = formatCidr(networkOf(target));
    drafts.push(...used.map((protocol) => publishedDraft(protocol, own, address, network)));
  }
  return drafts;
}

function entryExpressions(
  condition: Match | undefined,
  transaction: Transaction,
  family: Family,
): x.Expression[] {
  return [...(condition?.(transaction, tableOf(family)) ?? []), ...x.isLocal('daddr'), x.jump(HOSTPORTS_ALL)];
}

/** Chains, and what leads to them. `condition` comes before everybody's rules, as the reference has it. */
function addStructure(
  transaction: Transaction,
  family: Family,
  rules: readonly Rule[],
  condition: Match | undefined,
  snat: boolean,
): void {
  const table = tableOf(family);
  transaction.addTable({ ...table, comment: COMMENT });
  for (const chain of [HOSTPORTS, HOSTIP_HOSTPORTS, HOSTPORTS_ALL]) transaction.addChain({ ...table, chain });
  const present = (chain: string): Rule[] => rules.filter((rule) => rule.chain === chain);
  const jumps = [HOSTIP_HOSTPORTS, HOSTPORTS].map((chain) => [x.jump(chain)]);
  if (!isExactly(present(HOSTPORTS_ALL), jumps)) {
    transaction.flushChain({ ...table, chain: HOSTPORTS_ALL });
    for (const expressions of jumps) transaction.addRule({ ...table, chain: HOSTPORTS_ALL, expressions });
  }
  for (const chain of ENTRIES) {
    transaction.addChain({ ...table, chain, type: 'nat', hook: chain, priority: DSTNAT });
    const plain = entryExpressions(undefined, transaction, family);
    if (condition === undefined && isExactly(present(chain), [plain])) continue;
    transaction.flushChain({ ...table, chain });
    const expressions = entryExpressions(condition, transaction, family);
    transaction.addRule({ ...table, chain, expressions });
  }
  if (snat) {
    transaction.addChain({
      ...table,
      chain: MASQUERADING,
      type: 'nat',
      hook: 'postrouting',
      priority: SRCNAT,
    });
  }
  if (present(INPUT).length > 0) {
    transaction.flushChain({ ...table, chain: INPUT }).deleteChain({ ...table, chain: INPUT });
  }
}

function isExactly(present: readonly Rule[], wanted: readonly x.Expression[][]): boolean {
  return (
    present.length === wanted.length &&
    wanted.every((expressions, i) => x.sameExpressions(expressions, present[i]?.expressions?.elem))
  );
}

/** The rules of an attachment among those of a table. */
async function leavingRules(rules: readonly Rule[], { owner, own, others }: Leaving): Promise<Rule[]> {
  const tag = instance(owner);
  const comment = commentOf(owner);
  const gone: Rule[] = [];
  for (const rule of rules) {
    if (!PUBLISHING.includes(rule.chain ?? '')) continue;
    if (rule.tag === tag) gone.push(rule);
    if (rule.tag === tag || rule.comment !== comment) continue;
    const target = targetOf(rule);
    // without a tag it is the reference's; under another network's name it is ours if it leads to our address
    if (own.has(target) || (rule.tag === undefined && !(await others()).has(target))) gone.push(rule);
  }
  return gone;
}

/** Deletes rules, and the table with the last of those that publish something. */
function deleteRules(
  transaction: Transaction,
  family: Family,
  rules: readonly Rule[],
  gone: readonly Rule[],
): void {
  if (gone.length === 0) return;
  const table = tableOf(family);
  if (rules.filter(({ chain }) => PUBLISHING.includes(chain ?? '')).length === gone.length) {
    transaction.deleteTable(table);
    return;
  }
  for (const { chain = '', handle = 0 } of gone) transaction.deleteRule({ ...table, chain, handle });
}

/** Rules in tables that several networks and containers share. */
export const nftablesBackend: Backend = {
  async add({ netfilter }, published, before) {
    const { owner, targets, snat, conditions: texts } = published;
    const conditions = conditionsOf(published);
    const ownership = { comment: commentOf(owner), tag: instance(owner) };
    try {
      await netfilter.update(async (transaction) => {
        for (const family of families) {
          const table = tableOf(family);
          const rules = await netfilter.rules(table);
          const gone = await leavingRules(rules, before);
          if (targets[family] === undefined) {
            deleteRules(transaction, family, rules, gone);
            continue;
          }
          const condition = texts[family].length === 0 ? undefined : conditions[family];
          const shared = rules.some((rule) => isLegacy(rule) && !gone.includes(rule));
          addStructure(transaction, family, rules, shared ? condition : undefined, snat);
          for (const { chain = '', handle = 0 } of gone) transaction.deleteRule({ ...table, chain, handle });
          for (const { chain, expressions } of draftsOf(published, family, condition)) {
            const made = expressions(transaction, table);
            transaction.addRule({ ...table, chain, expressions: made, ...ownership });
          }
        }
      });
    } catch (error) {
      if (error instanceof CniError) throw error;
      throw failed('unable to set up nftables rules for port mappings', error);
    }
  },

  async remove({ netfilter }, leaving) {
    await netfilter.update(async (transaction) => {
      for (const family of families) {
        const rules = await netfilter.rules(tableOf(family));
        deleteRules(transaction, family, rules, await leavingRules(rules, leaving));
      }
    });
  },

  async check({ netfilter }, published) {
    const { owner, targets, conditions: texts } = published;
    const conditions = conditionsOf(published);
    for (const family of families) {
      if (targets[family] === undefined) continue;
      const table = tableOf(family);
      const rules = await netfilter.rules(table);
      const scratch = new Transaction();
      const present = (chain: string): Rule[] => rules.filter((rule) => rule.chain === chain);
      const has = (draft: Draft, rule: Rule): boolean =>
        x.sameExpressions(draft.expressions(scratch, table), rule.expressions?.elem);
      const condition = texts[family].length === 0 ? undefined : conditions[family];
      const own = rules.filter(({ tag }) => tag === instance(owner));
      const legacy = rules.filter((rule) => isLegacy(rule) && rule.comment === commentOf(owner));
      const missing = (draft: Draft, candidates: readonly Rule[]): boolean =>
        !candidates.some((rule) => rule.chain === draft.chain && has(draft, rule));
      const lacking = own.length > 0 ? draftsOf(published, family, condition) : [];
      const found =
        own.length > 0
          ? lacking.filter((draft) => missing(draft, own))
          : legacyDrafts(published, family).filter((draft) => missing(draft, legacy));
      const [first] = found;
      if (first !== undefined) throw wrong(`missing hostport rules in "${first.chain}" chain`);
      for (const chain of ENTRIES) {
        const leads = present(chain).some((rule) => {
          const last = rule.expressions?.elem?.at(-1);
          return x.sameExpressions([x.jump(HOSTPORTS_ALL)], [last]);
        });
        if (!leads) throw wrong(`missing jump to "${HOSTPORTS_ALL}" in "${chain}" chain`);
      }
      if (
        !present(HOSTPORTS_ALL).some((rule) => x.sameExpressions([x.jump(HOSTPORTS)], rule.expressions?.elem))
      ) {
        throw wrong(`missing jump to "${HOSTPORTS}" in "${HOSTPORTS_ALL}" chain`);
      }
    }
  },

  async collect({ netfilter }, network, valid) {
    const prefix = `${networkHash(network)}-`;
    const known = new Set(
      valid.map(({ containerID, ifname }) => instance({ name: network, containerId: containerID, ifname })),
    );
    await netfilter.update(async (transaction) => {
      for (const family of families) {
        const rules = await netfilter.rules(tableOf(family));
        const gone = rules.filter(({ tag }) => tag?.startsWith(prefix) === true && !known.has(tag));
        deleteRules(transaction, family, rules, gone);
      }
    });
  },

  async trouble({ netfilter }: Side) {
    try {
      await netfilter.generation();
      return undefined;
    } catch (error) {
      return `nftables cannot be used: ${(error as Error).message}`;
    }
  },
};

/** What the reference would have made: no more than one rule for each mapping, and one or two to masquerade. */
function legacyDrafts(published: Published, family: Family): Draft[] {
  const drafts = draftsOf({ ...published, masqAll: false }, family, undefined);
  const masquerading = drafts.filter(({ chain }) => chain === MASQUERADING).slice(0, family === 'ip' ? 2 : 1);
  return [...drafts.filter(({ chain }) => chain === HOSTPORTS), ...(published.masqAll ? [] : masquerading)];
}
