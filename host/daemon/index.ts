export { askDaemon, type DaemonStatus } from './ask.js';
export { DaemonError } from './errors.js';
export { type ActivatedSockets, activatedSockets } from './listen.js';
export { type Daemon, type DaemonOptions, defaultSocketPath, startDaemon } from './server.js';
