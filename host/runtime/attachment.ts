/** What a runtime says of a container's attachment to a network. */
export interface Attachment {
  readonly containerId: string;
  /** Path of the network namespace; may be empty for DEL. */
  readonly netns: string;
  readonly ifname: string;
  /** CNI_ARGS. */
  readonly args?: readonly (readonly [key: string, value: string])[];
  /** Values of capabilities, by name: `portMappings`, `bandwidth`, `ips`, … CONVENTIONS.md */
  readonly capabilities?: Readonly<Record<string, unknown>>;
}
