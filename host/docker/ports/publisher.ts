import type { Side } from '../../cni/plugin.js';
import { forgetFlows } from '../../plugins/meta/portmap/flows.js';
import { conflict } from '../errors.js';
import type { Firewall } from '../firewall/firewall.js';
import { type BridgeRecord, type Family, familyOf, type Published } from '../firewall/rules.js';
import { type EndpointRecord, linkNames } from '../networks/record.js';
import { type Binding, bindingKey } from './binding.js';
import { hold, type Listener } from './listeners.js';

const SCTP = 132;
const UDP = 17;
const ATTEMPTS = 10;
const FIRST_EPHEMERAL = 49_153;
const LAST_EPHEMERAL = 65_535;

const anyAddress = { ip: '0.0.0.0', ip6: '::' } as const;

function addressIn(endpoint: EndpointRecord, family: Family): string {
  return (family === 'ip' ? endpoint.address : endpoint.address6).split('/')[0] as string;
}

/** Addresses of the host that a binding is on. */
function hostAddresses({ settings }: BridgeRecord, { HostIP }: Binding): string[] {
  if (HostIP !== '') return [HostIP];
  const { ip, ip6 } = settings.hostBinding;
  // who binds to an IPv4 address of choice does not mean all of IPv6
  if (ip !== '' && ip6 === '') return [ip];
  return [ip || anyAddress.ip, ip6 || anyAddress.ip6];
}

/** Ports of the host, their sockets and their rules. */
export class Publisher {
  readonly #host: Side;
  readonly #firewall: Firewall;
  readonly #log: (line: string) => void;
  readonly #held = new Map<string, Listener[]>();
  readonly #sctp = new Map<string, string>();

  constructor(host: Side, firewall: Firewall, log: (line: string) => void) {
    this.#host = host;
    this.#firewall = firewall;
    this.#log = log;
  }

  /** What leads where, as the rules need it. */
  static rulesOf(network: BridgeRecord, endpoint: EndpointRecord): Published[] {
    return endpoint.published.flatMap((binding) => {
      // of networks without translation, the container's own address is what is open
      const family = familyOf(binding.HostIP);
      const target = addressIn(endpoint, family);
      return target === '' ? [] : [{ network, binding, target }];
    });
  }

  /** Publishes an endpoint's ports; returns where they are. All or none. Throws DockerError `ERR_DOCKER_CONFLICT`. */
  async publish(
    network: BridgeRecord,
    endpoint: EndpointRecord,
    wanted: readonly Binding[],
  ): Promise<Binding[]> {
    const listeners: Listener[] = [];
    try {
      const published: Binding[] = [];
      const seen = new Set<string>();
      for (const binding of wanted) {
        if (binding.HostPort !== 0 && seen.has(bindingKey(binding))) continue;
        seen.add(bindingKey(binding));
        published.push(...(await this.#place(network, endpoint, binding, listeners)));
      }
      if (published.some(({ HostIP }) => familyOf(HostIP) === 'ip'))
        // the host's own packets to 127.0.0.1 go out over the bridge
        this.#host.namespace.sysctl.ensure(`net/ipv4/conf/${network.settings.bridge}/route_localnet`, 1);
      // where bridged frames are filtered, a container's way to its own published port turns round in the bridge
      if (published.length > 0)
        await this.#host.network.links.changePort(linkNames(endpoint).host, { mode: 1 });
      await this.#firewall.setPorts(endpoint.id, Publisher.rulesOf(network, { ...endpoint, published }));
      this.#held.set(endpoint.id, listeners);
      await this.#forget(published);
      return published;
    } catch (error) {
      for (const listener of listeners) listener.close();
      throw error;
    }
  }

  /** Takes the ports again that were published before this process began. */
  async resume(network: BridgeRecord, endpoint: EndpointRecord): Promise<void> {
    const listeners: Listener[] = [];
    for (const binding of endpoint.published) {
      try {
        await this.#take(network, endpoint, binding.HostIP, binding.HostPort, binding, listeners);
      } catch (error) {
        this.#log(`endpoint ${endpoint.id}: ${(error as Error).message}`);
      }
    }
    this.#held.set(endpoint.id, listeners);
  }

  /** Idempotent. */
  async revoke(endpoint: EndpointRecord): Promise<void> {
    this.#letGo(endpoint.id);
    if (endpoint.published.length === 0) return;
    await this.#firewall.setPorts(endpoint.id, []);
    await this.#forget(endpoint.published);
  }

  close(): void {
    for (const id of [...this.#held.keys()]) this.#letGo(id);
  }

  #letGo(id: string): void {
    for (const listener of this.#held.get(id) ?? []) listener.close();
    this.#held.delete(id);
    for (const [key, owner] of this.#sctp) if (owner === id) this.#sctp.delete(key);
  }

  /** Puts one binding on a port that is free on all of its addresses. */
  async #place(
    network: BridgeRecord,
    endpoint: EndpointRecord,
    binding: Binding,
    listeners: Listener[],
  ): Promise<Binding[]> {
    const { HostPort, HostPortEnd, Proto } = binding;
    const addresses = hostAddresses(network, binding);
    const isRouted = (address: string): boolean => network.settings.modes[familyOf(address)] === 'routed';
    const routed = addresses
      .filter(isRouted)
      .map((HostIP) => ({ ...binding, HostIP, HostPort: 0, HostPortEnd: 0 }));
    const translated = addresses.filter((address) => !isRouted(address));
    if (translated.length === 0) return routed;
    const last = Math.max(HostPort, HostPortEnd);
    let failure: unknown;
    for (let attempt = 0; attempt < (HostPort === 0 ? ATTEMPTS : last - HostPort + 1); attempt++) {
      const mine: Listener[] = [];
      let port = HostPort === 0 ? 0 : HostPort + attempt;
      if (port === 0 && Proto === SCTP)
        port = FIRST_EPHEMERAL + Math.floor(Math.random() * (LAST_EPHEMERAL - FIRST_EPHEMERAL));
      try {
        for (const address of translated)
          port = await this.#take(network, endpoint, address, port, binding, mine);
        listeners.push(...mine);
        const placed = translated.map((HostIP) => ({
          ...binding,
          HostIP,
          HostPort: port,
          HostPortEnd: port,
        }));
        return [...routed, ...placed];
      } catch (error) {
        for (const listener of mine) listener.close();
        failure = error;
      }
    }
    throw failure;
  }

  async #take(
    network: BridgeRecord,
    endpoint: EndpointRecord,
    hostIp: string,
    hostPort: number,
    { Proto, Port }: Binding,
    listeners: Listener[],
  ): Promise<number> {
    if (network.settings.modes[familyOf(hostIp)] === 'routed') return hostPort;
    if (Proto === SCTP) {
      const key = `${hostIp} ${hostPort}`;
      const owner = this.#sctp.get(key) ?? endpoint.id;
      if (owner !== endpoint.id)
        throw conflict(`Bind for ${hostIp}:${hostPort} failed: port is already allocated`);
      this.#sctp.set(key, owner);
      return hostPort;
    }
    const family = familyOf(hostIp);
    const address = addressIn(endpoint, family) || addressIn(endpoint, family === 'ip' ? 'ip6' : 'ip');
    const target = { address, port: Port };
    const listener = await hold({ protocol: Proto, hostIp, hostPort, target });
    if (listener === undefined) return hostPort;
    listeners.push(listener);
    return listener.port;
  }

  async #forget(published: readonly Binding[]): Promise<void> {
    const datagrams = published.filter(({ Proto, HostPort }) => Proto === UDP && HostPort !== 0);
    await forgetFlows(
      this.#host,
      datagrams.map(({ HostIP, HostPort, Port }) => ({
        protocol: 'udp',
        hostPort: HostPort,
        containerPort: Port,
        range: 1,
        hostIP: HostIP === anyAddress.ip || HostIP === anyAddress.ip6 ? undefined : HostIP,
        family: familyOf(HostIP),
      })),
      this.#log,
    );
  }
}
