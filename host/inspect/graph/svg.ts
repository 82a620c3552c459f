import { type Card, metrics, type Row } from './card.js';
import { colours } from './colours.js';
import { type Layout, layOut, type Placed, type Wire } from './layout.js';
import type { Graph } from './model.js';

export interface PictureOptions {
  /** What stands above. */
  readonly title: string;
}

/** Text for XML; characters that it cannot hold become blanks. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/g, ' ');
}

const sans = "Inter, 'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', 'DejaVu Sans', sans-serif";
const mono = "'JetBrains Mono', 'SF Mono', Consolas, 'Liberation Mono', 'DejaVu Sans Mono', monospace";

const light = `
.page{fill:#f6f8fb}.card{fill:#fff;stroke:#d5dce6}.shade{fill:#0f172a;opacity:.06}
.name{fill:#0f172a}.soft{fill:#5b6779}.badge{fill:#eef2f7}.badgeText{fill:#475569}.rule{stroke:#cbd5e1}
.down .name{fill:#7c8798}.heading{fill:#0f172a}.portBox{fill:#fff4ea}.portText{fill:#9a3412}.knob{fill:#fff}`;

const dark = `
.page{fill:#0d1420}.card{fill:#172132;stroke:#2b3a50}.shade{fill:#000;opacity:.25}
.name{fill:#e8eef7}.soft{fill:#9fb0c6}.badge{fill:#243248}.badgeText{fill:#b8c6d9}.rule{stroke:#3c4d66}
.down .name{fill:#7f8fa6}.heading{fill:#e8eef7}.portBox{fill:#3a2416}.portText{fill:#fdba74}.knob{fill:#172132}
.wire.veth{stroke:#8ea0b8}.knobs.veth{stroke:#8ea0b8}`;

const style = `
text{font-family:${sans}}.mono{font-family:${mono}}
.title{font-size:13px;font-weight:600;fill:#fff}.subtitle{font-size:11px;fill:#fff;fill-opacity:.85}
.name{font-size:12px}.addr{font-size:11px}.badgeText{font-size:10px}.heading{font-size:16px;font-weight:600}.legend{font-size:11px;font-weight:400}
.wire{fill:none;stroke-width:1.7}.wire.veth{stroke:${colours.veth}}
.wire.lower{stroke:${colours.lower};stroke-dasharray:6 4}.wire.published{stroke:${colours.published};stroke-dasharray:2 4;stroke-width:1.5}
.knobs{stroke-width:1.7}.knobs.veth{stroke:${colours.veth}}.knobs.lower{stroke:${colours.lower}}.knobs.published{stroke:${colours.published}}
.dot.up{fill:#16a34a}.dot.down{fill:none;stroke:#94a3b8;stroke-width:1.5}.rule{fill:none;stroke-width:1.2}
${light}
@media (prefers-color-scheme: dark){${dark}}`;

const HEADER = 56;
const LEGEND = 40;

function rowSvg(row: Row, width: number): string {
  const { padding, indent, line, subline } = metrics;
  const x = padding + row.depth * indent;
  const baseline = row.y + line / 2 + 4;
  const out: string[] = [];
  let at = x + 16;
  if (row.isPort) {
    out.push(
      `<rect class="portBox" x="${padding - 6}" y="${row.y + 2}" width="${width - 2 * padding + 12}" height="${line - 4}" rx="5"/>`,
    );
    at = padding;
  } else out.push(`<circle class="dot ${row.state}" cx="${x + 5}" cy="${row.y + line / 2}" r="4"/>`);
  out.push(
    `<text class="${row.isPort ? 'portText' : ''} name mono" x="${at}" y="${baseline}">${escaped(row.name)}</text>`,
  );
  at += row.name.length * metrics.name + 8;
  if (row.kind !== '') {
    const badge = row.kind.length * metrics.badge + 12;
    out.push(
      `<rect class="badge" x="${at}" y="${row.y + 4.5}" width="${badge}" height="15" rx="7.5"/>`,
      `<text class="badgeText" x="${at + badge / 2}" y="${baseline - 0.5}" text-anchor="middle">${escaped(row.kind)}</text>`,
    );
  }
  if (row.beside !== '') {
    out.push(
      `<text class="${row.isPort ? 'portText' : 'soft'} addr mono" x="${width - padding}" y="${baseline}" text-anchor="end">${escaped(row.beside)}</text>`,
    );
  }
  row.below.forEach((text, i) => {
    const y = row.y + line + i * subline + 10;
    out.push(
      `<text class="soft addr mono" x="${width - padding}" y="${y}" text-anchor="end">${escaped(text)}</text>`,
    );
  });
  return `<g class="row ${row.state}" data-row="${escaped(row.id)}">${out.join('')}</g>`;
}

/** Lines from what others belong to, down to each of them. */
function rules({ rows }: Card): string {
  const { padding, indent, line } = metrics;
  return rows
    .flatMap((row) => {
      const parent = rows.find(({ id }) => id === row.parent);
      if (parent === undefined) return [];
      const x = padding + parent.depth * indent + 5;
      const y = row.y + line / 2;
      return [`<path class="rule" d="M${x} ${parent.y + line / 2 + 6}V${y - 5}q0 5 5 5H${x + indent - 6}"/>`];
    })
    .join('');
}

function cardSvg({ card, x, y }: Placed): string {
  const { id, width, height, title, subtitle, header, colour, rows, rowsAt, problem } = card;
  const { padding } = metrics;
  const low = header === metrics.lowHeader;
  const body =
    problem === undefined
      ? `${rules(card)}${rows.map((row) => rowSvg(row, width)).join('')}`
      : `<text class="soft addr mono" x="${padding}" y="16">${escaped(problem)}</text>`;
  return [
    `<g class="ns" data-ns="${escaped(id)}" data-text="${escaped(`${title} ${subtitle}`.toLowerCase())}" transform="translate(${x} ${y})">`,
    `<rect class="shade" x="0" y="2" width="${width}" height="${height}" rx="10"/>`,
    `<rect class="card" width="${width}" height="${height}" rx="10"/>`,
    `<path fill="${colour}" d="M0 10a10 10 0 0 1 10-10H${width - 10}a10 10 0 0 1 10 10V${header}H0z"/>`,
    `<title>${escaped(`${title}: ${subtitle}`)}</title>`,
    `<text class="title" x="${padding}" y="${low ? 18.5 : 20}">${escaped(title)}</text>`,
    low ? '' : `<text class="subtitle" x="${padding}" y="36">${escaped(subtitle)}</text>`,
    `<g transform="translate(0 ${rowsAt})">${body}</g></g>`,
  ].join('');
}

function wireSvg({ kind, from, to, path, ends }: Wire): string {
  const data = `data-from="${escaped(from)}" data-to="${escaped(to)}"`;
  const knobs = ends
    .map(([x, y]) => `<circle class="knob knobs ${kind}" cx="${x}" cy="${y}" r="3.2"/>`)
    .join('');
  return `<g class="link" ${data}><path class="wire ${kind}" d="${path}"/>${knobs}</g>`;
}

const legendItems = [
  ['veth', 'veth pair'],
  ['lower', 'made on (macvlan, vlan, vxlan)'],
  ['published', 'published port'],
] as const;

function legend(wires: readonly Wire[], y: number): string {
  let x = 32;
  return legendItems
    .filter(([kind]) => wires.some((wire) => wire.kind === kind))
    .map(([kind, text]) => {
      const item = `<path class="wire ${kind}" d="M${x} ${y}h34"/><text class="soft legend" x="${x + 42}" y="${y + 4}">${text}</text>`;
      x += 76 + text.length * 5.4;
      return item;
    })
    .join('');
}

/** A picture that stands alone: nothing is loaded from anywhere. It follows the reader's choice of light or dark. */
export function graphSvg(graph: Graph, { title }: PictureOptions): string {
  const layout: Layout = layOut(graph);
  const width = Math.max(layout.width, 420);
  const height = HEADER + layout.height + LEGEND;
  const count = graph.namespaces.length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title><style>${style}</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    `<text class="heading" x="32" y="38">${escaped(title)}<tspan class="soft legend" dx="14">${count} network namespace${count === 1 ? '' : 's'}</tspan></text>`,
    `<g transform="translate(0 ${HEADER - 24})"><g class="links">${layout.wires.map(wireSvg).join('\n')}</g>`,
    `<g class="cards">${layout.cards.map(cardSvg).join('\n')}</g></g>`,
    legend(layout.wires, height - 24),
    '</svg>',
  ].join('\n');
}
