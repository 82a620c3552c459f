import { compareTables } from './suite.js';
import { chains } from './tables/chains.js';
import { sbr } from './tables/meta.js';

compareTables(sbr, chains);
