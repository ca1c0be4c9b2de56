import { timeLeft } from '../lib/adopt/pace.ts';
import type { CheckJob } from '../lib/reconcile/check/job.ts';
import type { CheckPhase } from '../lib/reconcile/check/report.ts';
import type { CheckProgress } from '../lib/reconcile/check/step.ts';
import { span } from '../lib/status/span.ts';
import { count, plural } from './output.ts';

/** How a check goes, in words, with a rate and the time that is left. Pure but for the clock that it is given. */

/** What a phase is, in a few words. */
export const PHASE_WORDS: Readonly<Record<CheckPhase, string>> = {
  scan: 'reading the tables',
  compare: 'comparing',
  open: 'finding which keys differ',
  verdict: 'asking in the lanes',
  preview: 'waiting for a word',
  repair: 'repairing',
  verify: 'looking again',
  done: 'done',
};

/** Where a part of the work stands. `of` is absent while nobody knows how much it is. */
export interface ShownStep {
  readonly done: number;
  readonly of?: number;
  readonly words: string;
}

const SECOND = 1_000;
/** After so long without an item that is read, what is waited for is said (ms). */
const READ_SILENT_MS = 5_000;

/** How much of a part is done, since when this process looks at it. */
class Pace {
  readonly #first: number;
  readonly #since: number;
  constructor(done: number, nowMs: number) {
    this.#first = done;
    this.#since = nowMs;
  }

  /** ", 1,200/s, 4 min left". A check that goes on has done some of it before. */
  words(done: number, of: number | undefined, nowMs: number): string {
    const [made, worked] = [done - this.#first, nowMs - this.#since];
    if (made <= 0 || worked <= 0) return '';
    const left = of === undefined || done >= of ? undefined : timeLeft(made, worked, made + of - done);
    const rate = Math.round((made * 1_000) / worked);
    return `${rate < 1 ? '' : `, ${count(rate)}/s`}${left === undefined || left < SECOND ? '' : `, ${span(left)} left`}`;
  }
}

/** Follows a check, and says where it stands. */
export class CheckSteps {
  readonly #elapsed: () => number;
  /** Items that each member's scan has read, and how many there are about. */
  readonly #scans = new Map<string, { readonly units: number; readonly of?: number }>();
  #phase: CheckPhase | undefined;
  #pace: Pace | undefined;
  /** Items read so far, and when that last grew. */
  #read = { items: 0, at: 0 };

  /** @param elapsed ms, never stepping */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  /** Where it stands now. */
  next(now: CheckProgress): ShownStep {
    if (now.phase !== this.#phase) {
      this.#phase = now.phase;
      this.#pace = undefined;
    }
    if (now.phase === 'scan') return this.#scan(now);
    const words = PHASE_WORDS[now.phase];
    if (now.phase === 'done') return { done: 0, words };
    const divergent = sumOf(now.links, 'divergent');
    const differ = divergent === 0 ? '' : `; ${plural(divergent, 'key differs', 'keys differ')}`;
    if (now.phase === 'verdict') {
      const [done, of] = [sumOf(now.links, 'judged'), sumOf(now.links, 'suspicions')];
      return { done, of, words: `${words}: ${count(done)} of ${plural(of, 'suspicion')}${this.#rate(done, of)}${differ}` };
    }
    if (now.batches === undefined) return { done: 0, words: `${words}${differ}` };
    const { done, of } = now.batches;
    return { done, of, words: `${words}: ${count(done)} of ${plural(of, 'batch', 'batches')}${differ}` };
  }

  /** The scans of all members as one: this process works at several of them side by side. */
  #scan({ scan }: CheckProgress): ShownStep {
    const nowMs = this.#elapsed();
    if (scan !== undefined) this.#scans.set(scan.member, { units: scan.units, ...(scan.of !== undefined && { of: scan.of }) });
    const scans = [...this.#scans.values()];
    const items = scans.reduce((sum, { units }) => sum + units, 0);
    if (items !== this.#read.items) this.#read = { items, at: nowMs };
    const words = PHASE_WORDS.scan;
    if (scans.length === 0) return { done: 0, words };
    // DynamoDB's counts are hours old: there may be more.
    const of = scans.every((one) => one.of !== undefined) ? scans.reduce((sum, { units, of: all = 0 }) => sum + Math.max(units, all), 0) : undefined;
    const read = `${words}: ${count(items)}${of === undefined ? '' : ` of about ${count(of)}`} items`;
    if (items > 0 && nowMs - this.#read.at >= READ_SILENT_MS)
      return { done: items, ...(of !== undefined && { of }), words: `${read}; waiting until the logs reach the end of the scans` };
    return { done: items, ...(of !== undefined && { of }), words: `${read}${this.#rate(items, of, this.#read.at)}` };
  }

  #rate(done: number, of: number | undefined, nowMs = this.#elapsed()): string {
    this.#pace ??= new Pace(done, nowMs);
    return this.#pace.words(done, of, nowMs);
  }
}

const sumOf = (links: CheckJob['links'], name: 'divergent' | 'suspicions' | 'judged'): number => links.reduce((sum, link) => sum + link[name], 0);
