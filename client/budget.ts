/**
 * How much is tried again. All calls of a client draw on one bucket of tokens, so that an outage does not multiply the
 * load: a retry takes some, a success gives one back. The numbers are those of the AWS SDKs' standard retry mode.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
 */
const CAPACITY = 500;
const RETRY_COST = 5;
/** A retry after no answer at all costs more: it is the sign of an outage. */
const TIMEOUT_COST = 10;
const REFUND = 1;

/** The bucket of a client. */
export class RetryBudget {
  readonly #capacity: number;
  #tokens: number;

  /** @param capacity tokens of a full bucket; 0: nothing is tried again */
  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
    this.#tokens = capacity;
  }

  /** Whether another attempt may be made; takes its cost. */
  take(unanswered: boolean): boolean {
    const cost = unanswered ? TIMEOUT_COST : RETRY_COST;
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }

  /** A call has succeeded. @param retried whether its last attempt was paid for, whose cost comes back, and of which kind */
  refund(retried: 'no' | 'answered' | 'unanswered'): void {
    const back = retried === 'no' ? REFUND : retried === 'answered' ? RETRY_COST : TIMEOUT_COST;
    this.#tokens = Math.min(this.#capacity, this.#tokens + back);
  }
}

/** Wait before the second round of attempts (ms), doubled each time, and its cap (ms). */
const WAIT_MS = 50;
const WAIT_CAP_MS = 2_000;

/**
 * The wait before another round (ms): exponential with full jitter, and not before the server wants it.
 * https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
 *
 * @param round from 1. @param retryAfterMs what the last answer asked for.
 */
export function waitMs(round: number, random: number, retryAfterMs = 0): number {
  const jittered = random * Math.min(WAIT_CAP_MS, WAIT_MS * 2 ** Math.min(round - 1, 20));
  return Math.ceil(Math.max(jittered, retryAfterMs));
}

/** What Retry-After asks for (ms): seconds only, as this API sends it. */
export function retryAfterMs(header: string | null): number {
  return header !== null && /^\d{1,5}$/.test(header) ? Number(header) * 1_000 : 0;
}
