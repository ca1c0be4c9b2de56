import type { SegmentRef } from '../../archive/log/list.ts';
import type { CellId } from '../../core/digest.ts';
import { applyEntry, type Digest } from '../../core/digest.ts';
import { FormatError } from '../../core/errors.ts';
import type { SegmentFooter } from '../../core/formats/segment-footer.ts';
import type { IndexEntry } from '../../core/formats/segment-index.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { MemberReach } from '../ports.ts';
import type { Base } from '../scan/base.ts';
import type { ReadFooter, Watermark } from '../segments.ts';
import { covers, footersAfter, grown, LogGapError, markAt, newestOf } from '../segments.ts';
import { FOLD_ENTRIES_MAX, KEEP_MS, LOG_DELAY_MS, WIDE_EVERY_MS } from './limits.ts';
import type { Standing } from './standing.ts';
import { Window } from './window.ts';

/** A write at a secondary that no applier made, as its observer has flagged it. */
export interface DriftFlag {
  readonly member: string;
  readonly ref: SegmentRef;
  /** Of the segment: with it `readLine` reads the record. */
  readonly footer: SegmentFooter;
  readonly entry: IndexEntry;
}

/** A new base compared with what the log had led to from the one before: a cell that differs shows a change that the log does not have. */
export interface AuditFinding {
  readonly member: string;
  /** Ids of the bases. */
  readonly base: string;
  readonly before: string;
  readonly differing: readonly CellId[];
  /** When it was made (ms). */
  readonly at: number;
}

/** Where nothing is known yet. */
const NOT_SCANNED = 'it has not been scanned yet.';
/** Of a segment, or of what was folded before the set got another attribute. */
const OTHER_DAYS = 'has expiry days of another time-to-live attribute, or none; the next scan counts.';

/**
 * Folds what is new in a member’s log onto what was known of it. Footers alone are read. A newer base takes the place of the old one, and
 * audits it: both are brought to the same watermark first.
 *
 * @param standing what `readStanding` gave. @param base the member’s newest base.
 * @param untilMs elapsed time (ms) after which no further footer is begun: the next look goes on.
 * @param hear hears of each flag of drift, once; again when the state is not saved afterwards.
 * @param options.keepMs how much of the newest entries is kept (ms).
 * @throws RemoteError. A gap or damage in the log is told in `why`, and there is no digest then.
 */
export async function foldMember(
  reach: MemberReach,
  standing: Standing | undefined,
  base: Base | undefined,
  runtime: Runtime,
  untilMs: number,
  hear: (flag: DriftFlag) => void,
  options: { readonly keepMs?: number } = {},
): Promise<{ readonly standing: Standing; readonly audit?: AuditFinding }> {
  const fold = new Fold(reach, runtime, untilMs, hear, options.keepMs ?? KEEP_MS);
  await fold.begin(standing);
  await fold.advance();
  const audit = base === undefined ? undefined : await fold.adopt(base);
  return { standing: fold.standing(), ...(audit && { audit }) };
}

class Fold {
  readonly #reach: MemberReach;
  readonly #runtime: Runtime;
  readonly #untilMs: number;
  readonly #hear: (flag: DriftFlag) => void;
  readonly #keepMs: number;
  readonly #lookedMs: number;
  #mark: Watermark = new Map();
  #digest: Digest | undefined;
  #items = 0;
  #base: string | undefined;
  #tableId: string | undefined;
  #why: string | undefined = NOT_SCANNED;
  #window = new Window(0);
  #wideMs: number | undefined;
  #asOfMs = 0;
  /** The log cannot be followed beyond the mark. */
  #stuck = false;

  constructor(reach: MemberReach, runtime: Runtime, untilMs: number, hear: (flag: DriftFlag) => void, keepMs: number) {
    this.#reach = reach;
    this.#runtime = runtime;
    this.#untilMs = untilMs;
    this.#hear = hear;
    this.#keepMs = keepMs;
    this.#lookedMs = runtime.clock.now();
  }

  async begin(standing: Standing | undefined): Promise<void> {
    if (standing === undefined) {
      const fromMs = this.#lookedMs - this.#keepMs;
      this.#mark = await markAt(this.#reach.place, this.#runtime, fromMs);
      this.#window = new Window(fromMs);
      this.#wideMs = this.#lookedMs;
      return;
    }
    const { mark, digest, items, base, tableId, why, window, wideMs, asOfMs, expiry } = standing;
    this.#mark = mark;
    if (expiry !== this.#reach.member.expiryAttribute) {
      // Its days are those of another attribute. The log is followed on from here, so that no flag of drift is lost; a new scan counts.
      this.#window = new Window(newestOf(mark));
      this.#why = `What was known of it ${OTHER_DAYS}`;
      this.#wideMs = wideMs;
      this.#asOfMs = asOfMs;
      return;
    }
    this.#digest = digest?.clone();
    this.#items = items ?? 0;
    this.#base = base;
    this.#tableId = tableId;
    this.#why = why;
    this.#window = window.clone();
    this.#wideMs = wideMs;
    this.#asOfMs = asOfMs;
  }

  /** Goes on to the log’s end, as far as the time allows. */
  async advance(): Promise<void> {
    const { place } = this.#reach;
    const wide = this.#lookedMs - (this.#wideMs ?? 0) >= WIDE_EVERY_MS;
    let entries = 0;
    try {
      const onGap = (gap: LogGapError): void => this.#lose(gap.what);
      const limits = { untilElapsedMs: this.#untilMs, entriesMax: FOLD_ENTRIES_MAX, wide, onGap };
      for await (const read of footersAfter(place, this.#runtime, this.#mark, limits)) {
        this.#take(read);
        entries += read.footer.index.length;
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#stuck = true;
      this.#lose(error.message);
    }
    if (wide) this.#wideMs = this.#lookedMs;
    const whole = !this.#stuck && entries < FOLD_ENTRIES_MAX && this.#runtime.clock.elapsed() < this.#untilMs;
    if (whole) this.#asOfMs = this.#lookedMs - LOG_DELAY_MS;
    this.#window.trim(newestOf(this.#mark) - this.#keepMs);
  }

  #take(read: ReadFooter): void {
    const { footer, ref } = read;
    const { member } = this.#reach.place;
    for (let i = 0; i < footer.index.length; i += 1) {
      const entry = footer.index.entry(i);
      this.#window.push(entry);
      if (entry.drift) this.#hear({ member, ref, footer, entry });
    }
    if (this.#digest !== undefined) {
      const change = tryApply(this.#digest, footer, this.#reach.member.expiryAttribute);
      if (typeof change === 'string') this.#lose(change);
      else this.#items += change;
    }
    this.#mark = grown(this.#mark, read);
  }

  #lose(why: string): void {
    this.#digest = undefined;
    this.#why = why;
  }

  /** Takes a newer base. */
  async adopt(base: Base): Promise<AuditFinding | undefined> {
    if (base.id === this.#base) return undefined;
    if (!covers(this.#mark, base.mark)) {
      // What lies before the base cannot be read: it is passed over.
      if (this.#stuck) this.#restart(base);
      return undefined;
    }
    const digest = base.digest.clone();
    let items = base.items;
    let mark = base.mark;
    try {
      for await (const read of footersAfter(this.#reach.place, this.#runtime, mark, { to: this.#mark, untilElapsedMs: this.#untilMs })) {
        const change = tryApply(digest, read.footer, this.#reach.member.expiryAttribute);
        if (typeof change === 'string') throw new FormatError(change);
        items += change;
        mark = grown(mark, read);
      }
    } catch (error) {
      if (!(error instanceof LogGapError) && !(error instanceof FormatError)) throw error;
      this.#base = base.id;
      this.#tableId = base.tableId;
      this.#lose(error.message);
      return undefined;
    }
    if (!covers(mark, this.#mark)) {
      // Not done in time. Without a digest nothing is lost by going on from there; else the next look tries again.
      if (this.#digest === undefined) this.#restart({ ...base, digest, items, mark });
      return undefined;
    }
    const before = this.#base;
    const differing = this.#digest?.differing(digest);
    this.#set({ ...base, digest, items });
    if (before === undefined || differing === undefined) return undefined;
    return { member: base.member, base: base.id, before, differing, at: this.#lookedMs };
  }

  #set(base: Pick<Base, 'id' | 'tableId' | 'digest' | 'items'>): void {
    this.#base = base.id;
    this.#tableId = base.tableId;
    this.#digest = base.digest;
    this.#items = base.items;
    this.#why = undefined;
  }

  /** Goes on from a base’s own watermark. */
  #restart(base: Pick<Base, 'id' | 'tableId' | 'digest' | 'items' | 'mark'>): void {
    this.#set({ ...base, digest: base.digest.clone() });
    this.#mark = base.mark;
    this.#window = new Window(newestOf(base.mark));
    this.#asOfMs = Math.min(this.#asOfMs, newestOf(base.mark));
  }

  standing(): Standing {
    const { place, member } = this.#reach;
    return {
      member: place.member,
      ...(member.expiryAttribute !== undefined && { expiry: member.expiryAttribute }),
      mark: this.#mark,
      window: this.#window,
      asOfMs: this.#asOfMs,
      ...(this.#tableId !== undefined && { tableId: this.#tableId }),
      ...(this.#base !== undefined && { base: this.#base }),
      ...(this.#digest === undefined ? { why: this.#why ?? NOT_SCANNED } : { digest: this.#digest, items: this.#items }),
      ...(this.#wideMs !== undefined && { wideMs: this.#wideMs }),
    };
  }
}

/** Folds a segment’s entries in. Returns by how many the keys that exist became more, or why it cannot: then the digest is spoilt. */
function tryApply(digest: Digest, { index, head }: SegmentFooter, expiry: string | undefined): number | string {
  if (head.expiryAttribute !== expiry) return `The segment of ${head.shard} from ${head.first} on ${OTHER_DAYS}`;
  let more = 0;
  try {
    for (let i = 0; i < index.length; i += 1) {
      const entry = index.entry(i);
      applyEntry(digest, entry);
      more += (entry.itemHash === undefined ? 0 : 1) - (entry.oldHash === undefined ? 0 : 1);
    }
    return more;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return `The segment of ${head.shard} from ${head.first} on cannot be folded: ${error.message}.`;
  }
}
