/** A broken invariant: a bug, or data that this version cannot have written. It stops the batch; nothing is swallowed. */
export class InvariantError extends Error {
  readonly values: Readonly<Record<string, unknown>>;
  constructor(what: string, values: Readonly<Record<string, unknown>> = {}) {
    super(`${what} ${JSON.stringify(values, (_, v) => (typeof v === 'bigint' ? v.toString() : v))}`);
    this.name = 'InvariantError';
    this.values = values;
  }
}

/** Throws an InvariantError unless `condition` holds. On in production. */
export function assert(condition: boolean, what: string, values: Readonly<Record<string, unknown>> = {}): asserts condition {
  if (!condition) throw new InvariantError(what, values);
}

/** Stored or sent bytes that this version cannot read: damaged, foreign, or of a newer format. */
export class FormatError extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(what, options);
    this.name = 'FormatError';
  }
}

/** A caller's mistake: what was wrong, what was seen, and what to do. */
export class InputError extends Error {
  /** Stable code, e.g. "invalid-item". Part of the API. */
  readonly code: string;
  /** Where in the input, as a path ("item.name.N"), when known. */
  readonly path: string | undefined;
  constructor(code: string, message: string, path?: string) {
    super(message);
    this.name = 'InputError';
    this.code = code;
    this.path = path;
  }
}
