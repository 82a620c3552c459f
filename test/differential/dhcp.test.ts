import { compareTables } from './suite.js';
import { dhcp } from './tables/dhcp.js';

compareTables(dhcp);
