import type { Owner } from './owner.js';

/** An owner in a few words; a dash where nobody is known. */
export function ownerText({ kind, name, engine, container, compose, networks = [], pid }: Owner): string {
  switch (kind) {
    case 'host':
      return 'host';
    case 'container':
    case 'pod': {
      const short = container === undefined || container.startsWith(name) ? '' : ` ${container.slice(0, 12)}`;
      const of = compose === undefined ? '' : ` (${compose.project}/${compose.service})`;
      const by = engine === undefined ? '' : kind === 'pod' ? ` (${engine})` : '';
      const on = networks.length === 0 ? '' : ` on ${networks.join(', ')}`;
      return `${kind === 'pod' ? 'pod' : (engine ?? 'container')} ${name}${short}${by}${of}${on}`;
    }
    case 'process':
      return `process ${pid} ${name}`;
    case 'name':
      return '-';
    default:
      return `${kind} ${name}`;
  }
}
