/** A network of an engine. */
export interface EngineNetwork {
  /** `docker` */
  readonly engine: string;
  readonly name: string;
  /** The link of the host that it is made on. */
  readonly link: string;
}
