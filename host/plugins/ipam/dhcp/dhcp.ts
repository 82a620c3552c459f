import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { CniError, errorCodes } from '../../../cni/errors.js';
import { type AttachmentRequest, definePlugin, type GcRequest, type Request } from '../../../cni/plugin.js';
import type { Result } from '../../../cni/result.js';
import { clientIdOf, clientOptions, type DhcpConfig, defaultSocketPath, dhcpShape } from './config.js';
import { callDaemon, DaemonError, findDaemon } from './rpc-client.js';
import type { LeaseStore } from './store.js';
import { type CommandArguments, readResult } from './wire.js';

function socketPathOf(config: DhcpConfig): string {
  return config.ipam?.daemonSocketPath || defaultSocketPath;
}

function argumentsOf(request: AttachmentRequest<DhcpConfig>): CommandArguments {
  const { containerId, ifname, args, path, rawConfig, sandbox } = request;
  return {
    containerId,
    ifname,
    args,
    // the daemon's working directory is another
    netns: sandbox.path === '' ? '' : resolve(sandbox.path),
    path: path.join(':'),
    stdin: JSON.stringify(rawConfig),
  };
}

function internal(error: unknown): unknown {
  if (!(error instanceof DaemonError)) return error;
  return new CniError(errorCodes.internal, error.message, '', { cause: error });
}

async function add(request: AttachmentRequest<DhcpConfig>): Promise<Result> {
  const { config, containerId, name, ifname } = request;
  // what is wrong with the config is said here, with its code; the daemon only has texts
  clientOptions(config, clientIdOf(containerId, name, ifname), request.args);
  try {
    const reply = await callDaemon(
      socketPathOf(config),
      'DHCP.Allocate',
      argumentsOf(request),
      request.signal,
    );
    return readResult(reply);
  } catch (error) {
    throw internal(error);
  }
}

/** Is there no daemon at all? One that hears nothing may still have the lease. */
function isDown(error: unknown): error is DaemonError {
  return error instanceof DaemonError && ['ENOENT', 'ECONNREFUSED'].includes(error.errno ?? '');
}

/** Does for a daemon that does not run what concerns its leases. Throws `unreachable` when it runs after all. */
async function inItsPlace(
  request: Request<DhcpConfig>,
  unreachable: DaemonError,
  isStale: (lease: { readonly containerId: string; readonly ifname: string }) => boolean,
): Promise<void> {
  const { LeaseStore: Store, leaseDirectory } = await import('./store.js');
  const directory = leaseDirectory(socketPathOf(request.config));
  if (!existsSync(directory)) return;
  const { releaseRecord } = await import('./lease.js');
  const { defaultTiming } = await import('./timing.js');
  const log = (message: string): void => request.log(`dhcp: ${message}`);
  let store: LeaseStore;
  try {
    store = Store.open(directory);
  } catch (error) {
    log(error instanceof Error ? error.message : String(error));
    throw internal(unreachable);
  }
  try {
    for (const lease of store.load(log)) {
      if (lease.network !== request.name || !isStale(lease)) continue;
      await releaseRecord(lease, { hostPrefix: '', timing: defaultTiming, log });
      store.remove(lease);
    }
  } finally {
    store.close();
  }
}

async function remove(request: AttachmentRequest<DhcpConfig>): Promise<void> {
  try {
    await callDaemon(socketPathOf(request.config), 'DHCP.Release', argumentsOf(request), request.signal);
  } catch (error) {
    if (!isDown(error)) throw internal(error);
    await inItsPlace(
      request,
      error,
      ({ containerId, ifname }) => containerId === request.containerId && ifname === request.ifname,
    );
  }
}

/** The reference's daemon does not know what only ours does. */
function isUnknown(error: unknown): boolean {
  return error instanceof DaemonError && error.message.includes("rpc: can't find ");
}

async function check(request: AttachmentRequest<DhcpConfig>): Promise<void> {
  const socketPath = socketPathOf(request.config);
  const args = argumentsOf(request);
  try {
    await callDaemon(socketPath, 'DHCP.Check', args, request.signal);
  } catch (error) {
    if (!isUnknown(error)) throw internal(error);
    try {
      await callDaemon(socketPath, 'DHCP.Allocate', args, request.signal);
    } catch (second) {
      throw internal(second);
    }
  }
}

/** Gives back the leases of attachments that the runtime does not know any more. */
async function gc(request: GcRequest<DhcpConfig>): Promise<void> {
  const { validAttachments, rawConfig, path, args } = request;
  const stdin = JSON.stringify({ ...rawConfig, 'cni.dev/valid-attachments': validAttachments });
  try {
    await callDaemon(
      socketPathOf(request.config),
      'DHCP.GC',
      { containerId: '', netns: '', ifname: '', args, path: path.join(':'), stdin },
      request.signal,
    );
  } catch (error) {
    if (isUnknown(error)) return;
    if (!isDown(error)) throw internal(error);
    const valid = new Set(validAttachments.map(({ containerID, ifname }) => `${containerID}/${ifname}`));
    await inItsPlace(request, error, ({ containerId, ifname }) => !valid.has(`${containerId}/${ifname}`));
  }
}

/** Throws CniError 50 when no daemon answers. */
async function status(request: Request<DhcpConfig>): Promise<void> {
  try {
    await findDaemon(socketPathOf(request.config), request.signal);
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error;
    throw new CniError(errorCodes.pluginNotAvailable, error.message, '', { cause: error });
  }
}

/**
 * dhcp: addresses of DHCP servers, from a daemon that keeps their leases; the reference's daemon will do as well.
 * https://www.cni.dev/plugins/current/ipam/dhcp/
 */
export const dhcp = definePlugin<DhcpConfig>({
  type: 'dhcp',
  config: dhcpShape,
  usesNetwork: false,
  add,
  delete: remove,
  check,
  gc,
  status,
  main: async (args) => {
    const { runDaemon } = await import('./server.js');
    if (args[0] === 'daemon') await runDaemon(args.slice(1));
    else {
      process.stderr.write('the only argument that dhcp knows is daemon\n');
      process.exitCode = 2;
    }
  },
});
