import { CniError } from '../../../cni/errors.js';
import type { Side } from '../../../cni/plugin.js';
import * as x from '../../../netfilter/expressions.js';
import type { Match } from '../../../netfilter/matches.js';
import type { Rule } from '../../../netfilter/netfilter.js';
import { Transaction } from '../../../netfilter/transaction.js';
import { wrong } from '../../common/check.js';
import { garbageOf } from '../../common/garbage.js';
import { failed } from '../../common/interface.js';
import { attachmentMark, networkMark } from '../../common/names.js';
import { type Backend, type Family, families, type Leaving, type Published } from './mapping.js';
import { conditionsOf, type Draft, draftsOf, legacyDrafts } from './nftables-drafts.js';
import {
  commentOf,
  HOSTIP_HOSTPORTS,
  HOSTPORTS,
  isLegacy,
  MASQUERADING,
  PUBLISHING,
  tableOf,
  targetOf,
} from './nftables-rules.js';

/** What a kernel without nftables answers, by how much of netfilter it lacks. */
const missing: readonly string[] = ['EINVAL', 'EOPNOTSUPP', 'EPROTONOSUPPORT', 'EAFNOSUPPORT'];

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
const HOSTPORTS_ALL = 'hostports_all';
/** Base chains at which packets are published: here they get to the chains above. */
const ENTRIES = ['prerouting', 'output'] as const;
/** Of v1.6.0, where the kernel refuses to change destinations. */
const INPUT = 'input';

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
  const tag = attachmentMark(owner);
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

/** Are the rules of an attachment there, ours or the reference's? Throws CniError 999. */
function checkRules(
  published: Published,
  family: Family,
  rules: readonly Rule[],
  condition: Match | undefined,
): void {
  const { owner } = published;
  const own = rules.filter(({ tag }) => tag === attachmentMark(owner));
  const legacy = rules.filter((rule) => isLegacy(rule) && rule.comment === commentOf(owner));
  const [drafts, candidates] =
    own.length > 0
      ? [draftsOf(published, family, condition), own]
      : [legacyDrafts(published, family), legacy];
  const scratch = new Transaction();
  const isThere = ({ chain, expressions }: Draft): boolean =>
    candidates.some(
      (rule) =>
        rule.chain === chain &&
        x.sameExpressions(expressions(scratch, tableOf(family)), rule.expressions?.elem),
    );
  const missing = drafts.find((draft) => !isThere(draft));
  if (missing !== undefined) throw wrong(`missing hostport rules in "${missing.chain}" chain`);
}

/** Do packets get to the rules? Throws CniError 999. */
function checkStructure(rules: readonly Rule[]): void {
  const jumps = [
    ['prerouting', HOSTPORTS_ALL],
    ['output', HOSTPORTS_ALL],
    [HOSTPORTS_ALL, HOSTPORTS],
  ] as const;
  for (const [chain, to] of jumps) {
    const leads = rules.some(
      (rule) => rule.chain === chain && x.sameExpressions([x.jump(to)], rule.expressions?.elem?.slice(-1)),
    );
    if (!leads) throw wrong(`missing jump to "${to}" in "${chain}" chain`);
  }
}

/** Rules in tables that several networks and containers share. */
export const nftablesBackend: Backend = {
  async add({ netfilter }, published, before) {
    const { owner, targets, snat } = published;
    const conditions = conditionsOf(published);
    const ownership = { comment: commentOf(owner), tag: attachmentMark(owner) };
    try {
      await netfilter.updateTogether(async (transaction, ruleset) => {
        for (const family of families) {
          const table = tableOf(family);
          const rules = await ruleset.rules(table);
          const gone = await leavingRules(rules, before);
          if (targets[family] === undefined) {
            deleteRules(transaction, family, rules, gone);
            continue;
          }
          const condition = conditions[family];
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
    await netfilter.updateTogether(async (transaction, ruleset) => {
      for (const family of families) {
        const rules = await ruleset.rules(tableOf(family));
        deleteRules(transaction, family, rules, await leavingRules(rules, leaving));
      }
    });
  },

  async check({ netfilter }, published) {
    const conditions = conditionsOf(published);
    for (const family of families) {
      if (published.targets[family] === undefined) continue;
      const rules = await netfilter.rules(tableOf(family));
      checkRules(published, family, rules, conditions[family]);
      checkStructure(rules);
    }
  },

  async collect(gc) {
    const { host, name } = gc;
    const { netfilter } = host;
    const network = networkMark(name);
    await netfilter.updateTogether(async (transaction, ruleset) => {
      for (const family of families) {
        const rules = await ruleset.rules(tableOf(family));
        const gone = await garbageOf(
          gc,
          () => rules.filter(({ tag }) => tag?.startsWith(network)),
          ({ tag }) => tag,
          ({ containerID: containerId, ifname }) => attachmentMark({ name, containerId, ifname }),
        );
        deleteRules(transaction, family, rules, gone);
      }
    });
  },

  async isMissing({ netfilter }: Side) {
    try {
      await netfilter.generation();
      return false;
    } catch (error) {
      if (missing.includes((error as { code?: string }).code ?? '')) return true;
      throw failed('nftables cannot be used', error);
    }
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
