/**
 * The members as the client sees them: where they are, how near, and whether they answer. Which one is asked is decided
 * here; nothing here sends anything.
 */

/** A member's API. */
export interface Place {
  /** The member's name; its URL before it was discovered. */
  readonly name: string;
  /** With its stage, without a slash at the end. */
  readonly url: string;
  readonly region?: string;
}

/** How a place has answered so far. */
interface Health {
  /** Smoothed time of its answers (ms); undefined before the first. */
  latencyMs: number | undefined;
  /** Attempts that failed since the last one that did not. */
  failures: number;
  /** Elapsed time (ms) until which it is not asked, unless nobody else is left. */
  avoidUntil: number;
  /** Whether one request tries it again. */
  probing: boolean;
}

/** The share of a new measurement in the smoothed latency. */
const LATENCY_WEIGHT = 0.2;
/** How long a place is avoided after its first failure (ms), doubled with each further one, and at most. */
const AVOID_MS = 1_000;
const AVOID_CAP_MS = 60_000;
/** A hedge is sent when an answer takes longer than this many times the usual, within these bounds (ms). */
const HEDGE_FACTOR = 3;
const HEDGE_MIN_MS = 50;
const HEDGE_MAX_MS = 1_000;

/** Where an unmeasured place stands among the measured ones (ms): behind them. */
const UNMEASURED_MS = Number.MAX_SAFE_INTEGER;

export class Members {
  #places: readonly Place[];
  readonly #health = new Map<string, Health>();

  /** @param seeds in the order of preference until latencies are known. */
  constructor(seeds: readonly Place[]) {
    this.#places = seeds;
  }

  get places(): readonly Place[] {
    return this.#places;
  }

  /** Takes what discovery found. Members without a URL are left out; a seed that no member has is kept, at the end. */
  discovered(found: readonly Place[]): void {
    const urls = new Set(found.map((place) => place.url));
    this.#places = [...found, ...this.#places.filter((place) => !urls.has(place.url))];
  }

  /**
   * All places in the order in which to ask them: those that answer, the nearest first; those whose time of avoidance has
   * passed where their latency puts them, for one request at a time; the avoided ones last.
   */
  order(now: number): readonly Place[] {
    const rank = (place: Place): readonly [number, number] => {
      const health = this.#health.get(place.url);
      // One that was never measured comes after those that were: the client measures it beside its calls.
      const latency = health?.latencyMs ?? UNMEASURED_MS;
      if (health === undefined) return [0, latency];
      if (health.failures === 0) return [0, latency];
      return now >= health.avoidUntil && !health.probing ? [0, latency] : [1, health.avoidUntil];
    };
    return this.#places
      .map((place, index) => ({ place, index, rank: rank(place) }))
      .sort((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1] || a.index - b.index)
      .map(({ place }) => place);
  }

  /** A request is sent there. */
  asked(place: Place): void {
    const health = this.#health.get(place.url);
    if (health !== undefined && health.failures > 0) health.probing = true;
  }

  /** It answered, whatever its answer says of the request. */
  answered(place: Place, ms: number): void {
    const health = this.#healthOf(place);
    health.latencyMs = health.latencyMs === undefined ? ms : health.latencyMs + LATENCY_WEIGHT * (ms - health.latencyMs);
    health.failures = 0;
    health.probing = false;
  }

  /** It did not answer, or said that it cannot. @param random uniform in [0, 1): clients do not all come back at once */
  failed(place: Place, now: number, random: number): void {
    const health = this.#healthOf(place);
    health.failures += 1;
    health.probing = false;
    health.avoidUntil = now + Math.min(AVOID_CAP_MS, AVOID_MS * 2 ** Math.min(health.failures - 1, 20)) * (0.5 + random / 2);
  }

  /** A request to it was given up for reasons of our own, so nothing is known. */
  released(place: Place): void {
    this.#healthOf(place).probing = false;
  }

  /** How long to wait for a place before a second one is asked beside it (ms). */
  hedgeAfterMs(place: Place): number {
    const latency = this.#health.get(place.url)?.latencyMs;
    if (latency === undefined) return HEDGE_MAX_MS;
    return Math.min(HEDGE_MAX_MS, Math.max(HEDGE_MIN_MS, HEDGE_FACTOR * latency));
  }

  #healthOf(place: Place): Health {
    let health = this.#health.get(place.url);
    if (health === undefined) {
      health = { latencyMs: undefined, failures: 0, avoidUntil: 0, probing: false };
      this.#health.set(place.url, health);
    }
    return health;
  }
}
