import type { SetStatus } from '../../lib/status/judge.ts';
import type { LinkRate, LostSince } from '../../lib/status/rates.ts';
import { lostSince, ratesOf } from '../../lib/status/rates.ts';
import { CliError, EXIT } from '../errors.ts';
import { statusSteps } from '../next-steps.ts';
import type { Session } from '../session.ts';
import type { Screen } from '../views/screen.ts';
import { liveScreen } from '../views/screen.ts';
import { showStatus } from '../views/status-view.ts';

/** A reading begins no further attempt after this (ms): a region that hangs must not hold up the picture of the others. */
const READING_MS = 3_000;

/**
 * Shows the state again and again until a person ends it. In a terminal the picture is redrawn in place; otherwise each
 * reading is written below the last one, with --json as a document on one line.
 *
 * @param read takes a reading. @param until elapsed time (ms) after which it begins no further attempt.
 * @param intervalS time between two readings (s).
 * @returns the exit code of the last state. @throws CliError when it was ended before there was one.
 */
export async function watch(session: Session, read: (until: number) => Promise<SetStatus>, intervalS: number, all: boolean): Promise<number> {
  const { out, outside, runtime, again, where } = session;
  let ended = false;
  let release = (): void => undefined;
  const end = new Promise<undefined>((resolve) => {
    release = outside.onStop(() => {
      ended = true;
      resolve(undefined);
    });
  });
  const screen = !out.json && out.columns !== undefined ? await liveScreen(out) : undefined;
  let last: SetStatus | undefined;
  let lost: LostSince = new Map();
  try {
    // Only a person ends it: that is what it is for.
    while (!ended) {
      const status = await Promise.race([read(runtime.clock.elapsed() + READING_MS), end]);
      if (status === undefined) break;
      const rates = ratesOf(last, status);
      lost = lostSince(lost, status);
      last = status;
      const text = (): string => showStatus(status, out, all, { rates, lost });
      show(screen, text, () => out.line(document(status, rates, lost), () => `${text()}\n`, statusSteps(status, again, where.local)));
      await Promise.race([runtime.clock.sleep(intervalS * 1_000), end]);
    }
  } finally {
    release();
    screen?.done();
  }
  if (last === undefined) throw new CliError('failed', 'stopped', 'Ended before the first reading was there.');
  return codeOf(last);
}

function show(screen: Screen | undefined, text: () => string, plain: () => void): void {
  if (screen === undefined) plain();
  else screen.show(`${text()}\n\nq ends`);
}

const document = (status: SetStatus, rates: readonly LinkRate[], lost: LostSince): object => ({ ...status, rates, lostSince: Object.fromEntries(lost) });

/** The exit code of a state. */
export function codeOf(status: SetStatus): number {
  if (status.members.every((m) => m.role === 'unreachable')) return EXIT.unreachable;
  return status.healthy ? EXIT.ok : EXIT.attention;
}
