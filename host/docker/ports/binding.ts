import { integerIn, object, optional, string } from '../../cni/config.js';

/** A port of a container, and where it is on the host: Docker's own names and order. */
export interface Binding {
  /** 6 TCP, 17 UDP, 132 SCTP. */
  readonly Proto: number;
  readonly IP: string;
  readonly Port: number;
  /** Empty: all of the host's addresses. */
  readonly HostIP: string;
  /** 0: any that is free. */
  readonly HostPort: number;
  /** The last of those to choose from. */
  readonly HostPortEnd: number;
}

const PORTS = 65_535;
const port = optional(integerIn(0, PORTS), 0);

export const bindingShape = object({
  Proto: integerIn(0, 255),
  IP: optional(string, ''),
  Port: integerIn(1, PORTS),
  HostIP: optional(string, ''),
  HostPort: port,
  HostPortEnd: port,
});

/** A binding without its reasons: what is the same twice is published once. */
export function bindingKey({ Proto, HostIP, HostPort, Port }: Binding): string {
  return `${Proto} ${HostIP} ${HostPort} ${Port}`;
}
