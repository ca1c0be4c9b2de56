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

/**
 * What a request asks of a member, since each has a usual time of its own: `near` is answered by the member itself and tells
 * how near it is; `strong` and `write` may be handed on to the primary; `many` reads page after page.
 */
export type Kind = 'near' | 'strong' | 'many' | 'write';

/** How a place has answered so far. */
interface Health {
  /** Smoothed time of its answers (ms), by kind of request. */
  readonly usualMs: Map<Kind, number>;
  /** Attempts that failed since the last one that did not. */
  failures: number;
  /** Elapsed time (ms) until which it is not tried again. */
  avoidUntil: number;
  /** An answer took so long that it was no longer waited for: others are asked before it until somebody has looked. */
  suspect: boolean;
  /** Whether a request is trying it. */
  probing: boolean;
}

/**
 * The share of a new measurement in the smoothed time: of one above it, and of one below. A slow answer is often a cold start
 * or a new connection; a quick one cannot be luck.
 */
const SLOWER_WEIGHT = 0.2;
const QUICKER_WEIGHT = 0.5;
/** How long a place is avoided after its first failure (ms), doubled with each further one, and at most. */
const AVOID_MS = 1_000;
const AVOID_CAP_MS = 60_000;
/** A hedge is sent when an answer takes longer than this many times the usual, and at least so long (ms); where nothing is usual yet, after so long (ms). */
const HEDGE_FACTOR = 3;
const HEDGE_MIN_MS = 50;
const HEDGE_UNKNOWN_MS = 500;

export class Members {
  readonly #seeds: readonly Place[];
  #places: readonly Place[];
  readonly #health = new Map<string, Health>();
  #failedAt: number | undefined;

  /** @param seeds in the order of preference until times are known. */
  constructor(seeds: readonly Place[]) {
    this.#seeds = seeds;
    this.#places = seeds;
  }

  get places(): readonly Place[] {
    return this.#places;
  }

  /** Elapsed time (ms) of the last failure of any member; undefined when there was none. */
  get failedAt(): number | undefined {
    return this.#failedAt;
  }

  /** Takes what discovery found. Members without a URL are left out; a seed that no member has is kept, at the end. */
  discovered(found: readonly Place[]): void {
    const urls = new Set(found.map((place) => place.url));
    this.#places = [...found, ...this.#seeds.filter((place) => !urls.has(place.url))];
    const known = new Set(this.#places.map((place) => place.url));
    for (const url of this.#health.keys()) if (!known.has(url)) this.#health.delete(url);
  }

  /**
   * All places in the order in which to ask them: those that answer, the nearest first, those never measured after them; then
   * suspects; then those that failed, the one whose time is over first.
   */
  order(): readonly Place[] {
    const rank = ({ url }: Place): readonly [number, number] => {
      const health = this.#health.get(url);
      if (health !== undefined && health.failures > 0) return [2, health.avoidUntil];
      return [health?.suspect === true ? 1 : 0, health?.usualMs.get('near') ?? Number.MAX_SAFE_INTEGER];
    };
    return this.#places
      .map((place, index) => ({ place, index, rank: rank(place) }))
      .sort((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1] || a.index - b.index)
      .map(({ place }) => place);
  }

  /** Whether its last attempt failed. */
  failing(place: Place): boolean {
    return (this.#health.get(place.url)?.failures ?? 0) > 0;
  }

  /** Places that a request should look at beside the calls: those whose time of avoidance is over, and suspects. They count as being looked at. */
  takeDue(now: number): readonly Place[] {
    const due = this.#places.filter(({ url }) => {
      const health = this.#health.get(url);
      return health !== undefined && !health.probing && (health.suspect || (health.failures > 0 && now >= health.avoidUntil));
    });
    for (const place of due) this.#healthOf(place).probing = true;
    return due;
  }

  /** It answered, whatever its answer says of the request. @param ms how long it took */
  answered(place: Place, kind: Kind, ms: number): void {
    const health = this.#healthOf(place);
    smooth(health, kind, ms);
    health.failures = 0;
    health.probing = false;
    health.suspect = false;
  }

  /** It did not answer, or said that it cannot serve. @param random uniform in [0, 1): clients do not all come back at once */
  failed(place: Place, now: number, random: number): void {
    const health = this.#healthOf(place);
    health.failures += 1;
    health.probing = false;
    health.suspect = false;
    health.avoidUntil = now + Math.min(AVOID_CAP_MS, AVOID_MS * 2 ** Math.min(health.failures - 1, 20)) * (0.5 + random / 2);
    this.#failedAt = now;
  }

  /** An attempt was given up after `ms`, since another member was quicker or the call was at its end: was that unusually long? */
  slow(place: Place, kind: Kind, ms: number): void {
    if (ms >= this.hedgeAfterMs(place, kind)) this.#healthOf(place).suspect = true;
  }

  /** A request that was to look at it could not be made, for reasons of the caller's own: nothing is known. */
  released(place: Place): void {
    const health = this.#healthOf(place);
    health.probing = false;
    health.suspect = false;
  }

  /** How long to wait for a place before a second one is asked beside it (ms). */
  hedgeAfterMs(place: Place, kind: Kind): number {
    const usual = this.#health.get(place.url)?.usualMs.get(kind);
    return usual === undefined ? HEDGE_UNKNOWN_MS : Math.max(HEDGE_MIN_MS, HEDGE_FACTOR * usual);
  }

  #healthOf(place: Place): Health {
    let health = this.#health.get(place.url);
    if (health === undefined) {
      health = { usualMs: new Map(), failures: 0, avoidUntil: 0, suspect: false, probing: false };
      this.#health.set(place.url, health);
    }
    return health;
  }
}

function smooth({ usualMs }: Health, kind: Kind, ms: number): void {
  const before = usualMs.get(kind);
  usualMs.set(kind, before === undefined ? ms : before + (ms > before ? SLOWER_WEIGHT : QUICKER_WEIGHT) * (ms - before));
}
