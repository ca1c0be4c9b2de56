import { GIVE_BACK, RETRY_BASE_MS, RETRY_CAP_MS } from '../core/constants.ts';

/**
 * How long a lane's head stays away when its target is slow, throttled or gone (s): 1 s, doubled at each receive up to
 * 5 min; 30 min once the message is a day old; with up to a quarter more at random, so that lanes do not come back
 * together. FIFO keeps the lane behind its head, so this one wait is the circuit breaker, and the head is its probe.
 */
export function giveBackSeconds(receiveCount: number, ageMs: number, random: number): number {
  const doubled = GIVE_BACK.firstS * 2 ** Math.min(Math.max(receiveCount, 1) - 1, 20);
  const base = ageMs >= GIVE_BACK.goneAfterMs ? GIVE_BACK.goneS : Math.min(doubled, GIVE_BACK.capS);
  return Math.max(1, Math.round(base * (1 + 0.25 * random)));
}

/** The wait before attempt n + 1 of one request (ms): exponential with full jitter. https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ */
export function retryDelayMs(attempt: number, random: number): number {
  return Math.ceil(random * Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** Math.min(attempt, 20)));
}

/** Adaptive concurrency: one more after a round without a refusal, half after a refusal for load. */
export interface Pace {
  limit: number;
}

/** Additive increase. */
export const speedUp = (pace: Pace, max: number): void => {
  pace.limit = Math.min(max, pace.limit + 0.25);
};

/** Multiplicative decrease. */
export const slowDown = (pace: Pace, min: number): void => {
  pace.limit = Math.max(min, pace.limit / 2);
};
