/** `netloom`: a network of our driver; `user`: one of Docker's bridge driver; `default`: docker0. */
export type Network = 'netloom' | 'user' | 'default';

/** One container, ns. */
export interface Cycle {
  readonly network: Network;
  readonly create: number;
  readonly start: number;
  readonly remove: number;
  /** Of our driver, as it has measured itself. */
  readonly calls: Readonly<Record<string, number>>;
}

export interface DockerTimes {
  version: string;
  readonly storage: string;
  readonly plain: Cycle[];
  readonly published: Cycle[];
}
