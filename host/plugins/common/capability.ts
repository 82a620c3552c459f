import { randomBytes } from 'node:crypto';
import { CniError, errorCodes } from '../../cni/errors.js';
import type { Side } from '../../cni/plugin.js';
import { type IptablesFamily, IptablesTable, iptablesInstalled } from '../../netfilter/iptables.js';
import type { TableFamily, Transaction } from '../../netfilter/transaction.js';
import { NetlinkError } from '../../netlink/errors.js';

/** What STATUS answers when an ADD would not succeed. */
export function unavailable(msg: string, cause?: unknown): CniError {
  return new CniError(errorCodes.pluginNotAvailable, msg, '', { cause });
}

/**
 * Throws CniError 50 unless nftables takes what `fill` adds to the table of that name. It is told to, and at last to do
 * something that fails: so nothing comes of it.
 */
export async function requireRules(
  side: Side,
  what: string,
  family: TableFamily,
  fill: (transaction: Transaction, table: { family: TableFamily; table: string }) => unknown,
): Promise<void> {
  const name = `netloom-${randomBytes(6).toString('hex')}`;
  let last = -1;
  try {
    await side.netfilter.transaction((transaction) => {
      const table = { family, table: name };
      transaction.addTable(table);
      fill(transaction, table);
      transaction.deleteTable({ family, table: `${name}-none` });
      last = transaction.operations.length - 1;
    });
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    const failures = 'failures' in error ? (error.failures as { index: number; error: Error }[]) : undefined;
    if (failures === undefined) throw unavailable(`no nftables for ${what}: ${error.message}`, error);
    const first = failures.find(({ index }) => index !== last);
    if (first !== undefined) throw unavailable(`no nftables for ${what}: ${first.error.message}`, error);
  }
}

/** Throws CniError 50 unless a table of iptables can be read, and so be written. */
export async function requireIptables(
  { namespace }: Side,
  family: IptablesFamily,
  table: string,
): Promise<void> {
  const program = family === 'ip' ? 'iptables' : 'ip6tables';
  if (!iptablesInstalled(family)) throw unavailable(`failed to locate iptables: ${program} is not installed`);
  try {
    await IptablesTable.load(namespace, family, table);
  } catch (error) {
    throw unavailable(`no table ${table} of ${program}: ${(error as Error).message}`, error);
  }
}
