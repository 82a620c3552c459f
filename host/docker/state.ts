import { join } from 'node:path';
import type { Side } from '../cni/plugin.js';
import { conflict, DockerError } from './errors.js';
import { Firewall } from './firewall/firewall.js';
import { passForward } from './firewall/foreign.js';
import { isBridge, type Published } from './firewall/rules.js';
import { BridgeKind } from './networks/bridge.js';
import { ChildKind } from './networks/child.js';
import { CniKind, type CniPlaces } from './networks/cni.js';
import type { NetworkKind } from './networks/kind.js';
import type { EndpointRecord, NetworkRecord } from './networks/record.js';
import { Publisher } from './ports/publisher.js';
import type { Answer } from './protocol.js';
import { Records } from './records.js';
import { Serial } from './serial.js';

export interface StateParts {
  readonly host: Side;
  /** Where records are kept. */
  readonly directory: string;
  readonly cni: CniPlaces;
  readonly log: (line: string) => void;
}

/** Networks and endpoints, and what they are made of. */
export class State {
  readonly networks: Records<NetworkRecord>;
  readonly endpoints: Records<EndpointRecord>;
  readonly publisher: Publisher;
  readonly #host: Side;
  readonly #firewall: Firewall;
  readonly #kinds: Readonly<Record<NetworkRecord['settings']['kind'], NetworkKind>>;
  readonly #serial = new Serial();
  readonly #log: (line: string) => void;

  /** Throws DockerError `ERR_DOCKER_STATE`. */
  constructor({ host, directory, cni, log }: StateParts) {
    this.#host = host;
    this.#log = log;
    this.networks = new Records(join(directory, 'networks'), { durable: true, log });
    this.endpoints = new Records(join(directory, 'endpoints'), { durable: false, log });
    this.#firewall = new Firewall(host);
    this.publisher = new Publisher(host, this.#firewall, log);
    const child = new ChildKind(host);
    this.#kinds = {
      bridge: new BridgeKind(host, this.#firewall, () => this.#bridges()),
      macvlan: child,
      ipvlan: child,
      cni: new CniKind(host, cni, log),
    };
  }

  #bridges(): string[] {
    return this.networks
      .list()
      .filter(isBridge)
      .map(({ settings }) => settings.bridge);
  }

  #kind({ settings }: NetworkRecord): NetworkKind {
    return this.#kinds[settings.kind];
  }

  #others(id: string): NetworkRecord[] {
    return this.networks.list().filter((other) => other.id !== id);
  }

  /** One network is made or removed at a time: they must not overlap. */
  async addNetwork(wanted: NetworkRecord): Promise<void> {
    await this.#serial.run('networks', async () => {
      const known = this.networks.get(wanted.id);
      const kind = this.#kind(wanted);
      const others = this.#others(wanted.id);
      if (known === undefined) await kind.check(wanted, others);
      const adopted = known?.adopted ?? (await kind.exists(wanted, others));
      // known before it is made, so that a crash leaves nothing that nobody removes
      const network = this.networks.put({ ...wanted, adopted, time: known?.time ?? wanted.time });
      try {
        await kind.ensure(network);
      } catch (error) {
        await this.#removeNetwork(network);
        throw error;
      }
    });
  }

  /** What Docker calls it. */
  async nameNetwork(id: string, name: string): Promise<void> {
    await this.#serial.run('networks', async () => {
      const network = this.networks.get(id);
      if (network === undefined || network.name === name) return;
      await this.#kind(network).label(this.networks.put({ ...network, name }));
    });
  }

  /** Idempotent. */
  async removeNetwork(id: string): Promise<Answer> {
    await this.#serial.run('networks', async () => {
      const network = this.networks.get(id);
      if (network === undefined) return;
      for (const endpoint of this.endpoints.list().filter((one) => one.network === id))
        await this.removeEndpoint(endpoint.id);
      await this.#removeNetwork(network);
    });
    return {};
  }

  async #removeNetwork(network: NetworkRecord): Promise<void> {
    await this.#kind(network).remove(network, this.#others(network.id));
    this.networks.delete(network.id);
  }

  #network(id: string): NetworkRecord {
    const network = this.networks.get(id);
    if (network === undefined) throw new DockerError('ERR_DOCKER_UNKNOWN', `unknown network ${id}`);
    return network;
  }

  async addEndpoint(wanted: EndpointRecord): Promise<EndpointRecord> {
    return await this.#serial.run(wanted.id, async () => {
      const network = this.#network(wanted.network);
      const known = this.endpoints.get(wanted.id);
      // asked for once more: the answer is the same
      if (known !== undefined) return known;
      const taken = this.endpoints
        .list()
        .find(
          (one) =>
            one.network === wanted.network &&
            ((wanted.address !== '' && one.address === wanted.address) ||
              (wanted.address6 !== '' && one.address6 === wanted.address6)),
        );
      if (taken !== undefined) throw conflict(`Address already in use: by endpoint ${taken.id}`);
      return this.endpoints.put(await this.#kind(network).addEndpoint(network, wanted));
    });
  }

  /** Runs `work` for a known endpoint, nothing else of it meanwhile. Throws DockerError `ERR_DOCKER_UNKNOWN`. */
  async withEndpoint(
    networkId: string,
    id: string,
    work: (network: NetworkRecord, endpoint: EndpointRecord, kind: NetworkKind) => Promise<Answer>,
  ): Promise<Answer> {
    return await this.#serial.run(id, async () => {
      const network = this.#network(networkId);
      const endpoint = this.endpoints.get(id);
      if (endpoint === undefined || endpoint.network !== networkId)
        throw new DockerError('ERR_DOCKER_UNKNOWN', `unknown endpoint ${id}`);
      return await work(network, endpoint, this.#kind(network));
    });
  }

  /** The container goes; its interface is still in there. Idempotent. */
  async leave(id: string): Promise<void> {
    await this.#serial.run(id, async () => {
      const endpoint = await this.#revoke(id);
      if (endpoint === undefined) return;
      const { sandbox: _left, ...rest } = endpoint;
      this.endpoints.put(rest);
    });
  }

  /** Closes an endpoint's ports. Idempotent. */
  async revoke(id: string): Promise<void> {
    await this.#serial.run(id, () => this.#revoke(id));
  }

  async #revoke(id: string): Promise<EndpointRecord | undefined> {
    const endpoint = this.endpoints.get(id);
    if (endpoint === undefined) return undefined;
    await this.publisher.revoke(endpoint);
    return endpoint.published.length === 0 ? endpoint : this.endpoints.put({ ...endpoint, published: [] });
  }

  /** Idempotent. */
  async removeEndpoint(id: string): Promise<Answer> {
    await this.#serial.run(id, async () => {
      const endpoint = await this.#revoke(id);
      if (endpoint === undefined) return;
      const network = this.networks.get(endpoint.network);
      if (network !== undefined) await this.#kind(network).removeEndpoint(network, endpoint);
      this.endpoints.delete(id);
    });
    return {};
  }

  /**
   * Makes what the records say and the kernel has not (after a restart of the machine, or of this process half-way), and
   * takes the published ports again. What cannot be made is told to the log.
   */
  async restore(): Promise<void> {
    for (const network of this.networks.list()) {
      try {
        await this.#kind(network).ensure(network);
      } catch (error) {
        this.#log(`network ${network.name ?? network.id}: ${(error as Error).message}`);
      }
    }
    const published = new Map<string, Published[]>();
    for (const endpoint of this.endpoints.list()) {
      const network = this.networks.get(endpoint.network);
      if (network === undefined || !isBridge(network)) continue;
      if (endpoint.published.length === 0) continue;
      await this.publisher.resume(network, endpoint);
      published.set(endpoint.id, Publisher.rulesOf(network, endpoint));
    }
    await this.#firewall.rebuild(this.networks.list().filter(isBridge), published);
    await passForward(this.#host, this.#bridges());
  }
}
