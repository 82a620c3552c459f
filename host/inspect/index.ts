/** `netloom/inspect`: the network namespaces of a host, whoever made them. */
export { type CgroupOwner, parseCgroup } from './cgroup.js';
export type { Container, Pod } from './container.js';
export {
  type Contents,
  type DescribedNamespace,
  describe,
  linksByNsid,
  openNetwork,
  readContents,
} from './contents.js';
export { type DanglingName, type Discovery, discover, type SeenNamespace } from './discover.js';
export { InspectError, type Problem } from './errors.js';
export { type ExecuteOptions, executeIn } from './execute.js';
export { type GraphOptions, readGraph } from './graph/build.js';
export { graphDot } from './graph/dot.js';
export { graphHtml } from './graph/html.js';
export type { Graph, GraphEdge, GraphInterface, GraphNamespace, PublishedPort } from './graph/model.js';
export { graphSvg, type PictureOptions } from './graph/svg.js';
export { graphText } from './graph/text.js';
export { type FoundNamespace, type Inventory, type InventoryOptions, inventory } from './inventory.js';
export { type NamespaceLink, NamespaceLinks, type Repair } from './links.js';
export { openFound } from './open.js';
export type { Owner } from './owner.js';
export { ownerText } from './owner-text.js';
export { type Places, placesOf } from './places.js';
export { printable, printableJson, printableLines } from './printable.js';
export { commandOf } from './processes.js';
export type { NamespaceId, Reference } from './reference.js';
export { parseSelector, type ResolveOptions, resolveSelectors, type Selector, select } from './selector.js';
export { type NamespaceTable, readTables, type TableName, type TableOptions, tableNames } from './tables.js';
