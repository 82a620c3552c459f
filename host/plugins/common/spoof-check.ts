import { CniError, errorCodes } from '../../cni/errors.js';
import type { GcRequest, Side } from '../../cni/plugin.js';
import { parseMac } from '../../codec/text.js';
import * as x from '../../netfilter/expressions.js';
import type { Rule } from '../../netfilter/netfilter.js';
import { requireRules } from './capability.js';
import { garbageOf } from './garbage.js';

/** Whose frames are to carry only its own hardware address. */
export interface Checked {
  readonly containerId: string;
  readonly ifname: string;
}

const table = { family: 'bridge', table: 'nat' } as const;
const PREROUTING = 'PREROUTING';
const RAW = -300;
const PREFIX = 'cni-br-iface-';
const MARK = 'macspoofchk-';
const ETHER_SOURCE = 6;
const MAC_LENGTH = 6;

function chainOf({ containerId, ifname }: Checked): string {
  return `${PREFIX}${containerId}-${ifname}`;
}

function commentOf({ containerId, ifname }: Checked): string {
  return `${MARK}${containerId}-${ifname}`;
}

/** Drops frames from a port of a bridge that have another source than the container's address. One transaction. */
export async function setUpSpoofCheck(
  { netfilter }: Side,
  owner: Checked,
  port: string,
  mac: string,
): Promise<void> {
  const chain = chainOf(owner);
  const comment = commentOf(owner);
  const address = parseMac(mac);
  if (address?.length !== MAC_LENGTH) {
    throw new CniError(errorCodes.internal, `failed to setup spoof-check: ${mac} is no hardware address`);
  }
  await netfilter.update(async (transaction) => {
    const old = (await netfilter.rules({ ...table, chain: PREROUTING })).filter(
      (rule) => rule.comment === comment,
    );
    transaction
      .addTable(table)
      .addChain({
        ...table,
        chain: PREROUTING,
        type: 'filter',
        hook: 'prerouting',
        priority: RAW,
        policy: 'accept',
      })
      .addChain({ ...table, chain })
      .addChain({ ...table, chain: `${chain}-mac` })
      .flushChain({ ...table, chain })
      .flushChain({ ...table, chain: `${chain}-mac` });
    for (const { handle } of old)
      transaction.deleteRule({ ...table, chain: PREROUTING, handle: handle ?? 0 });
    transaction
      .addRule({ ...table, chain: PREROUTING, expressions: [...x.iifname(port), x.jump(chain)], comment })
      .addRule({ ...table, chain, expressions: [x.jump(`${chain}-mac`)], comment })
      .addRule({
        ...table,
        chain: `${chain}-mac`,
        expressions: [
          x.payload('ll-header', ETHER_SOURCE, MAC_LENGTH),
          x.compare(address),
          x.returnToCaller(),
        ],
        comment,
      })
      .addRule({ ...table, chain: `${chain}-mac`, expressions: [x.drop()], comment });
  });
}

/** Throws CniError 50 unless frames of a bridge's ports can be checked. */
export async function requireSpoofCheck(host: Side): Promise<void> {
  await requireRules(host, 'spoof checks', table.family, (transaction, probe) => {
    const chain = { ...probe, chain: PREROUTING };
    const source = x.payload('ll-header', ETHER_SOURCE, MAC_LENGTH);
    const expressions = [...x.iifname('port'), source, x.compare(new Uint8Array(MAC_LENGTH)), x.drop()];
    transaction
      .addChain({ ...chain, type: 'filter', hook: 'prerouting', priority: RAW, policy: 'accept' })
      .addRule({ ...chain, expressions });
  });
}

/** Removes the checks that `stale` picks by the names of their chains, and the table when nothing is left in it. */
async function remove({ netfilter }: Side, stale: (chain: string) => boolean): Promise<void> {
  const isStale = (name: string | undefined): boolean =>
    name?.startsWith(PREFIX) === true && stale(name.replace(/-mac$/, ''));
  if (!(await netfilter.chains(table)).some(({ name }) => isStale(name))) return;
  await netfilter.update(async (transaction) => {
    const chains = await netfilter.chains(table);
    const gone = chains.filter(({ name }) => isStale(name)).map(({ name }) => name as string);
    const rules = await netfilter.rules({ ...table, chain: PREROUTING });
    const jumps = rules.filter((rule) => gone.some((chain) => rule.comment === chain.replace(PREFIX, MARK)));
    if (gone.length === 0) return;
    if (chains.length === gone.length + 1 && rules.length === jumps.length) {
      transaction.deleteTable(table);
      return;
    }
    for (const { handle } of jumps)
      transaction.deleteRule({ ...table, chain: PREROUTING, handle: handle ?? 0 });
    for (const chain of gone) transaction.flushChain({ ...table, chain });
    // outer chains jump to those for addresses, which come second in the names' order
    for (const chain of gone.sort()) transaction.deleteChain({ ...table, chain });
  });
}

export async function tearDownSpoofCheck(host: Side, owner: Checked): Promise<void> {
  const own = chainOf(owner);
  await remove(host, (chain) => chain === own);
}

/** The port that a rule of PREROUTING is about. */
function portOf({ expressions }: Rule): string | undefined {
  for (const { data } of expressions?.elem ?? []) {
    const value = (data as { data?: { value?: Uint8Array } } | undefined)?.data?.value;
    if (value !== undefined) return Buffer.from(value).toString('latin1').replace(/\0+$/, '');
  }
  return undefined;
}

/**
 * Removes checks whose port is gone, which nobody claims. They do not tell of which network they are; while the port is
 * there, they may be another's.
 */
export async function collectSpoofChecks(
  gc: Pick<GcRequest<unknown>, 'host' | 'validAttachments'>,
): Promise<void> {
  const { netfilter, network } = gc.host;
  const jumps = (await netfilter.rules({ ...table, chain: PREROUTING })).filter((rule) =>
    rule.comment?.startsWith(MARK),
  );
  if (jumps.length === 0) return;
  // the port is there before the rule is
  const ports = new Set((await network.links.list()).map(({ ifname }) => ifname));
  const gone = await garbageOf(
    gc,
    () => jumps.filter((rule) => !ports.has(portOf(rule) ?? '')),
    (rule) => rule.comment,
    ({ containerID: containerId, ifname }) => commentOf({ containerId, ifname }),
  );
  const stale = new Set(gone.map(({ comment }) => comment?.replace(MARK, PREFIX)));
  if (stale.size > 0) await remove(gc.host, (chain) => stale.has(chain));
}
