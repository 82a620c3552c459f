import { compareTables } from './suite.js';
import { flannel } from './tables/flannel.js';
import { tap } from './tables/tap.js';

compareTables(flannel, tap);
