import { CniError, errorCodes } from './errors.js';

/** Versions of the specification, oldest first. */
export const allVersions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export const currentVersion = '1.1.0';

/** What a config without `cniVersion` means. */
export const defaultVersion = '0.1.0';

function parts(version: string): [number, number, number] {
  const fields = version.split('.');
  if (fields.length > 3)
    throw new CniError(errorCodes.decodingFailure, `invalid version "${version}": too many parts`);
  const names = ['major', 'minor', 'micro'] as const;
  const numbers = names.map((name, i) => {
    const field = fields[i];
    if (field === undefined) return 0;
    if (!/^\d+$/.test(field)) {
      throw new CniError(
        errorCodes.decodingFailure,
        `failed to convert ${name} version part "${field}": expected a number`,
      );
    }
    return Number(field);
  });
  return numbers as [number, number, number];
}

/** Is `version` at least `other`? Throws CniError 6 for what is no version. */
export function atLeast(version: string, other: string): boolean {
  const a = parts(version);
  const b = parts(other);
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
