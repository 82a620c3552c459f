import { array, object, optional, string } from '../cni/config.js';
import { CniError, errorCodes } from '../cni/errors.js';
import { type Exec, executePlugin, findWith } from '../cni/execution.js';
import type { Plugin } from '../cni/plugin.js';
import { allVersions, currentVersion } from '../cni/version.js';

/** Which versions of the specification a plugin supports. */
export interface PluginVersions {
  readonly type: string;
  /** Its executable; `undefined` of a bundled one. */
  readonly file: string | undefined;
  readonly supported: readonly string[];
}

const shape = object({ cniVersion: optional(string, ''), supportedVersions: optional(array(string), []) });

function supportedBy(output: unknown): readonly string[] {
  const missing = (key: string): CniError =>
    new CniError(errorCodes.decodingFailure, `decoding version info: missing field ${key}`);
  const { cniVersion, supportedVersions } = shape.read(output, 'version info');
  if (cniVersion === '') throw missing('cniVersion');
  if (supportedVersions.length > 0) return supportedVersions;
  // as the library of that version answered
  if (cniVersion === '0.2.0') return ['0.1.0', '0.2.0'];
  throw missing('supportedVersions');
}

/** Asks a plugin with VERSION, unless it is bundled. Throws CniError. */
export async function pluginVersions(
  type: string,
  bundled: Plugin | undefined,
  path: readonly string[],
  signal: AbortSignal | undefined,
  exec?: Exec | undefined,
): Promise<PluginVersions> {
  if (bundled !== undefined) {
    return { type, file: undefined, supported: bundled.versions ?? allVersions };
  }
  const file = await findWith(exec, type, path);
  const nothing = 'dummy'; // old plugins want the variables, whatever they say
  const environment = {
    command: 'VERSION',
    containerId: '',
    netns: nothing,
    ifname: nothing,
    args: '',
    path: nothing,
    netnsOverride: '',
  } as const;
  const stdin = JSON.stringify({ cniVersion: currentVersion });
  try {
    const output = await executePlugin(file, environment, stdin, signal, { exec });
    return { type, file, supported: supportedBy(output) };
  } catch (error) {
    // of before VERSION
    if (error instanceof CniError && error.msg === 'unknown CNI_COMMAND: VERSION') {
      return { type, file, supported: ['0.1.0'] };
    }
    throw error;
  }
}
