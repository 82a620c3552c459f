import { compareTables } from './suite.js';
import { bandwidth, hostDevice, tuning } from './tables/shaping.js';

compareTables(bandwidth, tuning, hostDevice);
