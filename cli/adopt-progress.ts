import { SingleBar } from 'cli-progress';
import { timeLeft } from '../lib/adopt/pace.ts';
import type { Progress } from '../lib/adopt/ports.ts';
import type { CheckProgress } from '../lib/reconcile/check/step.ts';
import { span } from '../lib/status/span.ts';
import { count } from './output.ts';

/** Shows how a backfill goes: a bar in a terminal, else a line now and then. */

/** Between two lines where there is no terminal (ms). */
const LINE_EVERY_MS = 10_000;

/** Where it is shown. */
export interface Screen {
  readonly stream: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** Writes a line. */
  readonly note: (text: string) => void;
  /** ms, never stepping. */
  readonly elapsed: () => number;
}

/** What is shown of it. */
export interface Shown {
  progress(now: Progress): void;
  stop(): void;
}

/** @param total keys there are, about: DynamoDB's count is hours old, so it may turn out to be more. */
export function showProgress(total: number, screen: Screen): Shown {
  return screen.stream.isTTY === true ? bar(total, screen) : lines(total, screen);
}

/** The words beside the bar. Pure. */
export function progressWords(now: Progress, total: number): string {
  if (now.phase === 'arrive') return `waiting for all of it to arrive: ${now.lanes?.passed ?? 0} of ${now.lanes?.of ?? 0} lanes are through`;
  const rate = now.worked > 0 ? Math.round((now.keys * 1_000) / now.worked) : 0;
  // DynamoDB's count is hours old: nobody knows what is left beyond it.
  const left = now.keys < total ? timeLeft(now.keys, now.worked, total) : undefined;
  return `${count(now.keys)} of about ${count(Math.max(total, now.keys))} keys, ${count(rate)}/s${left === undefined ? '' : `, ${span(left)} left`}${now.depth === undefined ? '' : `, ${now.depth} messages wait`}`;
}

const STEPS: Readonly<Record<CheckProgress['phase'], string>> = {
  scan: 'reading both sides',
  compare: 'comparing both sides',
  open: 'looking for what differs',
  verdict: 'looking at single keys',
  preview: 'looking at single keys',
  repair: 'making equal what differs',
  verify: 'looking again at what was made equal',
  done: 'done',
};

/** The words about a proof. Pure. @param lanes of the drain, which comes first */
export function proofWords(lanes: Progress['lanes'], check: CheckProgress | undefined): string {
  if (check === undefined) return `proving: waiting for the lanes: ${lanes?.passed ?? 0} of ${lanes?.of ?? 0} are through`;
  const scan = check.scan === undefined ? '' : `, ${check.scan.member}: ${count(check.scan.units)} items`;
  return `proving: ${STEPS[check.phase]}${scan}`;
}

function bar(total: number, { stream }: Screen): Shown {
  const single = new SingleBar({
    format: '{bar} {words}',
    stream,
    hideCursor: true,
    barsize: 24,
    fps: 5,
    gracefulExit: false,
    barCompleteChar: '█',
    barIncompleteChar: '░',
  });
  single.start(Math.max(total, 1), 0, { words: 'beginning' });
  return {
    progress: (now) => {
      if (now.keys > total) single.setTotal(Math.max(now.keys, 1));
      single.update(now.keys, { words: progressWords(now, total) });
    },
    stop: () => single.stop(),
  };
}

function lines(total: number, { note, elapsed }: Screen): Shown {
  let phase: Progress['phase'] | undefined;
  let at = Number.NEGATIVE_INFINITY;
  return {
    progress: (now) => {
      if (now.phase === phase && elapsed() - at < LINE_EVERY_MS) return;
      phase = now.phase;
      at = elapsed();
      note(progressWords(now, total));
    },
    stop: () => undefined,
  };
}
