/** Time of one host. */
export interface Clock {
  /** Wall clock (ms since 1970). Two hosts of a region differ by less than A2 says; those of two regions are never compared. */
  now(): number;
  /** Elapsed time since some fixed moment (ms). Never steps. */
  elapsed(): number;
  sleep(ms: number): Promise<void>;
}

/** Chance and identity, injected so that a simulation can replay them. */
export interface Chance {
  /** Uniform in [0, 1). */
  random(): number;
  /** A text that nobody else ever makes: 16 to 64 characters, a–z, 0–9. */
  nonce(): string;
}

/** Counters and gauges. Names are the metric's; the adapter adds the member and the link. */
export interface Metrics {
  count(name: string, value: number, dimensions?: Readonly<Record<string, string>>): void;
}

/** Structured log. Fields never hold items or keys' values, only hashes and positions. */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** What every flow is given. */
export interface Runtime {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly metrics: Metrics;
  readonly log: Log;
}
