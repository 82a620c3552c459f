import { runPlugin } from '../../../../host/cni/program.js';
import { hostLocal } from '../../../../host/plugins/ipam/host-local/host-local.js';

// host-local as a program of its own, for tests with many processes
await runPlugin(hostLocal, 'test');
