import { DhcpClient, type Grant } from './client.js';
import { clientIdOf } from './config.js';
import { DhcpError } from './errors.js';
import { isGone, Site } from './site.js';
import type { LeaseRecord, LeaseStore } from './store.js';
import { now, type Timing, until } from './timing.js';

/** What leases need of their daemon. */
export interface Surroundings {
  /** Goes before paths of namespaces. */
  readonly hostPrefix: string;
  readonly timing: Timing;
  readonly store: LeaseStore;
  log(message: string): void;
}

/** s; RFC 2131 section 4.4.5: between two attempts to renew. */
const LEAST_PAUSE = 60;

type Stage = 'renewing' | 'rebinding';

/** A lease that is held: renewed in time until it is given back, or lost. */
export class Lease {
  #record: LeaseRecord;
  readonly #around: Surroundings;
  readonly #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();
  readonly #lost: (lease: Lease) => void;

  /** `lost` is called when the lease has ended by itself. */
  constructor(record: LeaseRecord, around: Surroundings, lost: (lease: Lease) => void) {
    this.#record = record;
    this.#around = around;
    this.#lost = lost;
  }

  get record(): LeaseRecord {
    return this.#record;
  }

  get name(): string {
    const { containerId, network, ifname } = this.#record;
    return clientIdOf(containerId, network, ifname);
  }

  /** Starts to look after it. */
  start(): void {
    this.#done = this.#keep(this.#stop.signal).catch((error) => {
      if (!this.#stop.signal.aborted) {
        this.#around.log(`${this.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
  }

  /** Looks after it no more, and leaves it as it is. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the lease is no longer looked after'));
    await this.#done;
  }

  /** Gives it back. Never fails: a server that hears nothing takes the address back when its time is up. */
  async release(): Promise<void> {
    await this.stop();
    await releaseRecord(this.#record, this.#around);
    this.#around.store.remove(this.#record);
  }

  /** Throws DhcpError `ERR_DHCP_LINK`, NamespaceError or NetlinkError when the interface is not what it was. */
  async check(): Promise<void> {
    (await this.#open()).close();
  }

  #open(): Promise<Site> {
    return Site.open(this.#record, this.#around.hostPrefix);
  }

  #log(message: string): void {
    this.#around.log(`${this.name}: ${message}`);
  }

  /** The moment so many seconds into the lease. */
  #at(seconds: number): number {
    return this.#record.since + seconds;
  }

  async #keep(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { leaseTime, renewalTime, rebindingTime } = this.#record.terms;
      if (leaseTime === null || renewalTime === null || rebindingTime === null) return;
      await until(this.#at(renewalTime), signal);
      if (now() >= this.#at(leaseTime)) {
        if ((await this.#again('the lease expired while nobody looked after it', signal)) === 'gone') return;
        continue;
      }
      const kept =
        (await this.#extend('renewing', this.#at(rebindingTime), signal)) ||
        (await this.#extend('rebinding', this.#at(leaseTime), signal));
      if (kept === 'gone') return;
      if (kept === false) {
        await until(this.#at(leaseTime), signal);
        await this.#giveUp('lease expired');
        return;
      }
    }
  }

  /** Tries until `deadline` to get more time. False: nobody has answered. */
  async #extend(stage: Stage, deadline: number, signal: AbortSignal): Promise<boolean | 'gone'> {
    while (now() < deadline) {
      try {
        await this.#ask(stage, deadline, signal);
        return true;
      } catch (error) {
        signal.throwIfAborted();
        if (isGone(error)) {
          this.#log(`what it was for is gone: ${(error as Error).message}`);
          this.#end();
          return 'gone';
        }
        if (error instanceof DhcpError && error.code === 'ERR_DHCP_NAK') {
          return await this.#again(error.message, signal);
        }
        this.#log(`${stage}: ${error instanceof Error ? error.message : String(error)}`);
      }
      const left = deadline - now();
      await until(now() + Math.min(left, Math.max(left / 2, LEAST_PAUSE)), signal);
    }
    return false;
  }

  async #ask(stage: Stage, deadline: number, signal: AbortSignal): Promise<void> {
    const site = await this.#open();
    try {
      const { terms, mac, options } = this.#record;
      const client = new DhcpClient(site.socket, options, this.#around.timing);
      const grant = await client.renew(terms, stage === 'renewing' ? mac : undefined, deadline, signal);
      if (grant.terms.address !== terms.address) {
        throw new DhcpError(
          'ERR_DHCP_LEASE',
          `the server renews ${grant.terms.address} in place of ${terms.address}`,
        );
      }
      this.#renewed(grant, stage === 'renewing' ? 'renewed' : 'rebound');
    } finally {
      site.close();
    }
  }

  #renewed({ terms, mac, since }: Grant, what: string): void {
    this.#record = { ...this.#record, terms, mac, since };
    try {
      this.#around.store.save(this.#record);
    } catch (error) {
      // the lease is held all the same; only a daemon that comes after would renew it too early
      this.#log(`not written down: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#log(`lease ${what}: ${terms.address} for ${terms.leaseTime ?? 'ever'} s from ${terms.server}`);
  }

  /** The lease is over. The same address may be had by asking anew; another one is of no use to the container. */
  async #again(why: string, signal: AbortSignal): Promise<true | 'gone'> {
    this.#log(why);
    const { terms, options } = this.#record;
    try {
      const site = await this.#open();
      try {
        const client = new DhcpClient(site.socket, options, this.#around.timing);
        const grant = await client.regain(terms.address, signal);
        if (grant.terms.address === terms.address) {
          this.#renewed(grant, 'acquired again');
          return true;
        }
        client.release(grant.terms, grant.mac);
        this.#log(`the server has only ${grant.terms.address} in place of ${terms.address}`);
      } finally {
        site.close();
      }
    } catch (error) {
      signal.throwIfAborted();
      this.#log(error instanceof Error ? error.message : String(error));
    }
    await this.#giveUp('lease lost');
    return 'gone';
  }

  /** The address may not be used any more, and only the runtime can take it away: so nothing passes the interface. */
  async #giveUp(why: string): Promise<void> {
    this.#log(`${why}, bringing interface DOWN`);
    try {
      const site = await this.#open();
      try {
        await site.network.links.change(site.ifindex, { up: false });
      } finally {
        site.close();
      }
    } catch (error) {
      this.#log(error instanceof Error ? error.message : String(error));
    }
    this.#end();
  }

  #end(): void {
    this.#around.store.remove(this.#record);
    this.#lost(this);
  }
}

/** Tells the server of a lease that it is over, if what it was for is still there. */
export async function releaseRecord(
  record: LeaseRecord,
  { hostPrefix, timing, log }: Pick<Surroundings, 'hostPrefix' | 'timing' | 'log'>,
): Promise<void> {
  try {
    const site = await Site.open(record, hostPrefix);
    try {
      new DhcpClient(site.socket, record.options, timing).release(record.terms, record.mac);
    } finally {
      site.close();
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log(`${clientIdOf(record.containerId, record.network, record.ifname)}: not released: ${why}`);
  }
}
