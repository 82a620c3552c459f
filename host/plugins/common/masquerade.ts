import { CniError, errorCodes } from '../../cni/errors.js';
import type { GcRequest, Sandbox, Side } from '../../cni/plugin.js';
import { headerOnly } from '../../codec/selection.js';
import * as x from '../../netfilter/expressions.js';
import {
  commentMatch,
  type IptablesFamily,
  IptablesTable,
  iptablesInstalled,
  legacyTables,
} from '../../netfilter/iptables.js';
import type { Rule } from '../../netfilter/netfilter.js';
import { type Cidr, formatAddress, formatCidr, networkOf } from './address.js';
import { requireIptables, requireRules } from './capability.js';
import { garbageOf } from './garbage.js';
import {
  attachmentComment,
  chainName,
  attachmentMark as instance,
  type Attachment as Masqueraded,
  networkMark,
} from './names.js';

const table = { family: 'inet', table: 'cni_plugins_masquerade' } as const;
const checks = { ...table, chain: 'masq_checks' } as const;
const postrouting = { ...table, chain: 'postrouting' } as const;
const SRCNAT = 100;
const COMMENT_LENGTH = 128;
const IPV4 = 2;
const IPV6 = 10;

function familyOf({ address }: Cidr): number {
  return address.bits === 32 ? IPV4 : IPV6;
}

/** Which backend a config asks for: nftables unless it says otherwise. Throws CniError 999. */
function backendOf(backend: string | undefined): 'nftables' | 'iptables' {
  if (backend === undefined || backend === '' || backend === 'nftables') return 'nftables';
  if (backend === 'iptables') return 'iptables';
  throw new CniError(errorCodes.internal, `unknown ipmasq backend ${JSON.stringify(backend)}`);
}

/** Masquerades packets from an attachment's addresses to other networks. What an earlier ADD of it left is replaced. */
export async function setUpMasquerade(
  host: Side,
  owner: Masqueraded,
  ips: readonly Cidr[],
  backend: string | undefined,
): Promise<void> {
  if (backendOf(backend) === 'iptables') await setUpIptables(host, owner, ips);
  else await setUpNftables(host, owner, ips);
}

async function setUpNftables({ netfilter }: Side, owner: Masqueraded, ips: readonly Cidr[]): Promise<void> {
  const prefix = instance(owner);
  await netfilter.updateTogether(async (transaction, ruleset) => {
    const rules = await ruleset.rules(table);
    // adding a chain once more is a change to it, whose old state the kernel destroys after an RCU grace period
    if (![postrouting, checks].every(({ chain }) => rules.some((rule) => rule.chain === chain))) {
      transaction
        .addTable({ ...table, comment: 'Masquerading for CNI attachments' })
        .addChain({
          ...checks,
          comment: 'Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet',
        })
        .addChain({ ...postrouting, type: 'nat', hook: 'postrouting', priority: SRCNAT, policy: 'accept' });
    }
    if (!rules.some(({ chain }) => chain === postrouting.chain)) {
      transaction
        .addRule({
          ...postrouting,
          expressions: [...x.nfproto(IPV4), ...x.destination('224.0.0.0/4'), x.returnToCaller()],
        })
        .addRule({
          ...postrouting,
          expressions: [...x.nfproto(IPV6), ...x.destination('ff00::/8'), x.returnToCaller()],
        })
        .addRule({ ...postrouting, expressions: [x.goTo(checks.chain)] });
    }
    for (const { chain, comment: old, handle } of rules) {
      if (chain === checks.chain && old?.startsWith(prefix))
        transaction.deleteRule({ ...checks, handle: handle ?? 0 });
    }
    for (const ip of ips) {
      transaction.addRule({
        ...checks,
        expressions: [
          ...x.nfproto(familyOf(ip)),
          ...x.source(formatAddress(ip.address)),
          ...x.destination(formatCidr(networkOf(ip)), 'neq'),
          x.masquerade(),
        ],
        comment: attachmentComment(owner, COMMENT_LENGTH),
      });
    }
  });
}

/** Throws CniError 50 unless the backend that a config asks for can masquerade. */
export async function requireMasquerade(host: Side, backend: string | undefined): Promise<void> {
  if (backendOf(backend) === 'iptables') {
    await requireIptables(host, 'ip', 'nat');
    return;
  }
  await requireRules(host, 'masquerading', table.family, (transaction, probe) => {
    const { chain } = postrouting;
    transaction
      .addChain({ ...probe, chain, type: 'nat', hook: 'postrouting', priority: SRCNAT, policy: 'accept' })
      .addRule({ ...probe, chain, expressions: [...x.nfproto(IPV4), x.masquerade()] });
  });
}

/** Removes rules of `masq_checks` that `pick` picks, and the table with the last of them. */
async function removeNftables(
  { netfilter }: Side,
  pick: (rules: readonly Rule[]) => Promise<readonly Rule[]>,
): Promise<void> {
  await netfilter.updateTogether(async (transaction, ruleset) => {
    const rules = (await ruleset.rules(table)).filter(({ chain }) => chain === checks.chain);
    const gone = await pick(rules);
    if (gone.length === 0) return;
    if (gone.length === rules.length) transaction.deleteTable(table);
    else for (const { handle } of gone) transaction.deleteRule({ ...checks, handle: handle ?? 0 });
  });
}

const POSTROUTING = 'POSTROUTING';
const multicast = { ip: '224.0.0.0/4', ip6: 'ff00::/8' } as const;

function iptablesComment({ name, containerId }: Masqueraded): string {
  return commentMatch(`name: ${JSON.stringify(name)} id: ${JSON.stringify(containerId)}`);
}

async function setUpIptables({ namespace }: Side, owner: Masqueraded, ips: readonly Cidr[]): Promise<void> {
  const chain = chainName(owner.name, owner.containerId);
  const match = iptablesComment(owner);
  for (const family of ['ip', 'ip6'] as const) {
    const own = ips.filter((ip) => familyOf(ip) === (family === 'ip' ? IPV4 : IPV6));
    if (own.length === 0) continue;
    await IptablesTable.update(namespace, family, 'nat', (nat) => {
      nat.ensureChain(chain);
      for (const ip of own) {
        nat.ensure(chain, `-d ${formatCidr(networkOf(ip))} ${match} -j ACCEPT`);
        nat.ensure(chain, `! -d ${multicast[family]} ${match} -j MASQUERADE`);
        const host = `${formatAddress(ip.address)}/${ip.address.bits}`;
        nat.ensure(POSTROUTING, `-s ${host} ${match} -j ${chain}`);
      }
    });
  }
}

/** Removes an attachment's rules, but for those of sources in `others`, and its chain with the last jump to it. */
async function removeIptables(side: Side, owner: Masqueraded, others: ReadonlySet<string>): Promise<void> {
  const chain = chainName(owner.name, owner.containerId);
  const jump = ` -j ${chain}`;
  const match = iptablesComment(owner);
  for (const family of ['ip', 'ip6'] as const) {
    if (!(await mayHaveChain(side, family, 'nat', chain))) continue;
    await IptablesTable.update(side.namespace, family, 'nat', (nat) => {
      nat.deleteWhere(POSTROUTING, (rule) => {
        const source = /^-s ([^/ ]+)/.exec(rule)?.[1] ?? '';
        return rule.endsWith(jump) && rule.includes(match) && !others.has(source);
      });
      if (!nat.rules(POSTROUTING).some((rule) => rule.endsWith(jump))) nat.deleteChain(chain);
    });
  }
}

/** Can one of these chains be there? Asks the kernel, which is quicker than starting iptables to find out. */
export async function mayHaveChain(
  side: Side,
  family: IptablesFamily,
  tableName: string,
  ...wanted: readonly string[]
): Promise<boolean> {
  if (!iptablesInstalled(family)) return false;
  const chains = await side.netfilter.chains({ family, table: tableName });
  return chains.some(({ name }) => wanted.includes(name ?? '')) || legacyTables(family).includes(tableName);
}

/**
 * Takes an attachment's rules away, of whichever backend, known by their comments. The iptables backend's chain is that of
 * all interfaces that a container has in the network: what serves addresses in `others`, those of its other interfaces,
 * stays.
 */
export async function tearDownMasquerade(
  host: Side,
  owner: Masqueraded,
  others: ReadonlySet<string> = new Set(),
): Promise<void> {
  const prefix = instance(owner);
  await removeNftables(host, async (rules) => rules.filter((rule) => rule.comment?.startsWith(prefix)));
  await removeIptables(host, owner, others);
}

/** The addresses of a sandbox's other interfaces; none when it is gone. */
export async function otherAddresses(sandbox: Sandbox, ifname: string): Promise<ReadonlySet<string>> {
  if (!sandbox.exists) return new Set();
  const { links, addresses } = sandbox.network;
  const own = await links.find(ifname, { only: headerOnly });
  const all = await addresses.list();
  return new Set(
    all.filter((one) => one.index !== own?.index).map(({ address }) => address.split('/')[0] as string),
  );
}

/** Are the packets of all these addresses masqueraded, by whichever backend? */
export async function isMasqueraded(host: Side, owner: Masqueraded, ips: readonly Cidr[]): Promise<boolean> {
  const prefix = instance(owner);
  const rules = (await host.netfilter.rules(checks)).filter((rule) => rule.comment?.startsWith(prefix));
  if (rules.length >= ips.length) return true;
  const chain = chainName(owner.name, owner.containerId);
  for (const family of ['ip', 'ip6'] as const) {
    const own = ips.filter((ip) => familyOf(ip) === (family === 'ip' ? IPV4 : IPV6));
    if (own.length === 0) continue;
    if (!(await mayHaveChain(host, family, 'nat', chain))) return false;
    const nat = await IptablesTable.load(host.namespace, family, 'nat');
    const jumps = nat.rules(POSTROUTING).filter((rule) => rule.endsWith(` -j ${chain}`));
    const isServed = ({ address }: Cidr): boolean =>
      jumps.some((rule) => rule.startsWith(`-s ${formatAddress(address)}/`));
    if (!own.every(isServed) || nat.rules(chain).length === 0) return false;
  }
  return true;
}

/** Takes the rules of a network's attachments away that are not valid any more. */
export async function collectMasquerade(
  gc: Pick<GcRequest<unknown>, 'host' | 'name' | 'validAttachments'>,
): Promise<void> {
  const { host, name } = gc;
  const network = networkMark(name);
  await removeNftables(host, (rules) =>
    garbageOf(
      gc,
      () => rules.filter((rule) => rule.comment?.startsWith(network)),
      (rule) => rule.comment?.split(',')[0],
      ({ containerID: containerId, ifname }) => instance({ name, containerId, ifname }),
    ),
  );
  for (const family of ['ip', 'ip6'] as const) await collectIptables(gc, family);
}

async function collectIptables(
  gc: Pick<GcRequest<unknown>, 'host' | 'name' | 'validAttachments'>,
  family: IptablesFamily,
): Promise<void> {
  const { host, name } = gc;
  if (!iptablesInstalled(family)) return;
  const chains = await host.netfilter.chains({ family, table: 'nat' });
  if (chains.length === 0 && !legacyTables(family).includes('nat')) return;
  const mark = `--comment "name: \\"${name}\\" id: `;
  const chainOf = (rule: string): string | undefined => / -j (CNI-[0-9a-f]{24})$/.exec(rule)?.[1];
  await IptablesTable.update(host.namespace, family, 'nat', async (nat) => {
    const gone = await garbageOf(
      gc,
      () => nat.rules(POSTROUTING).filter((rule) => rule.includes(mark)),
      chainOf,
      ({ containerID }) => chainName(name, containerID),
    );
    for (const rule of gone) nat.delete(POSTROUTING, rule);
    for (const chain of new Set(gone.map(chainOf))) {
      const isUsed = nat.rules(POSTROUTING).some((other) => chainOf(other) === chain);
      if (chain !== undefined && !isUsed) nat.deleteChain(chain);
    }
  });
}
