import type { Side } from '../../../cni/plugin.js';
import {
  commentMatch,
  type IptablesFamily,
  IptablesTable,
  iptablesInstalled,
} from '../../../netfilter/iptables.js';
import { requireIptables } from '../../common/capability.js';
import { wrong } from '../../common/check.js';
import { type Backend, type Ingress, isIpv6, type Wanted } from './backend.js';

const FORWARD = 'FORWARD';
const CNI_FORWARD = 'CNI-FORWARD';
const STAGE_1 = 'CNI-ISOLATION-STAGE-1';
const STAGE_2 = 'CNI-ISOLATION-STAGE-2';

const forwardRule = `${commentMatch('CNI firewall plugin rules')} -j ${CNI_FORWARD}`;
const adminRule = (chain: string): string =>
  `${commentMatch('CNI firewall plugin admin overrides')} -j ${chain}`;

function hostPrefix(address: string): string {
  return `${address}/${isIpv6(address) ? 128 : 32}`;
}
const replies = (address: string): string =>
  `-d ${hostPrefix(address)} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`;
const outgoing = (address: string): string => `-s ${hostPrefix(address)} -j ACCEPT`;

function ofFamily(family: IptablesFamily, addresses: readonly string[]): string[] {
  return addresses.filter((address) => isIpv6(address) === (family === 'ip6'));
}

async function eachFamily(
  { namespace }: Side,
  { addresses }: Wanted,
  work: (filter: IptablesTable, own: readonly string[]) => void,
): Promise<void> {
  for (const family of ['ip', 'ip6'] as const) {
    const own = ofFamily(family, addresses);
    if (own.length === 0) continue;
    await IptablesTable.update(namespace, family, 'filter', (filter) => work(filter, own));
  }
}

function ensureIngress(filter: IptablesTable, { policy, bridge }: Ingress): void {
  const own = commentMatch(`CNI firewall plugin rules (ingressPolicy: ${policy})`);
  const all = commentMatch('CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)');
  filter.ensureChain(STAGE_1);
  filter.ensureChain(STAGE_2);
  filter.ensure(FORWARD, `${all} -j ${STAGE_1}`, 'insert');
  filter.ensure(STAGE_1, `${all} -j RETURN`);
  filter.ensure(STAGE_1, `-i ${bridge} ! -o ${bridge} ${own} -j ${STAGE_2}`, 'insert');
  if (policy === 'isolated') filter.ensure(STAGE_1, `-i ${bridge} -o ${bridge} ${own} -j DROP`, 'insert');
  filter.ensure(STAGE_2, `${all} -j RETURN`);
  filter.ensure(STAGE_2, `-o ${bridge} ${all} -j DROP`, 'insert');
}

/** Chains and rules of the ingress policy, of whichever backend: the reference always has them in iptables. */
export async function addIngress(host: Side, wanted: Wanted): Promise<void> {
  const { ingress } = wanted;
  if (ingress !== undefined) await eachFamily(host, wanted, (filter) => ensureIngress(filter, ingress));
}

/** Rules in the filter table that iptables works with, as the reference makes them. */
export const iptablesBackend: Backend = {
  async add(host, wanted) {
    await eachFamily(host, wanted, (filter, own) => {
      filter.ensureChain(CNI_FORWARD);
      filter.ensureChain(wanted.adminChain);
      filter.ensure(FORWARD, forwardRule, 'insert');
      filter.ensure(CNI_FORWARD, adminRule(wanted.adminChain), 'insert');
      for (const address of own) {
        filter.ensure(CNI_FORWARD, replies(address));
        filter.ensure(CNI_FORWARD, outgoing(address));
      }
      if (wanted.ingress !== undefined) ensureIngress(filter, wanted.ingress);
    });
  },

  async remove(host, wanted) {
    for (const family of ['ip', 'ip6'] as const) {
      const own = ofFamily(family, wanted.addresses);
      if (own.length === 0 || !iptablesInstalled(family)) continue;
      await IptablesTable.update(host.namespace, family, 'filter', (filter) => {
        for (const address of own) {
          filter.delete(CNI_FORWARD, replies(address));
          filter.delete(CNI_FORWARD, outgoing(address));
        }
      });
    }
  },

  async require(host) {
    await requireIptables(host, 'ip', 'filter');
  },

  async check(host, wanted) {
    await eachFamily(host, wanted, (filter, own) => {
      const expect = (chain: string, rule: string, what: string): void => {
        if (!filter.has(chain, rule)) throw wrong(`expected ${what} [${rule}] not found`);
      };
      expect(FORWARD, forwardRule, 'FORWARD rule');
      expect(CNI_FORWARD, adminRule(wanted.adminChain), 'CNI-FORWARD rule');
      for (const address of own) {
        expect(CNI_FORWARD, replies(address), 'rule');
        expect(CNI_FORWARD, outgoing(address), 'rule');
      }
    });
  },
};
