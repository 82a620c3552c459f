/** Bytes that cannot be decoded at all; what can be is marked `truncated` instead. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
  constructor(
    /** `ERR_UNKNOWN_PROTOCOL`, `ERR_UNKNOWN_COLUMN`, `ERR_COLUMN_WIDTH` */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** A value that its schema does not allow. */
export class EncodeError extends Error {
  override readonly name = 'EncodeError';
  /** Where the value stands, as `attributes.linkinfo.data.id`. */
  path: string;
  readonly #reason: string;
  constructor(
    /** `ERR_UNKNOWN_ATTRIBUTE`, `ERR_INVALID_VALUE`, `ERR_MISSING_SELECTOR`, `ERR_ATTRIBUTE_TOO_LONG`, `ERR_UNKNOWN_FAMILY` */
    readonly code: string,
    path: string,
    reason: string,
  ) {
    super(path === '' ? reason : `${path}: ${reason}`);
    this.path = path;
    this.#reason = reason;
  }

  /** Puts `key` in front of the path, on the way out of a nest. */
  within(key: string): this {
    this.path =
      this.path === '' ? key : this.path.startsWith('[') ? `${key}${this.path}` : `${key}.${this.path}`;
    this.message = `${this.path}: ${this.#reason}`;
    return this;
  }
}
