import type { Side } from '../../cni/plugin.js';
import { IptablesTable, iptablesInstalled, legacyTables } from '../../netfilter/iptables.js';
import type { Family } from './rules.js';
import { families } from './rules.js';

/*
 * Docker makes `drop` the policy of iptables' chain FORWARD, which packets of our bridges pass too, whatever our own table
 * says: of several base chains, each must let a packet through. So a chain of ours stands at the end of FORWARD and lets
 * them through; what is to be dropped is dropped in our own table. Docker's chains stay as they are.
 */

const CHAIN = 'NETLOOM-FORWARD';
const FORWARD = 'FORWARD';
const FILTER = 'filter';

/** Is there a FORWARD that drops, and what has our chain in it? */
async function foreignForward(
  { netfilter }: Side,
  family: Family,
): Promise<{ drops: boolean; ours: boolean }> {
  const chains = await netfilter.chains({ family, table: FILTER });
  const forward = chains.find(({ name }) => name === FORWARD);
  return {
    drops: forward?.policy === 'drop' || legacyTables(family).includes(FILTER),
    ours: chains.some(({ name }) => name === CHAIN),
  };
}

function rulesFor(bridge: string): string[] {
  return [`-i ${bridge} -j ACCEPT`, `-o ${bridge} -j ACCEPT`];
}

/** Lets packets of bridges through iptables' FORWARD, in families where it would drop them. `bridges` are all of ours. */
export async function passForward(host: Side, bridges: readonly string[]): Promise<void> {
  for (const family of families) {
    if (!iptablesInstalled(family)) continue;
    const { drops, ours } = await foreignForward(host, family);
    if (!drops && !ours) continue;
    await IptablesTable.update(host.namespace, family, FILTER, (filter) => {
      const wanted = new Set(bridges.flatMap(rulesFor));
      if (wanted.size === 0) {
        filter.deleteWhere(FORWARD, (rule) => rule === `-j ${CHAIN}`);
        filter.deleteChain(CHAIN);
        return;
      }
      filter.ensureChain(CHAIN);
      filter.ensure(FORWARD, `-j ${CHAIN}`);
      for (const rule of wanted) filter.ensure(CHAIN, rule);
      filter.deleteWhere(CHAIN, (rule) => !wanted.has(rule));
    });
  }
}

/** Would packets of our bridges be dropped, because our chain is missing? Two questions to the kernel. */
export async function isForwardClosed(host: Side): Promise<boolean> {
  for (const family of families) {
    const { drops, ours } = await foreignForward(host, family);
    if (drops && !ours && iptablesInstalled(family)) return true;
  }
  return false;
}

/** Are packets of our bridges dropped in these families, and there is no iptables to let them through? */
export async function isForwardBarred(host: Side, wanted: readonly Family[]): Promise<boolean> {
  for (const family of wanted) {
    if (!iptablesInstalled(family) && (await foreignForward(host, family)).drops) return true;
  }
  return false;
}
