import { anything } from '../../../host/cni/config.js';
import { CniError } from '../../../host/cni/errors.js';
import { definePlugin, type Plugin, type Request } from '../../../host/cni/plugin.js';

// biome-ignore lint/suspicious/noExplicitAny: what was seen is compared loosely
export type Seen = [type: string, operation: string, raw: any];

/** What a plugin is to do in an operation, beside noting it. */
export type Behaviour = (operation: string, request: Request<unknown>) => Promise<void> | void;

export interface Recorders {
  readonly bundled: (type: string) => Plugin | undefined;
  readonly seen: Seen[];
}

/** Plugins that note what they are asked, and add an interface of their name and an address to the result. */
export function recorders(behaviours: Readonly<Record<string, Behaviour>>): Recorders {
  const seen: Seen[] = [];
  const plugins = Object.entries(behaviours).map(([type, behave]) => {
    const note =
      (operation: string) =>
      async (request: Request<unknown>): Promise<void> => {
        seen.push([type, operation, request.rawConfig]);
        await behave(operation, request);
      };
    return definePlugin<unknown>({
      type,
      config: anything,
      usesNetwork: false,
      add: async (request) => {
        await note('ADD')(request);
        const { interfaces = [], ips = [] } = request.prevResult ?? {};
        const { ifname, sandbox } = request;
        return {
          interfaces: [
            ...interfaces,
            { name: type },
            { name: ifname, sandbox: sandbox.path, mac: '02:00:00:00:00:01' },
          ],
          ips: [...ips, { address: '10.1.2.3/24', gateway: '10.1.2.1', interface: interfaces.length + 1 }],
          dns: { nameservers: ['10.1.2.1', type], search: ['cluster.local'] },
          routes: [{ dst: '0.0.0.0/0', gw: '10.1.2.1' }],
        };
      },
      delete: note('DEL'),
      check: note('CHECK'),
      gc: note('GC'),
      status: note('STATUS'),
    });
  });
  return { bundled: (type) => plugins.find((plugin) => plugin.type === type), seen };
}

/** One that fails in an operation. */
export const failing =
  (...operations: string[]): Behaviour =>
  (operation) => {
    if (operations.includes(operation)) throw new CniError(123, `${operation} fails`, 'on purpose');
  };

export const nothing: Behaviour = () => undefined;

/** What was asked, in order: `ADD bridge`. */
export function operations(seen: readonly Seen[]): string[] {
  return seen.map(([type, operation]) => `${operation} ${type}`);
}
