import { valueAt } from '../../../cni/config.js';
import { CniError, errorCodes } from '../../../cni/errors.js';
import { type AttachmentRequest, definePlugin, type GcRequest, type Request } from '../../../cni/plugin.js';
import type { Result } from '../../../cni/result.js';
import { wrong } from '../../common/check.js';
import { garbageOf, isYounger } from '../../common/garbage.js';
import { everyStep } from '../../common/undo.js';
import {
  type DelegateConfig,
  dataDirOf,
  delegateConfig,
  type FlannelConfig,
  flannelShape,
  subnetOf,
} from './config.js';
import { type Saved, Scratch } from './scratch.js';
import { checkBridge } from './stale-bridge.js';

type Attachment = AttachmentRequest<FlannelConfig>;
type Json = Record<string, unknown>;

/** What a saved config is called with later: the version is that of the call, which its result is in. */
function now(saved: DelegateConfig, rawConfig: Readonly<Json>, ...keys: readonly string[]): DelegateConfig {
  const given = keys.flatMap((key) => {
    const value = valueAt(rawConfig as Json, key);
    return value === undefined ? [] : [[key, value]];
  });
  return { ...saved, ...Object.fromEntries(given) };
}

async function add(request: Attachment): Promise<Result> {
  const { config, containerId, ifname } = request;
  const delegate = delegateConfig(request, subnetOf(config));
  // before anything is made: a process that is killed leaves what DEL needs
  const takeBack = new Scratch(dataDirOf(config)).save({ containerId, ifname }, delegate);
  try {
    return await request.execute(delegate.type, { config: delegate });
  } catch (error) {
    takeBack();
    throw error;
  }
}

/** The config of a file that makes no sense, as it may have been; undefined when that cannot be told. */
function guess(request: Attachment): DelegateConfig | undefined {
  try {
    return delegateConfig(request, subnetOf(request.config));
  } catch (error) {
    request.log(`flannel: ${(error as Error).message}`);
    return undefined;
  }
}

async function remove(request: Attachment): Promise<void> {
  const { config, rawConfig } = request;
  const scratch = new Scratch(dataDirOf(config));
  scratch.removeDraft(request);
  const saved = scratch.find(request);
  // never added, or deleted before
  if (saved === undefined) return;
  if (saved.config === undefined) request.log(`flannel: ${saved.path} is no delegate's config`);
  const delegate = saved.config ?? guess(request);
  if (delegate !== undefined) {
    await request.execute(delegate.type, { config: now(delegate, rawConfig, 'cniVersion', 'prevResult') });
  }
  // only now: a DEL that failed is tried again
  scratch.remove(saved);
}

async function check(request: Attachment): Promise<void> {
  const { config, rawConfig, containerId } = request;
  const saved = new Scratch(dataDirOf(config)).find(request);
  if (saved?.config === undefined) {
    throw wrong(`flannel: no delegate's config of container ${containerId} in ${dataDirOf(config)}`);
  }
  const delegate = now(saved.config, rawConfig, 'cniVersion', 'prevResult');
  await request.execute(delegate.type, { config: delegate });
}

/** The delegate's config by now, and those of stale attachments where they are others: each once. */
function garbageConfigs(request: GcRequest<FlannelConfig>, stale: readonly Saved[]): DelegateConfig[] {
  const found = new Map<string, DelegateConfig>();
  const note = (given: DelegateConfig): void => {
    // what one attachment asked for does not concern the others
    const { runtimeConfig: _runtimeConfig, ...config } = given;
    const { cniVersion } = request;
    const whole = { ...config, cniVersion } as unknown as DelegateConfig;
    found.set(JSON.stringify(whole), whole);
  };
  let subnet: ReturnType<typeof subnetOf> | undefined;
  try {
    subnet = subnetOf(request.config);
  } catch (error) {
    // what is garbage can be told without
    request.log(`flannel: ${(error as Error).message}`);
  }
  note(delegateConfig(request, subnet));
  for (const { config } of stale) if (config !== undefined) note(config);
  return [...found.values()];
}

async function gc(request: GcRequest<FlannelConfig>): Promise<void> {
  const { config, name } = request;
  const scratch = new Scratch(dataDirOf(config));
  const all = scratch
    .list()
    .filter((saved) => saved.config?.name === name && !isYounger(request, saved.time));
  const key = (containerId: string, ifname: string): string => `${containerId}:${ifname}`;
  const stale = [
    ...(await garbageOf(
      request,
      () => all,
      ({ containerId, ifname }) => (ifname === undefined ? undefined : key(containerId, ifname)),
      ({ containerID, ifname }) => key(containerID, ifname),
    )),
    // the reference's are one for each container
    ...(await garbageOf(
      request,
      () => all,
      ({ containerId, ifname }) => (ifname === undefined ? containerId : undefined),
      ({ containerID }) => containerID,
    )),
  ];
  const { validAttachments } = request;
  const lists = {
    'cni.dev/valid-attachments': validAttachments,
    'cni.dev/attachments': validAttachments,
    'netloom/listed-at': Math.floor(request.calledAt),
  };
  await everyStep(
    ...garbageConfigs(request, stale).map(
      (delegate) => () => request.execute(delegate.type, { config: { ...delegate, ...lists } }),
    ),
  );
  for (const saved of stale) scratch.remove(saved);
}

/** Throws CniError 50 without a subnet, 51 when the bridge still is another subnet's, and what the delegate says. */
async function status(request: Request<FlannelConfig>): Promise<void> {
  const { config } = request;
  const subnet = subnetOf(config, errorCodes.pluginNotAvailable);
  const delegate = delegateConfig(request, subnet);
  await checkBridge(request.host, delegate, subnet);
  try {
    await request.execute(delegate.type, { config: delegate });
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new CniError(error.number, `delegate ${delegate.type}: ${error.msg}`, error.details, {
      cause: error,
    });
  }
}

/**
 * flannel: has another plugin, `bridge` by default, attach containers to the subnet that flanneld has for this host.
 * https://github.com/flannel-io/cni-plugin
 */
export const flannel = definePlugin<FlannelConfig>({
  type: 'flannel',
  config: flannelShape,
  configError: 'failed to load netconf',
  add,
  delete: remove,
  check,
  gc,
  status,
});
