import type { Owner } from '../owner.js';

/** Colours of what connects; they can be told apart on white and on dark blue, and by those who see fewer colours. */
export const colours = {
  veth: '#5b6b82',
  port: '#94a3b8',
  lower: '#0284c7',
  published: '#ea580c',
} as const;

/** The colour of a namespace, by whose it is. */
export function paletteOf({ kind, engine }: Owner): string {
  switch (kind) {
    case 'host':
      return '#334155';
    case 'pod':
      return '#4f46e5';
    case 'container':
      return engine === 'podman' ? '#86198f' : engine === 'docker' ? '#1d63ed' : '#0e7490';
    case 'machine':
      return '#4d7c0f';
    case 'unit':
    case 'cgroup':
      return '#a16207';
    case 'process':
      return '#6b7280';
    case 'name':
      return '#0f766e';
  }
}
