import type { Test } from 'tap';
import type { Json } from '../plugins/support/host.js';
import { Batch } from '../plugins/support/snapshot.js';
import type { Lab } from '../support/lab.js';

export interface Link extends Json {
  readonly ifindex: number;
  readonly ifname: string;
  readonly address?: string;
  readonly link_index?: number;
  readonly link?: string;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly linkinfo?: {
    info_kind?: string;
    info_data?: Json;
    info_slave_kind?: string;
    info_slave_data?: Json;
  };
}

/** What programs say of a namespace. */
export interface Picture {
  readonly lab: Lab;
  readonly links: readonly Link[];
  readonly addresses: readonly (Link & { addr_info: Json[] })[];
  readonly routes: readonly Json[];
  readonly rules: readonly Json[];
  /** The host's only. */
  readonly qdiscs: readonly Json[];
  /** The host's only. */
  readonly nftables: readonly Json[];
  /** By their path below `/proc/sys/net`; none where they were not asked for. */
  readonly sysctls: ReadonlyMap<string, string>;
}

/** Those that plugins are known to touch, and all of every interface. */
const sysctls = 'ipv4/ip_forward ipv4/ip_local_port_range core/somaxconn ipv4/conf ipv6/conf';

/** Those that links have without being asked. */
export const defaultQdiscs = ['noqueue', 'noop', 'pfifo_fast', 'fq_codel', 'mq', 'fq'];

/** Has programs other than Netloom tell the state of a namespace. */
export class Camera {
  readonly #lab: Lab;
  readonly #isHost: boolean;
  readonly #four: Batch;
  readonly #six: Batch;

  constructor(t: Test, lab: Lab, isHost: boolean) {
    this.#lab = lab;
    this.#isHost = isHost;
    this.#four = new Batch(t, lab, 'ip', '-4');
    this.#six = new Batch(t, lab, 'ip', '-6');
  }

  async picture(withSysctls: boolean): Promise<Picture> {
    const shown = ['address show', 'route show table all', 'rule show'];
    const [four, six] = await Promise.all([this.#four.ask('link show', ...shown), this.#six.ask(...shown)]);
    const [links = [], addresses = [], routes = [], rules = []] = four;
    const [addresses6 = [], routes6 = [], rules6 = []] = six;
    const rulesOf = (all: Json[], family: string): Json[] => all.map((rule) => ({ ...rule, family }));
    const picture = {
      lab: this.#lab,
      links: links as Link[],
      addresses: [...addresses, ...addresses6] as (Link & { addr_info: Json[] })[],
      routes: [...routes, ...routes6],
      rules: [...rulesOf(rules, 'inet'), ...rulesOf(rules6, 'inet6')],
      sysctls: new Map<string, string>(),
      qdiscs: [] as Json[],
      nftables: [] as Json[],
    };
    if (withSysctls) {
      const lines = this.#lab.run('sh', '-c', `cd /proc/sys/net && grep -rs . ${sysctls} || true`);
      for (const [, key = '', value = ''] of lines.matchAll(/^([^:]+):(.*)$/gm))
        picture.sysctls.set(key, value);
    }
    if (this.#isHost) {
      picture.nftables = JSON.parse(this.#lab.run('nft', '-j', 'list', 'ruleset')).nftables;
      const isShaped = picture.links.some(
        ({ qdisc, linkinfo }) => !defaultQdiscs.includes(String(qdisc)) || linkinfo?.info_kind === 'ifb',
      );
      if (isShaped) picture.qdiscs = JSON.parse(this.#lab.run('tc', '-j', '-d', 'qdisc', 'show'));
    }
    return picture;
  }
}
