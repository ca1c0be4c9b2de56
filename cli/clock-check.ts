import { CliError } from './errors.ts';
import type { Session } from './session.ts';

/**
 * The clock of this machine against that of a region. What a snapshot says of its time is compared with the times of
 * DynamoDB's records, so a clock that is wrong would make a snapshot that serves wrong times; a lease, too, ends by the
 * region's clock.
 */

/** How far this machine's clock may be off (ms). A clock that is set by NTP is within a fraction of that. */
export const OWN_CLOCK_OFFSET_MAX_MS = 2_000;
/** The header says whole seconds: the true time is up to so much later (ms). */
const HEADER_STEP_MS = 1_000;

/** How far this machine's clock is ahead of the region's: between these (ms). */
export interface ClockOffset {
  readonly atLeastMs: number;
  readonly atMostMs: number;
}

/** The offset by one request. Pure. @param sentMs, receivedMs by this machine's clock @param dateMs what the answer's Date header says */
export const clockOffset = (sentMs: number, receivedMs: number, dateMs: number): ClockOffset => ({
  atLeastMs: sentMs - dateMs - HEADER_STEP_MS,
  atMostMs: receivedMs - dateMs,
});

/** Where DynamoDB answers anybody. https://docs.aws.amazon.com/general/latest/gr/ddb.html */
const publicEndpoint = (region: string): string => `https://dynamodb.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;

/**
 * Compares this machine's clock with a region's, by the Date header of any answer.
 *
 * @returns undefined where a local cloud says no time: it runs on this machine.
 * @throws CliError "clock-off" when it is surely off by more than OWN_CLOCK_OFFSET_MAX_MS, "clock-unknown" when the region says no time
 */
export async function checkClock({ outside, where, runtime }: Session, region: string): Promise<ClockOffset | undefined> {
  const url = where.endpoints[region] ?? publicEndpoint(region);
  const sentMs = runtime.clock.now();
  const date = await outside.fetch(url, { signal: AbortSignal.timeout(ANSWER_MAX_MS) }).then(
    (answer) => Date.parse(answer.headers.get('date') ?? ''),
    () => Number.NaN,
  );
  const receivedMs = runtime.clock.now();
  if (Number.isNaN(date)) {
    if (where.local) return undefined;
    throw new CliError('unreachable', 'clock-unknown', `${url} does not say what time it is, so this machine's clock cannot be checked. Try again.`);
  }
  const offset = clockOffset(sentMs, receivedMs, date);
  const { atLeastMs, atMostMs } = offset;
  if (atLeastMs > OWN_CLOCK_OFFSET_MAX_MS || atMostMs < -OWN_CLOCK_OFFSET_MAX_MS) {
    const seconds = Math.round(Math.abs(atLeastMs + atMostMs) / 2_000);
    throw new CliError(
      'failed',
      'clock-off',
      `This machine's clock is about ${seconds} s ${atLeastMs > 0 ? 'ahead of' : 'behind'} that of ${region}: what is said of times here would be wrong. Set the clock (NTP), then try again.`,
    );
  }
  return offset;
}

/** One answer (ms). */
const ANSWER_MAX_MS = 10_000;
