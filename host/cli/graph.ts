import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { extname } from 'node:path';
import { stderr, stdout } from 'node:process';
import {
  type Graph,
  graphDot,
  graphHtml,
  graphSvg,
  graphText,
  printableJson,
  readGraph,
  resolveSelectors,
} from '../inspect/index.js';
import { complaints } from './complaints.js';
import { withProgress } from './progress.js';

export type GraphFormat = 'text' | 'json' | 'dot' | 'svg' | 'html';

export interface GraphCommandOptions {
  readonly format?: GraphFormat;
  readonly json?: boolean;
  readonly output?: string;
  readonly title?: string;
  readonly engines?: boolean;
}

/** Version of the JSON's shape; additions do not change it. */
const SCHEMA_VERSION = 1;

const endings: Readonly<Record<string, GraphFormat>> = {
  '.json': 'json',
  '.dot': 'dot',
  '.gv': 'dot',
  '.svg': 'svg',
  '.html': 'html',
  '.htm': 'html',
};

function formatOf({ format, json, output }: GraphCommandOptions): GraphFormat {
  return format ?? (json ? 'json' : (endings[extname(output ?? '').toLowerCase()] ?? 'text'));
}

const writers: Readonly<Record<GraphFormat, (graph: Graph, title: string) => string>> = {
  text: (graph) => graphText(graph),
  json: (graph) => printableJson(JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...graph })),
  dot: (graph) => graphDot(graph),
  svg: (graph, title) => graphSvg(graph, { title }),
  html: (graph, title) => graphHtml(graph, { title }),
};

/** `netloom graph`: prints or writes the picture, and tells what is missing from it. */
export async function graphCommand(texts: readonly string[], options: GraphCommandOptions): Promise<void> {
  const { output, title = `Network namespaces of ${hostname()}`, engines = true } = options;
  const work = async (): Promise<Graph> => {
    if (texts.length === 0) return await readGraph({ engines });
    const chosen = await resolveSelectors(texts);
    return await readGraph({ engines, only: new Set(chosen.map(({ id }) => id.inode)) });
  };
  const graph = await withProgress('Reading namespaces', work());
  const format = formatOf(options);
  const text = `${writers[format](graph, title)}\n`;
  if (output === undefined) stdout.write(text);
  else writeFileSync(output, text);
  if (format === 'json') return;
  for (const complaint of complaints(graph.problems)) stderr.write(`netloom: ${complaint}\n`);
}
