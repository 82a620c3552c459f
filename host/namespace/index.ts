export { NamespaceError } from './errors.js';
export { listNamed, type NamedNamespace, type NamespaceName, namesDirectory } from './names.js';
export { type ExecOptions, type ExecOutcome, Namespace, type NamespaceTarget } from './namespace.js';
export { Sysctls, sysctlPath } from './sysctl.js';
