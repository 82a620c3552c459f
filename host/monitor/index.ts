/** `netloom/monitor`: what happens in network namespaces, as `ip monitor` tells it and as JSON. */
export type { MonitorEvent, NamespaceEvent, ObjectEvent, ResyncEvent } from './events.js';
export { type EventFilter, passes } from './filter.js';
export { type MonitorIteratorOptions, monitor } from './iterate.js';
export { eventJson, eventJsonText } from './json.js';
export { Monitor, type MonitorOptions } from './monitor.js';
export { MonitorError, type ObjectName, objectNames, parseObjects, usualObjects } from './objects.js';
export { Recorder, readRecording } from './recording.js';
export type { Monitored } from './space.js';
export { eventText, type LineOptions } from './text/lines.js';
export type { Place } from './text/names.js';
export { type Watching, type WatchNamespacesOptions, watchNamespaces } from './watch.js';
