import type { Expression } from '../../../netfilter/expressions.js';
import * as x from '../../../netfilter/expressions.js';
import type { Netfilter, Rule } from '../../../netfilter/netfilter.js';
import { requireRules } from '../../common/capability.js';
import { wrong } from '../../common/check.js';
import { garbageOf } from '../../common/garbage.js';
import { attachmentComment, attachmentMark, networkMark } from '../../common/names.js';
import { type Backend, type Ingress, isIpv6 } from './backend.js';

/*
 *   table inet cni_firewall
 *     chain forward    base chain at the filter hook: jumps to isolation, then attachments
 *     chain isolation  what ingress policies forbid, a few rules for each bridge
 *     chain attachments  two rules for each address
 *
 * An accept here ends this table only: another table's chain at the same hook may still drop the packet. Where the
 * host's rules are in iptables, the iptables backend is the one that helps.
 */

const table = { family: 'inet', table: 'cni_firewall' } as const;
const forward = { ...table, chain: 'forward' } as const;
const isolation = { ...table, chain: 'isolation' } as const;
const attachments = { ...table, chain: 'attachments' } as const;

const FILTER = 0;
const COMMENT_LENGTH = 128;

const IPV4 = 2;
const IPV6 = 10;
const protocolOf = (address: string): Expression[] => x.nfproto(isIpv6(address) ? IPV6 : IPV4);

/** Rules of one address: what answers it may come in, and what it sends may go out. */
function rulesOf(address: string): Expression[][] {
  return [
    [
      ...protocolOf(address),
      ...x.destination(address),
      ...x.connectionState('established', 'related'),
      x.accept(),
    ],
    [...protocolOf(address), ...x.source(address), x.accept()],
  ];
}

/** Comments by which a bridge's isolation rules are known. */
const between = (bridge: string): string => `from ${bridge} to other bridges with a policy`;
const within = (bridge: string): string => `between containers on ${bridge}`;

const BRIDGES = 'bridges';
const NAME_LENGTH = 16;
/** nft's number for the type of a link's name, for its listings. */
const IFNAME_TYPE = 41;

function nameKey(name: string): Uint8Array {
  const key = new Uint8Array(NAME_LENGTH);
  key.set(new TextEncoder().encode(name).subarray(0, NAME_LENGTH - 1));
  return key;
}

function isolationRules({ policy, bridge }: Ingress): { comment: string; expressions: Expression[] }[] {
  const others = [
    ...x.iifname(bridge),
    ...x.oifname(bridge, 'neq'),
    x.meta('oifname'),
    x.lookup(BRIDGES),
    x.drop(),
  ];
  const rules = [{ comment: between(bridge), expressions: others }];
  if (policy === 'isolated') {
    rules.push({
      comment: within(bridge),
      expressions: [...x.iifname(bridge), ...x.oifname(bridge), x.drop()],
    });
  }
  return rules;
}

/** Rules in a table of our own. */
export const nftablesBackend: Backend = {
  async add({ netfilter }, { owner, addresses, ingress }) {
    const prefix = attachmentMark(owner);
    await netfilter.updateTogether(async (transaction, ruleset) => {
      const rules = await ruleset.rules(table);
      // its rules jump to the other chains, so with them all is there; adding a chain once more is a change to it, whose
      // old state the kernel destroys after an RCU grace period
      if (!rules.some(({ chain }) => chain === forward.chain)) {
        transaction
          .addTable({ ...table, comment: 'Forwarding of CNI attachments' })
          .addSet({ ...table, set: BRIDGES, keyLength: NAME_LENGTH, keyType: IFNAME_TYPE })
          .addChain({ ...isolation })
          .addChain({ ...attachments })
          .addChain({ ...forward, type: 'filter', hook: 'forward', priority: FILTER, policy: 'accept' });
        for (const chain of [isolation.chain, attachments.chain]) {
          transaction.addRule({ ...forward, expressions: [x.jump(chain)] });
        }
      }
      for (const { chain, comment: old, handle } of rules) {
        if (chain === attachments.chain && old?.startsWith(prefix)) {
          transaction.deleteRule({ ...attachments, handle: handle ?? 0 });
        }
      }
      for (const address of addresses) {
        for (const expressions of rulesOf(address)) {
          transaction.addRule({
            ...attachments,
            expressions,
            comment: attachmentComment(owner, COMMENT_LENGTH),
          });
        }
      }
      if (ingress === undefined) return;
      transaction.addElements({ ...table, set: BRIDGES }, [{ key: nameKey(ingress.bridge) }]);
      for (const rule of isolationRules(ingress)) {
        if (rules.some((present) => present.comment === rule.comment)) continue;
        transaction.addRule({ ...isolation, ...rule });
      }
    });
  },

  async remove({ netfilter }, { owner }) {
    const prefix = attachmentMark(owner);
    await removeWhere(netfilter, async (rules) => rules.filter((rule) => rule.comment?.startsWith(prefix)));
  },

  async require(host) {
    await requireRules(host, 'the firewall', table.family, (transaction, probe) => {
      const { chain } = forward;
      transaction
        .addSet({ ...probe, set: BRIDGES, keyLength: NAME_LENGTH, keyType: IFNAME_TYPE })
        .addChain({ ...probe, chain, type: 'filter', hook: 'forward', priority: FILTER, policy: 'accept' });
      for (const expressions of rulesOf('192.0.2.1')) transaction.addRule({ ...probe, chain, expressions });
    });
  },

  async check({ netfilter }, { owner, addresses, ingress }) {
    const rules = await netfilter.rules(table);
    const own = rules.filter(
      (rule) => rule.chain === attachments.chain && rule.comment === attachmentComment(owner, COMMENT_LENGTH),
    );
    if (own.length < addresses.length * 2) {
      throw wrong(
        `expected ${addresses.length * 2} rules of ${attachmentComment(owner, COMMENT_LENGTH)} in table inet cni_firewall, found ${own.length}`,
      );
    }
    for (const rule of ingress === undefined ? [] : isolationRules(ingress)) {
      if (!rules.some((present) => present.comment === rule.comment)) {
        throw wrong(`expected rule '${rule.comment}' in table inet cni_firewall not found`);
      }
    }
  },

  async collect(gc) {
    const { host, name } = gc;
    const prefix = networkMark(name);
    await removeWhere(host.netfilter, (rules) =>
      garbageOf(
        gc,
        () => rules.filter((rule) => rule.comment?.startsWith(prefix)),
        (rule) => rule.comment?.split(',')[0],
        ({ containerID: containerId, ifname }) => attachmentMark({ name, containerId, ifname }),
      ),
    );
  },
};

/** Removes rules of attachments that `pick` picks, and the table with the last of them. */
async function removeWhere(
  netfilter: Netfilter,
  pick: (rules: readonly Rule[]) => Promise<readonly Rule[]>,
): Promise<void> {
  await netfilter.updateTogether(async (transaction, ruleset) => {
    const rules = (await ruleset.rules(table)).filter(({ chain }) => chain === attachments.chain);
    const gone = await pick(rules);
    if (gone.length === 0) return;
    if (gone.length === rules.length) transaction.deleteTable(table);
    else for (const { handle } of gone) transaction.deleteRule({ ...attachments, handle: handle ?? 0 });
  });
}
