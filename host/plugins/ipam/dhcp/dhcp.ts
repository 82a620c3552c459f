import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CniError, errorCodes } from '../../../cni/errors.js';
import { type AttachmentRequest, definePlugin, type GcRequest, type Request } from '../../../cni/plugin.js';
import type { Result } from '../../../cni/result.js';
import { clientIdOf, clientOptions, type DhcpConfig, defaultSocketPath, dhcpShape } from './config.js';
import { callDaemon, DaemonError, findDaemon } from './rpc-client.js';
import type { LeaseStore } from './store.js';
import { type CommandArguments, type Method, readResult } from './wire.js';

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

type IsStale = (lease: { readonly containerId: string; readonly ifname: string }) => boolean;

/** Gives back leases of the network in place of a daemon that does not run. */
async function releaseStale(
  request: Request<DhcpConfig>,
  store: LeaseStore,
  isStale: IsStale,
): Promise<void> {
  const { releaseRecord } = await import('./lease.js');
  const { defaultTiming } = await import('./timing.js');
  const log = (message: string): void => request.log(`dhcp: ${message}`);
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

/** ms to wait for the leases while another process has them: a daemon that starts, or one more DEL. */
const PATIENCE = 10_000;
const POLL = 50;

/** Has the daemon give leases back, or does so where none runs. */
async function giveBack(
  request: Request<DhcpConfig>,
  method: Method,
  args: CommandArguments,
  isStale: IsStale,
): Promise<void> {
  const socketPath = socketPathOf(request.config);
  for (const deadline = performance.now() + PATIENCE; ; ) {
    try {
      await callDaemon(socketPath, method, args, request.signal);
      return;
    } catch (error) {
      if (!isDown(error)) throw error;
    }
    const { LeaseStore: Store, leaseDirectory } = await import('./store.js');
    const directory = leaseDirectory(socketPath);
    if (!existsSync(directory)) return;
    try {
      await releaseStale(request, Store.open(directory), isStale);
      return;
    } catch (error) {
      const { code } = error as { readonly code?: unknown };
      if (code !== 'ERR_DHCP_STATE' || performance.now() > deadline) throw error;
    }
    await pause(POLL, undefined, { ...(request.signal && { signal: request.signal }) });
  }
}

async function remove(request: AttachmentRequest<DhcpConfig>): Promise<void> {
  const isStale: IsStale = ({ containerId, ifname }) =>
    containerId === request.containerId && ifname === request.ifname;
  try {
    await giveBack(request, 'DHCP.Release', argumentsOf(request), isStale);
  } catch (error) {
    throw internal(error);
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
  const { validAttachments, calledAt, rawConfig, path, args } = request;
  const stdin = JSON.stringify({
    ...rawConfig,
    'cni.dev/valid-attachments': validAttachments,
    // the daemon tells by it which leases are younger than the list
    'netloom/listed-at': Math.floor(calledAt),
  });
  const valid = new Set(validAttachments.map(({ containerID, ifname }) => `${containerID}/${ifname}`));
  try {
    await giveBack(
      request,
      'DHCP.GC',
      { containerId: '', netns: '', ifname: '', args, path: path.join(':'), stdin },
      ({ containerId, ifname }) => !valid.has(`${containerId}/${ifname}`),
    );
  } catch (error) {
    if (!isUnknown(error)) throw internal(error);
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
