import { array, integer, object, optional, string, valueAt } from '../../../cni/config.js';
import { parsePrevResult, type Result } from '../../../cni/result.js';
import { DhcpClient } from './client.js';
import { type ClientOptions, clientIdOf, clientOptions, type DhcpConfig, dhcpShape } from './config.js';
import { DhcpError } from './errors.js';
import { Lease, type Surroundings } from './lease.js';
import { isGone, Site } from './site.js';
import { resultOf } from './terms.js';
import { now } from './timing.js';
import type { CommandArguments } from './wire.js';

const basics = object({ name: optional(string, ''), cniVersion: optional(string, '0.2.0') });
const attachments = object({
  'cni.dev/valid-attachments': optional(
    array(object({ containerID: optional(string, ''), ifname: optional(string, '') })),
    [],
  ),
  'netloom/listed-at': optional(integer),
});

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new DhcpError('ERR_DHCP_STATE', `the config is no JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** The leases of a host: gets them, keeps them, gives them back. */
export class Daemon {
  readonly #around: Surroundings;
  readonly #leases = new Map<string, Lease>();
  /** Ends of what is being done, by lease: one thing at a time. */
  readonly #tails = new Map<string, Promise<unknown>>();
  readonly #acquiring = new Map<string, AbortController>();
  #closing = false;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Goes on with what a daemon before has left. */
  resume(): number {
    const records = this.#around.store.load(this.#around.log);
    for (const record of records) this.#hold(new Lease(record, this.#around, (lease) => this.#forget(lease)));
    return records.length;
  }

  #hold(lease: Lease): void {
    this.#leases.set(lease.name, lease);
    lease.start();
  }

  #forget(lease: Lease): void {
    if (this.#leases.get(lease.name) === lease) this.#leases.delete(lease.name);
  }

  /** One after the other, of one lease. */
  async #exclusive<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(name) ?? Promise.resolve();
    const mine = before
      .catch(() => undefined)
      .then(() => {
        // the next daemon has the leases
        if (this.#closing) throw new DhcpError('ERR_DHCP_STATE', 'the daemon ends');
        return work();
      });
    this.#tails.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(name) === mine) this.#tails.delete(name);
    }
  }

  /** A lease for an attachment: the one that it has, or a new one. `signal`: nobody waits for it any more. */
  async allocate(args: CommandArguments, signal: AbortSignal): Promise<Result> {
    const raw = parse(args.stdin);
    const network = basics.read(raw, '').name;
    const config = dhcpShape.read(raw, '');
    const name = clientIdOf(args.containerId, network, args.ifname);
    const options = clientOptions(config, name, args.args);
    return await this.#exclusive(name, async () => {
      const held = this.#leases.get(name);
      if (held !== undefined && (await this.#isFor(held, args))) {
        return resultOf(held.record.terms, config.ipam?.priority ?? 0);
      }
      if (held !== undefined) {
        this.#forget(held);
        await held.release();
      }
      const stop = new AbortController();
      this.#acquiring.set(name, stop);
      try {
        return await this.#acquire(args, network, config, options, AbortSignal.any([signal, stop.signal]));
      } finally {
        this.#acquiring.delete(name);
      }
    });
  }

  /** Is the lease for this interface in this namespace, or for others of the same names? */
  async #isFor(lease: Lease, { netns, ifname }: CommandArguments): Promise<boolean> {
    const site = await Site.open({ netns, ifname }, this.#around.hostPrefix);
    try {
      const { namespace, ifindex } = lease.record;
      const { dev, ino } = site.namespace.id;
      return dev === namespace.dev && ino === namespace.ino && site.ifindex === ifindex;
    } finally {
      site.close();
    }
  }

  async #acquire(
    { containerId, netns, ifname }: CommandArguments,
    network: string,
    config: DhcpConfig,
    options: ClientOptions,
    signal: AbortSignal,
  ): Promise<Result> {
    const { hostPrefix, timing, store, log } = this.#around;
    const created = now();
    const site = await Site.open({ netns, ifname }, hostPrefix, { up: true });
    try {
      const client = new DhcpClient(site.socket, options, timing);
      const { terms, mac, since } = await client.acquire(signal);
      const record = {
        boot: store.boot,
        containerId,
        network,
        ifname,
        netns,
        namespace: site.namespace.id,
        ifindex: site.ifindex,
        options,
        terms,
        mac,
        since,
        created,
      };
      try {
        signal.throwIfAborted();
        store.save(record);
      } catch (error) {
        client.release(terms, mac);
        throw error;
      }
      const lease = new Lease(record, this.#around, (lost) => this.#forget(lost));
      this.#hold(lease);
      log(
        `${lease.name}: lease acquired: ${terms.address} for ${terms.leaseTime ?? 'ever'} s from ${terms.server}`,
      );
      return resultOf(terms, config.ipam?.priority ?? 0);
    } finally {
      site.close();
    }
  }

  /** Gives the lease of an attachment back; it may have none. */
  async release(args: CommandArguments): Promise<void> {
    const name = clientIdOf(args.containerId, basics.read(parse(args.stdin), '').name, args.ifname);
    this.#acquiring
      .get(name)
      ?.abort(new DhcpError('ERR_DHCP_STATE', 'the lease has been given back meanwhile'));
    await this.#exclusive(name, () => this.#giveBack(name));
  }

  async #giveBack(name: string): Promise<void> {
    const lease = this.#leases.get(name);
    if (lease === undefined) return;
    this.#forget(lease);
    await lease.release();
    this.#around.log(`${name}: lease released: ${lease.record.terms.address}`);
  }

  /** Throws DhcpError `ERR_DHCP_STATE` unless the attachment has its lease, for the addresses of its result. */
  async check(args: CommandArguments): Promise<void> {
    const raw = parse(args.stdin);
    const { name: network, cniVersion } = basics.read(raw, '');
    const name = clientIdOf(args.containerId, network, args.ifname);
    await this.#exclusive(name, async () => {
      const lease = this.#leases.get(name);
      if (lease === undefined) {
        throw new DhcpError('ERR_DHCP_STATE', `dhcp: ${name} has no lease (any more)`);
      }
      try {
        if (!(await this.#isFor(lease, args))) {
          throw new DhcpError('ERR_DHCP_LINK', `another interface has the name "${args.ifname}" now`);
        }
        await lease.check();
      } catch (error) {
        const state = isGone(error) ? 'is not where its lease is for' : 'cannot be looked at';
        const why = error instanceof Error ? error.message : String(error);
        throw new DhcpError('ERR_DHCP_STATE', `dhcp: ${name} ${state}: ${why}`, { cause: error });
      }
      const { address, prefixLength } = lease.record.terms;
      const ips = parsePrevResult(valueAt(raw, 'prevResult'), cniVersion)?.ips;
      if (ips !== undefined && !ips.some((ip) => ip.address === `${address}/${prefixLength}`)) {
        const had = ips.map((ip) => ip.address).join(', ');
        throw new DhcpError(
          'ERR_DHCP_STATE',
          `dhcp: ${name} has a lease for ${address}/${prefixLength}, not for ${had}`,
        );
      }
    });
  }

  /** Gives back what attachments of the network hold that are not valid, unless they are younger than the list of those. */
  async collect(args: CommandArguments): Promise<void> {
    const raw = parse(args.stdin);
    const network = basics.read(raw, '').name;
    const given = attachments.read(raw, '');
    const age = Date.now() - (given['netloom/listed-at'] ?? Date.now());
    const before = now() - Math.max(age, 0) / 1000;
    const valid = new Set(
      given['cni.dev/valid-attachments'].map(({ containerID, ifname }) =>
        clientIdOf(containerID, network, ifname),
      ),
    );
    const stale = [...this.#leases.values()].filter(
      (lease) => lease.record.network === network && lease.record.created < before && !valid.has(lease.name),
    );
    await Promise.all(
      stale.map((lease) =>
        this.#exclusive(lease.name, async () => {
          if (this.#leases.get(lease.name) === lease) await this.#giveBack(lease.name);
        }),
      ),
    );
  }

  /** Ends; leases stay what they are, for the daemon that comes after. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const stop of this.#acquiring.values())
      stop.abort(new DhcpError('ERR_DHCP_STATE', 'the daemon ends'));
    await Promise.allSettled([...this.#tails.values()]);
    await Promise.all([...this.#leases.values()].map((lease) => lease.stop()));
    this.#leases.clear();
  }
}
