import { compareTables } from './suite.js';
import { portmap } from './tables/portmap.js';

compareTables(portmap);
