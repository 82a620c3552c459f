import { CniError, errorCodes } from '../../../cni/errors.js';
import type { Side } from '../../../cni/plugin.js';
import {
  commentMatch,
  IptablesError,
  IptablesTable,
  iptablesInstalled,
  quoted,
} from '../../../netfilter/iptables.js';
import { wrong } from '../../common/check.js';
import { withHostLock } from '../../common/host-lock.js';
import { failed } from '../../common/interface.js';
import { mayHaveChain } from '../../common/masquerade.js';
import { hash } from '../../common/names.js';
import { chainRules, groupsOf, listedPorts, portLists } from './iptables-chain.js';
import { type Backend, type Family, families, type Leaving, type Owner, type Published } from './mapping.js';

/*
 * Chains of table `nat`, as the reference has them:
 *
 *   CNI-HOSTPORT-DNAT     from PREROUTING and OUTPUT, at their ends, so that whoever was there first stays first
 *   CNI-DN-<hash>         of a container in a network: marks and translates
 *   CNI-HOSTPORT-SETMARK  marks packets
 *   CNI-HOSTPORT-MASQ     from POSTROUTING: masquerades marked packets
 */

const DNAT = 'CNI-HOSTPORT-DNAT';
const SETMARK = 'CNI-HOSTPORT-SETMARK';
const MASQ = 'CNI-HOSTPORT-MASQ';
/** Of versions before 0.7, beside chains CNI-SN-<hash>. */
const LEGACY_SNAT = 'CNI-HOSTPORT-SNAT';
const CHAIN_PREFIX = 'CNI-DN-';
const LEGACY_PREFIX = 'CNI-SN-';
const CHAIN_LENGTH = 28;
const ENTRIES = ['PREROUTING', 'OUTPUT'] as const;
const POSTROUTING = 'POSTROUTING';

const entryRule = `-m addrtype --dst-type LOCAL -j ${DNAT}`;
const masqueradeJump = `${commentMatch('CNI portfwd requiring masquerade')} -j ${MASQ}`;

function markOf(bit: number): string {
  const mask = `0x${(2 ** bit).toString(16)}`;
  return `${mask}/${mask}`;
}
const setMarkRule = (bit: number): string =>
  `${commentMatch('CNI portfwd masquerade mark')} -j MARK --set-xmark ${markOf(bit)}`;
const masqueradeRule = (bit: number): string => `-m mark --mark ${markOf(bit)} -j MASQUERADE`;

function chainOf(prefix: string, { name, containerId }: Pick<Owner, 'name' | 'containerId'>): string {
  return prefix + hash(name + containerId, CHAIN_LENGTH - prefix.length);
}

/** Characters of a comment; a longer one is cut. */
const COMMENT_LENGTH = 255;

function commentOf({ name, containerId }: Owner): string {
  const text = `dnat name: "${name}" id: "${containerId}"`;
  return text.length <= COMMENT_LENGTH
    ? text
    : `${text.slice(0, COMMENT_LENGTH - 2)}...`.slice(0, COMMENT_LENGTH);
}

const leadsTo =
  (chain: string) =>
  (rule: string): boolean =>
    rule.endsWith(` -j ${chain}`);

/** Rules that lead to the chain of an attachment. */
function jumpRules({ owner, mappings, conditions }: Published, family: Family, chain: string): string[] {
  const extra = conditions[family].map((word) => `${quoted(word)} `).join('');
  return portLists(mappings).map(
    ({ protocol, ports }) =>
      `-p ${protocol} ${commentMatch(commentOf(owner))} -m multiport --dports ${ports} ${extra}-j ${chain}`,
  );
}

function ensureShared(nat: IptablesTable, { snat, externalSetMarkChain, markBit }: Published): string {
  if (snat && externalSetMarkChain === undefined) {
    nat.ensureChain(SETMARK);
    nat.ensure(SETMARK, setMarkRule(markBit));
    nat.ensureChain(MASQ);
    nat.ensure(MASQ, masqueradeRule(markBit));
    nat.ensure(POSTROUTING, masqueradeJump, 'insert');
  }
  nat.ensureChain(DNAT);
  for (const chain of ENTRIES) nat.ensure(chain, entryRule);
  if (snat && externalSetMarkChain !== undefined && !nat.hasChain(externalSetMarkChain)) {
    throw new CniError(
      errorCodes.internal,
      `unable to setup DNAT: externalSetMarkChain ${externalSetMarkChain} is no chain of table nat`,
    );
  }
  return externalSetMarkChain ?? SETMARK;
}

/** Deletes a chain, and what leads to it. */
function dropChain(nat: IptablesTable, from: string, chain: string): void {
  nat.deleteWhere(from, leadsTo(chain));
  nat.deleteChain(chain);
}

/** Deletes the chains that all share when nobody is left to use them. */
function dropUnused(nat: IptablesTable): void {
  if (nat.rules(LEGACY_SNAT).length === 0) dropChain(nat, POSTROUTING, LEGACY_SNAT);
  if (nat.rules(DNAT).length > 0 || nat.chains.some((chain) => chain.startsWith(CHAIN_PREFIX))) return;
  for (const entry of ENTRIES) nat.deleteWhere(entry, leadsTo(DNAT));
  nat.deleteChain(DNAT);
  dropChain(nat, POSTROUTING, MASQ);
  if (!nat.chains.some((chain) => nat.rules(chain).some(leadsTo(SETMARK)))) nat.deleteChain(SETMARK);
}

/** Chains of the container under other names of the network: they are ours when they lead to our addresses only. */
function renamedChains(nat: IptablesTable, { owner, own }: Leaving, chain: string): string[] {
  const id = ` id: \\"${owner.containerId}\\""`;
  const jumps = nat.rules(DNAT).filter((rule) => rule.includes(id));
  const chains = new Set(jumps.map((rule) => / -j (CNI-DN-[0-9a-f]+)$/.exec(rule)?.[1] ?? chain));
  chains.delete(chain);
  return [...chains].filter((other) => {
    const groups = groupsOf(nat.rules(other));
    return groups.length > 0 && groups.every(({ target }) => own.has(target));
  });
}

/** Deletes an attachment's rules, and the chain when no other interface of the container has rules in it. */
async function dropOwn(nat: IptablesTable, leaving: Leaving): Promise<void> {
  const { owner, own, others } = leaving;
  const chain = chainOf(CHAIN_PREFIX, owner);
  dropChain(nat, LEGACY_SNAT, chainOf(LEGACY_PREFIX, owner));
  for (const renamed of renamedChains(nat, leaving, chain)) dropChain(nat, DNAT, renamed);
  if (!nat.hasChain(chain)) return;
  const groups = groupsOf(nat.rules(chain));
  const foreign = groups.some(({ target }) => target !== '' && !own.has(target)) ? await others() : undefined;
  const staying = groups.filter(({ target }) => foreign?.has(target) === true);
  if (staying.length === 0) {
    dropChain(nat, DNAT, chain);
    return;
  }
  const ports = new Set(staying.map(({ port }) => port));
  nat.flushChain(chain);
  for (const rule of staying.flatMap(({ rules }) => rules)) nat.append(chain, rule);
  nat.deleteWhere(DNAT, (rule) => leadsTo(chain)(rule) && !listedPorts(rule).some((port) => ports.has(port)));
}

/** Changes the table while no other plugin of ours does. */
async function update(
  { namespace }: Side,
  family: Family,
  decide: (nat: IptablesTable) => Promise<void> | void,
): Promise<void> {
  await withHostLock(namespace, () => IptablesTable.update(namespace, family, 'nat', decide));
}

async function removeIn(host: Side, family: Family, leaving: Leaving): Promise<void> {
  const { owner } = leaving;
  const chains = [DNAT, chainOf(CHAIN_PREFIX, owner), chainOf(LEGACY_PREFIX, owner)];
  if (!(await mayHaveChain(host, family, 'nat', ...chains))) return;
  await update(host, family, async (nat) => {
    await dropOwn(nat, leaving);
    if (nat.changed) dropUnused(nat);
  });
}

const versions = { ip: 'ipv4', ip6: 'ipv6' } as const;

/** Chains as the reference makes them: one write for each family. */
export const iptablesBackend: Backend = {
  async add(host, published, before) {
    const { owner, targets } = published;
    const chain = chainOf(CHAIN_PREFIX, owner);
    for (const family of families) {
      if (targets[family] === undefined) {
        await removeIn(host, family, before);
        continue;
      }
      try {
        await update(host, family, async (nat) => {
          await dropOwn(nat, before);
          const markChain = ensureShared(nat, published);
          nat.ensureChain(chain);
          for (const rule of chainRules(published, family, markChain)) nat.append(chain, rule);
          for (const rule of jumpRules(published, family, chain)) nat.append(DNAT, rule);
        });
      } catch (error) {
        if (error instanceof CniError) throw error;
        const missing = error instanceof IptablesError && error.code === 'ERR_IPTABLES_MISSING';
        throw failed(missing ? 'failed to open iptables' : 'unable to setup DNAT', error);
      }
    }
  },

  async remove(host, leaving) {
    for (const family of families) {
      try {
        await removeIn(host, family, leaving);
      } catch (error) {
        throw failed(`could not teardown ${versions[family]} dnat`, error);
      }
    }
  },

  async check(host, published) {
    const { owner, targets, snat, externalSetMarkChain, markBit } = published;
    const chain = chainOf(CHAIN_PREFIX, owner);
    for (const family of families) {
      if (targets[family] === undefined) continue;
      const nat = await IptablesTable.load(host.namespace, family, 'nat');
      const prefix = `could not check ${versions[family]} dnat`;
      if (!nat.hasChain(chain)) throw wrong(`${prefix}: chain ${chain} not found in iptables table nat`);
      const expect = (where: string, rule: string, is = nat.has(where, rule)): void => {
        if (!is) throw wrong(`${prefix}: rule [${rule}] in chain ${where} not found in table nat`);
      };
      for (const entry of ENTRIES) expect(entry, entryRule);
      if (snat && externalSetMarkChain === undefined) {
        expect(POSTROUTING, masqueradeJump);
        expect(MASQ, masqueradeRule(markBit));
        expect(SETMARK, setMarkRule(markBit));
      }
      const localhost = /^-s ::1\//;
      for (const rule of chainRules(published, family, externalSetMarkChain ?? SETMARK)) {
        // the reference has none for IPv6's loopback
        if (!localhost.test(rule)) expect(chain, rule);
      }
      // iptables writes conditions in words of its own: what can be compared are the ports
      const jumps = nat.rules(DNAT).filter(leadsTo(chain));
      for (const rule of jumpRules(published, family, chain)) {
        const ports = listedPorts(rule);
        const there = jumps.some((jump) => ports.every((port) => listedPorts(jump).includes(port)));
        expect(DNAT, rule, there);
      }
    }
  },

  async collect(gc) {
    const { host, name } = gc;
    const mark = `--comment "dnat name: \\"${name}\\" id: `;
    for (const family of families) {
      if (!(await mayHaveChain(host, family, 'nat', DNAT))) continue;
      await update(host, family, (nat) => {
        const present = nat
          .rules(DNAT)
          .filter((rule) => rule.includes(mark))
          .map((rule) => / -j (CNI-DN-[0-9a-f]+)$/.exec(rule)?.[1]);
        // asked only now: what an ADD has made by then, it was noted before
        const known = new Set(
          gc.validAttachments.map(({ containerID: containerId }) =>
            chainOf(CHAIN_PREFIX, { name, containerId }),
          ),
        );
        const stale = present.filter((chain) => chain !== undefined && !known.has(chain));
        for (const chain of new Set(stale)) dropChain(nat, DNAT, chain as string);
        if (nat.changed) dropUnused(nat);
      });
    }
  },

  async isMissing() {
    return !iptablesInstalled('ip');
  },

  async trouble() {
    return iptablesInstalled('ip') ? undefined : 'iptables cannot be used: iptables-restore is not installed';
  },
};
