import { CniError, errorCodes } from '../../../cni/errors.js';
import {
  type AttachmentRequest,
  definePlugin,
  type GcRequest,
  type Request,
  type Sandbox,
} from '../../../cni/plugin.js';
import type { Interface, Result } from '../../../cni/result.js';
import type { Link } from '../../../network/links.js';
import { requirePrevResult, wrong } from '../../common/check.js';
import { canEnter } from '../../common/sandbox.js';
import { undoing } from '../../common/undo.js';
import { checkAllowed } from './allow-list.js';
import { type LinkSettings, type TuningConfig, tuningOf, tuningShape } from './config.js';
import * as links from './link.js';
import { checkDirectory, type Saved, SavedStates } from './saved.js';
import * as sysctls from './sysctls.js';

type Attached = AttachmentRequest<TuningConfig>;

/** What tells a namespace from a later one at the same path. */
function identity({ namespace }: Sandbox): string {
  const { dev, ino } = namespace.id;
  return `${dev}:${ino}`;
}

/** Is it of this sandbox? The reference's files do not tell. */
function isOfSandbox(saved: Saved, sandbox: Sandbox): boolean {
  return saved.sandbox === undefined || saved.sandbox === identity(sandbox);
}

/** Is it of this interface, and not of an earlier one of that name? */
function isOfLink(saved: Saved, link: Link | undefined): boolean {
  return saved.index === undefined || saved.index === link?.index;
}

/** The result with what has changed about the interface. */
function changed(result: Result, ifname: string, { mac, mtu }: LinkSettings): Result {
  const { interfaces } = result;
  if (interfaces === undefined || (mac === undefined && mtu === undefined)) return result;
  const named = interfaces.filter(({ name }) => name === ifname);
  const inside = named.filter(({ sandbox }) => sandbox);
  const own = new Set<Interface>(inside.length > 0 ? inside : named);
  return {
    ...result,
    interfaces: interfaces.map((one) =>
      own.has(one)
        ? {
            ...one,
            ...(mac === undefined ? {} : { mac }),
            ...(mtu === undefined || one.mtu === undefined ? {} : { mtu }),
          }
        : one,
    ),
  };
}

async function add(request: Attached): Promise<Result> {
  const { config, sandbox, ifname, name: network, log } = request;
  const tuning = tuningOf(request);
  checkAllowed(tuning.sysctls.map(([name]) => name));
  const result = requirePrevResult(request.prevResult);
  const wanted = sysctls.lookUp(sandbox, tuning.sysctls, ifname);
  const link = await sandbox.network.links.find(ifname);
  const changesLink = links.changesLink(tuning.link);
  if (changesLink && link === undefined) throw wrong(`failed to get "${ifname}": Link not found`);
  if (!changesLink && wanted.length === 0) return result;
  const before = {
    link: link === undefined ? {} : links.settingsBefore(link, tuning.link),
    sysctls: sysctls.valuesBefore(wanted),
  };
  const states = new SavedStates(config.dataDir);
  const earlier = states.get(request);
  // of an earlier ADD, or of another tuning in the same list: what was there first is what is to be restored
  const isOwn = earlier?.sandbox !== undefined && isOfSandbox(earlier, sandbox) && isOfLink(earlier, link);
  const kept = isOwn ? earlier : undefined;
  return await undoing(log, async (undo) => {
    // saved first: whatever happens from now on, DEL knows what to restore
    states.put(request, {
      link: { ...before.link, ...kept?.link },
      sysctls: { ...before.sysctls, ...kept?.sysctls },
      network,
      sandbox: identity(sandbox),
      index: link?.index,
    });
    undo.push(() => (kept === undefined ? states.delete(request) : states.put(request, kept)));
    sysctls.apply(sandbox, wanted, undo);
    if (link !== undefined) await links.apply(sandbox.network, link, tuning.link, before.link, undo);
    return changed(result, ifname, tuning.link);
  });
}

/** Restores what is saved, as far as it goes: an interface that is to be removed must not be kept by its settings. */
async function remove(request: Attached): Promise<void> {
  const { config, sandbox, ifname, log } = request;
  const states = new SavedStates(config.dataDir);
  const saved = states.get(request);
  let failures = 0;
  const failed = (error: unknown): void => {
    failures++;
    log(`tuning: restoring ${ifname}: ${error instanceof Error ? error.message : String(error)}`);
  };
  if (saved !== undefined && canEnter(request) && isOfSandbox(saved, sandbox)) {
    const link = await sandbox.network.links.find(ifname);
    if (link !== undefined && isOfLink(saved, link)) {
      await links.restore(sandbox.network, link.index, saved.link, failed);
    }
    sysctls.restore(sandbox, saved.sysctls, failed);
  }
  if (failures === 0) states.delete(request);
}

async function check(request: Attached): Promise<void> {
  const { sandbox, ifname } = request;
  const tuning = tuningOf(request);
  requirePrevResult(request.prevResult);
  sysctls.check(sysctls.lookUp(sandbox, tuning.sysctls, ifname));
  if (!links.changesLink(tuning.link)) return;
  const link = await sandbox.network.links.find(ifname);
  if (link === undefined) throw wrong(`Cannot find container link ${ifname}`);
  links.check(link, tuning.link);
}

async function gc(request: GcRequest<TuningConfig>): Promise<void> {
  await new SavedStates(request.config.dataDir).collect(request);
}

/** An ADD fails on a list that forbids what the network wants, and where nothing can be saved. */
async function status(request: Request<TuningConfig>): Promise<void> {
  const names = tuningOf({ ...request, args: '' }).sysctls.map(([name]) => name);
  for (const name of names) sysctls.pathsOf(name, 'eth0');
  try {
    checkAllowed(names);
    checkDirectory(request.config.dataDir);
  } catch (cause) {
    if (!(cause instanceof CniError)) throw cause;
    throw new CniError(errorCodes.pluginNotAvailable, cause.msg, cause.details, { cause });
  }
}

/** tuning: sysctls of the container's network, and settings of its interface. */
export const tuning = definePlugin<TuningConfig>({
  type: 'tuning',
  config: tuningShape,
  configError: 'failed to load netconf',
  add,
  delete: remove,
  check,
  gc,
  status,
});
