import { CniError, errorCodes } from '../../../cni/errors.js';
import { type AttachmentRequest, definePlugin } from '../../../cni/plugin.js';
import type { IpConfig, Result } from '../../../cni/result.js';
import { NetlinkError } from '../../../netlink/errors.js';
import type { Link } from '../../../network/links.js';
import type { Route, RouteInput } from '../../../network/routes.js';
import type { Rule } from '../../../network/rules.js';
import { requirePrevResult, wrong } from '../../common/check.js';
import { withHostLock } from '../../common/host-lock.js';
import { goesOver, routeCopy } from '../../common/route-copy.js';
import { freeTables, MAIN_TABLE, type Policy, policyOf } from '../../common/tables.js';
import { everyStep, type Undo, undoing } from '../../common/undo.js';
import { gatewaysOf, type SbrConfig, sbrShape } from './config.js';
import { familyOf, leaving, movesFor, sourceHints, sourceOf } from './routes.js';
import { FIRST_TABLE, isOwn, isSourceRule } from './tables.js';

type Request = AttachmentRequest<SbrConfig>;

/** The addresses of a result that are the interface's, each once. */
function relevant({ ifname }: Request, { ips = [], interfaces = [] }: Result): IpConfig[] {
  const own = ips.filter(({ interface: index }) => {
    const entry = index === undefined ? undefined : interfaces[index];
    return entry === undefined || entry.name === ifname;
  });
  const bySource = new Map<string, IpConfig>();
  for (const ip of own) if (!bySource.has(sourceOf(ip))) bySource.set(sourceOf(ip), ip);
  return [...bySource.values()];
}

/** 0 counts as not given, as in the reference. */
function tableOf({ table }: SbrConfig): number | undefined {
  return table === 0 ? undefined : table;
}

function failed(what: string, error: unknown): CniError {
  const reason = error instanceof Error ? error.message : String(error);
  return new CniError(errorCodes.internal, `${what}: ${reason}`, '', { cause: error });
}

async function linkOf({ sandbox, ifname }: Request): Promise<Link> {
  const link = await sandbox.network.links.find(ifname);
  if (link === undefined) throw wrong(`Cannot find network interface ${ifname}: Link not found`);
  return link;
}

/** Adds the rule for an address, unless it is there: the kernel would take it twice. */
async function addRule(
  { sandbox }: Request,
  { rules: present }: Pick<Policy, 'rules'>,
  ip: IpConfig,
  table: number,
  undo: Undo,
): Promise<void> {
  const { rules } = sandbox.network;
  const src = sourceOf(ip);
  if (present.some((rule) => rule.table === table && isSourceRule(rule, src))) return;
  const rule = { src, table };
  try {
    await rules.add(rule);
  } catch (error) {
    throw failed('Failed to add rule', error);
  }
  undo.push(() => rules.delete(rule));
}

/** Rules for addresses to a table whose routes are somebody else's matter. */
async function addRules(
  request: Request,
  ips: readonly IpConfig[],
  table: number,
  undo: Undo,
): Promise<void> {
  const rules = await request.sandbox.network.rules.list();
  for (const ip of ips) await addRule(request, { rules }, ip, table, undo);
}

/** Adds routes, in their order; those that are there already are left as they are. */
async function addRoutes({ sandbox }: Request, inputs: readonly RouteInput[], undo: Undo): Promise<void> {
  const { routes } = sandbox.network;
  for (const input of inputs) {
    try {
      await routes.append(input);
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'EEXIST') continue;
      const { dst = '', gateway } = input;
      const what = dst === 'default' ? `Failed to add default route to ${gateway}` : 'Failed to readd route';
      throw failed(what, error);
    }
    undo.push(() => routes.delete(input));
  }
}

async function deleteRoutes({ sandbox }: Request, gone: readonly Route[], undo: Undo): Promise<void> {
  const { routes } = sandbox.network;
  // pushed before: undone in the order in which they were
  undo.push(async () => {
    for (const route of gone) {
      await routes.append(routeCopy(route)).catch((error: unknown) => {
        if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') throw error;
      });
    }
  });
  for (const route of gone) {
    try {
      await routes.delete(routeCopy(route));
    } catch (error) {
      throw failed('Failed to delete route', error);
    }
  }
}

/** The table that an earlier ADD gave an address of this interface. */
function knownTable(ip: IpConfig, link: Link, policy: Policy): number | undefined {
  const source = sourceOf(ip);
  const owner = { index: link.index, table: undefined, shared: true };
  return policy.rules.find((rule) => isSourceRule(rule, source) && isOwn(rule, owner, policy))?.table;
}

/** A table for each address, with the interface's routes in it instead of in the main one. */
async function moveRoutes(request: Request, ips: readonly IpConfig[], undo: Undo): Promise<void> {
  const { config, sandbox } = request;
  const gateways = gatewaysOf(config);
  const link = await linkOf(request);
  const policy = await policyOf(sandbox.network);
  const own = policy.routes.filter((route) => route.table === MAIN_TABLE && goesOver(route, link.index));
  const tables = freeTables(policy, FIRST_TABLE);
  const taken = new Set<Route>();
  for (const ip of ips) {
    const table = knownTable(ip, link, policy) ?? (tables.next().value as number);
    const moves = movesFor(ip, own, link.index, table, gateways);
    await addRule(request, policy, ip, table, undo);
    await addRoutes(request, moves.added, undo);
    for (const route of moves.taken) taken.add(route);
  }
  const gone = leaving([...taken], config.addSourceHints);
  await deleteRoutes(request, gone, undo);
  if (!config.addSourceHints) return;
  const staying = own.filter((route) => !gone.includes(route));
  for (const hint of sourceHints(ips, staying, link.index)) {
    await addRoutes(request, [hint], undo).catch((error: Error) => request.log(`sbr: ${error.message}`));
  }
}

async function add(request: Request): Promise<Result> {
  const { prevResult, config, sandbox, ifname, log } = request;
  if (prevResult === undefined) {
    throw new CniError(errorCodes.invalidNetworkConfig, 'This plugin must be called as chained plugin');
  }
  gatewaysOf(config);
  const ips = relevant(request, prevResult);
  if (ips.length === 0) {
    throw new CniError(errorCodes.invalidNetworkConfig, `No IP addresses supplied on interface: ${ifname}`);
  }
  const table = tableOf(config);
  // other interfaces of the container look for tables too
  return await withHostLock(sandbox.namespace, () =>
    undoing(log, async (undo) => {
      if (table === undefined) await moveRoutes(request, ips, undo);
      else await addRules(request, ips, table, undo);
      return prevResult;
    }),
  );
}

/** Sources of an interface: addresses that it has, and those that it was given. */
async function sourcesOf(request: Request): Promise<{ index?: number; own: string[]; others: string[] }> {
  const { sandbox, ifname, prevResult } = request;
  const given = prevResult === undefined ? [] : relevant(request, prevResult).map(sourceOf);
  const link = await sandbox.network.links.find(ifname);
  const present = await sandbox.network.addresses.list();
  const of = (mine: boolean): string[] =>
    present.filter(({ index }) => (index === link?.index) === mine).map((address) => sourceOf(address));
  const own = [...new Set([...given, ...of(true)])];
  return { ...(link === undefined ? {} : { index: link.index }), own, others: of(false) };
}

async function removeRules(request: Request): Promise<void> {
  const { sandbox, config } = request;
  const { rules, routes } = sandbox.network;
  const table = tableOf(config);
  const { index, own, others } = await sourcesOf(request);
  const policy = await policyOf(sandbox.network);
  const gone: Rule[] = [];
  for (const source of own) {
    const owner = { index, table, shared: others.includes(source) };
    gone.push(...policy.rules.filter((rule) => isSourceRule(rule, source) && isOwn(rule, owner, policy)));
  }
  const steps: (() => Promise<unknown>)[] = [];
  for (const rule of gone) {
    // routes first: the rule is what tells whose they are. Those of a table that the config names are not ours
    const moved =
      table !== undefined || index === undefined
        ? []
        : policy.routes.filter(
            (route) => route.table === rule.table && route.family === rule.family && goesOver(route, index),
          );
    const { src, priority, family } = rule;
    steps.push(async () => {
      await everyStep(...moved.map((route) => () => routes.delete(routeCopy(route))));
      // it stays where a route does, for the next DEL
      if (src !== undefined) await rules.delete({ src, family, priority, table: rule.table });
    });
  }
  await everyStep(...steps);
}

async function remove(request: Request): Promise<void> {
  const { sandbox } = request;
  if (sandbox.exists) await withHostLock(sandbox.namespace, () => removeRules(request));
}

async function check(request: Request): Promise<void> {
  const { config, sandbox, ifname } = request;
  const ips = relevant(request, requirePrevResult(request.prevResult));
  const { index } = await linkOf(request);
  const policy = await policyOf(sandbox.network);
  const table = tableOf(config);
  const gateways = gatewaysOf(config);
  for (const ip of ips) {
    const source = sourceOf(ip);
    const owner = { index, table, shared: false };
    const rule = policy.rules.find((one) => isSourceRule(one, source) && isOwn(one, owner, policy));
    if (rule === undefined) throw wrong(`no rule found for packets from ${source} of interface ${ifname}`);
    const gateway = gateways[familyOf(ip)];
    if (table !== undefined || (gateway ?? ip.gateway) === undefined) continue;
    const found = policy.routes.some(
      (route) =>
        route.table === rule.table &&
        route.family === rule.family &&
        route.dst === 'default' &&
        goesOver(route, index) &&
        (gateway === undefined || route.gateway === gateway),
    );
    if (!found) {
      throw wrong(`no default route over interface ${ifname} found in table ${rule.table} for ${source}`);
    }
  }
}

/** sbr: packets from an interface's addresses leave by that interface. */
export const sbr = definePlugin<SbrConfig>({
  type: 'sbr',
  config: sbrShape,
  configError: 'failed to load netconf',
  add,
  delete: remove,
  check,
  async status({ host }) {
    try {
      if ((await host.network.rules.list({ family: 'inet' })).length > 0) return;
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
    }
    throw new CniError(errorCodes.pluginNotAvailable, 'this kernel has no policy routing');
  },
});
