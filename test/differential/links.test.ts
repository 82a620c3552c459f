import { compareTables } from './suite.js';
import { macvlan } from './tables/macvlan.js';
import { ptp } from './tables/ptp.js';

compareTables(ptp, macvlan);
