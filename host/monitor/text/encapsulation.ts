import { labelsText } from './route.js';

interface Encapsulated {
  readonly encapType?: unknown;
  readonly encap?: unknown;
}

interface Tunnel {
  readonly id?: number | bigint;
  readonly dst?: string;
  readonly src?: string;
  readonly ttl?: number;
  readonly tos?: number;
  readonly hoplimit?: number;
  readonly tc?: number;
}

/** How a route's packets are wrapped: ` encap ip id 5 src … `; kinds but for mpls, ip and ip6 by their name alone. */
export function encapsulationText({ encapType, encap }: Encapsulated): string {
  if (encapType === undefined || encap === undefined) return '';
  const { id = 0, dst = '', src = '', ttl = 0, tos = 0, hoplimit = 0, tc = 0 } = encap as Tunnel;
  switch (encapType) {
    case 'mpls':
      return ` encap mpls  ${labelsText((encap as { dst?: number[] }).dst ?? [])} ${ttl === 0 ? '' : `ttl ${ttl} `}`;
    case 'ip':
      return ` encap ip id ${id} src ${src} dst ${dst} ttl ${ttl} tos ${tos} `;
    case 'ip6':
      return ` encap ip6 id ${id} src ${src} dst ${dst} hoplimit ${hoplimit} tc ${tc} `;
    default:
      return ` encap ${String(encapType)} `;
  }
}
