import { compareTables } from './suite.js';
import { bridge } from './tables/bridge.js';

compareTables(bridge);
