import { type NamespaceLink, NamespaceLinks, type Repair } from '../../inspect/index.js';
import { tableText } from '../table.js';

export interface LinkOptions {
  readonly hold?: boolean;
  readonly repair?: boolean;
  readonly json?: boolean;
}

function repairText({ name, outcome, target }: Repair): string {
  switch (outcome) {
    case 'kept':
      return `${name}: leads to ${target} still`;
    case 'repaired':
      return `${name}: leads to ${target} now`;
    case 'removed':
      return `${name}: led nowhere any more, removed`;
  }
}

const row = ({ name, target, selector, state }: NamespaceLink): string[] => [
  name,
  selector ?? '-',
  state,
  target,
];

/** `netloom ns link`: makes a link, repairs all, or lists them. */
export async function linkCommand(
  name: string | undefined,
  selector: string | undefined,
  { hold = false, repair = false, json = false }: LinkOptions,
): Promise<string> {
  const links = new NamespaceLinks();
  if (repair) {
    const repairs = await links.repair(name);
    return json ? JSON.stringify(repairs) : repairs.map(repairText).join('\n');
  }
  if (name === undefined) {
    if (json) return JSON.stringify(links.list());
    return tableText(['NAME', 'SELECTOR', 'STATE', 'TARGET'], links.list().map(row));
  }
  await links.make(name, selector ?? name, { hold });
  return '';
}
