import type { Difference } from './difference.js';
import { chained } from './differences/chained.js';
import { devices } from './differences/devices.js';
import { everywhere } from './differences/everywhere.js';
import { interfaces } from './differences/interfaces.js';

/**
 * Everything that Netloom does otherwise than the reference, on purpose: the one list, in four files for its length.
 * docs/differences.md is made of it.
 */
export const differences: readonly Difference[] = [...everywhere, ...interfaces, ...chained, ...devices];
