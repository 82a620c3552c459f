import type { GcRequest, Side } from '../../../cni/plugin.js';
import * as x from '../../../netfilter/expressions.js';
import type { Rule } from '../../../netfilter/netfilter.js';
import { garbageOf } from '../../common/garbage.js';
import { attachmentMark, networkMark } from '../../common/names.js';
import { isIpv6, type Owner } from './backend.js';

/*
 * Rules of iptables and sources of firewalld do not tell whose they are, and must not: the reference finds its own by
 * their text. So it is noted beside them, in a chain that no packet meets, where it lives as long as they do:
 *
 *   table inet cni_firewall_claims { chain addresses { ip saddr 10.0.0.2 comment "<owner>, addr: 10.0.0.2" } }
 */

const table = { family: 'inet', table: 'cni_firewall_claims' } as const;
const claims = { ...table, chain: 'addresses' } as const;
const IPV4 = 2;
const IPV6 = 10;

function ownerOf({ comment }: Rule): string | undefined {
  return comment?.split(',')[0];
}

function addressOf({ comment }: Rule): string {
  return comment?.split(', addr: ')[1] ?? '';
}

/** Notes that rules for these addresses are the owner's. */
export async function claim({ netfilter }: Side, owner: Owner, addresses: readonly string[]): Promise<void> {
  // a table without notes would never be forgotten
  if (addresses.length === 0) return;
  await netfilter.update(async (transaction) => {
    const rules = await netfilter.rules(claims);
    transaction
      .addTable({ ...table, comment: 'Whose addresses the rules of the CNI plugin firewall are for' })
      .addChain(claims);
    for (const rule of rules) {
      if (ownerOf(rule) === attachmentMark(owner))
        transaction.deleteRule({ ...claims, handle: rule.handle ?? 0 });
    }
    for (const address of addresses) {
      const expressions = [...x.nfproto(isIpv6(address) ? IPV6 : IPV4), ...x.source(address)];
      transaction.addRule({ ...claims, expressions, comment: `${attachmentMark(owner)}, addr: ${address}` });
    }
  });
}

/** Removes notes, and the table with the last of them. */
async function forget({ netfilter }: Side, gone: ReadonlySet<string>): Promise<void> {
  await netfilter.update(async (transaction) => {
    const rules = await netfilter.rules(claims);
    const own = rules.filter((rule) => gone.has(ownerOf(rule) ?? ''));
    if (own.length === 0) return;
    if (own.length === rules.length) transaction.deleteTable(table);
    else for (const { handle } of own) transaction.deleteRule({ ...claims, handle: handle ?? 0 });
  });
}

/**
 * Has `remove` take away the rules for an owner's addresses: those that are known, and those that were noted, but for
 * those that are another's by now.
 */
export async function releaseClaims(
  host: Side,
  owner: Owner,
  known: readonly string[],
  remove: (addresses: readonly string[]) => Promise<void>,
): Promise<void> {
  const rules = await host.netfilter.rules(claims);
  const isOwn = (rule: Rule): boolean => ownerOf(rule) === attachmentMark(owner);
  const own = rules.filter(isOwn);
  const others = new Set(rules.filter((rule) => !isOwn(rule)).map(addressOf));
  const addresses = new Set([...known, ...own.map(addressOf)]);
  await remove([...addresses].filter((address) => !others.has(address)));
  if (own.length > 0) await forget(host, new Set([attachmentMark(owner)]));
}

/** GC: has `remove` take away the rules for addresses that only attachments have that are not valid any more. */
export async function collectClaims(
  gc: Pick<GcRequest<unknown>, 'host' | 'name' | 'validAttachments'>,
  remove: (addresses: readonly string[]) => Promise<void>,
): Promise<void> {
  const { host, name } = gc;
  const prefix = networkMark(name);
  const rules = await host.netfilter.rules(claims);
  const stale = await garbageOf(
    gc,
    () => rules.filter((rule) => rule.comment?.startsWith(prefix)),
    ownerOf,
    ({ containerID: containerId, ifname }) => attachmentMark({ name, containerId, ifname }),
  );
  if (stale.length === 0) return;
  const others = new Set(rules.filter((rule) => !stale.includes(rule)).map(addressOf));
  await remove(stale.map(addressOf).filter((address) => !others.has(address)));
  await forget(host, new Set(stale.map((rule) => ownerOf(rule) ?? '')));
}
