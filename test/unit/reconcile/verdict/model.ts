import type { SeededChance } from '../../../../lib/adapters/memory/chance.ts';
import { archivedBound } from '../../../../lib/archive/log/until.ts';
import { position } from '../../../../lib/core/formats/position.ts';
import type { Shard } from '../../../../lib/core/formats/rows.ts';
import type { PastChange, Said } from '../../../../lib/reconcile/verdict/batch.ts';
import type { Judgement, RoundFacts } from '../../../../lib/reconcile/verdict/judge.ts';
import { judgeAnswer, judgeDifference } from '../../../../lib/reconcile/verdict/judge.ts';
import { LOOKBACK_MS, MOTION_MARGIN_MS } from '../../../../lib/reconcile/verdict/limits.ts';
import { placeOf } from '../../../../lib/reconcile/verdict/near-log.ts';
import { behindOf } from '../../../../lib/reconcile/verdict/passed.ts';

/** A record of the source's stream: of the key that is judged, or of another. */
interface Change {
  readonly sequence: number;
  readonly at: number;
  readonly own: boolean;
  /** Undefined for a removal. */
  readonly value: number | undefined;
}

const SHARD = 'shard-1';
const START_MS = 1_800_000_000_000;
/** The observer gathers records for so long (ms). */
const WINDOW_MS = 60_000;

/** Hash of a small value, as an answer has it. */
const hash16 = (value: number): Buffer => Buffer.alloc(16, value + 1);

/**
 * One key on its way from a source to a copy, with readers that stand still as long as chance will, and repairs that read what nobody has sent
 * yet. Nothing is ever lost, and nobody writes the copy by hand: whatever differs is late.
 */
export class OnlyLate {
  #now = START_MS;
  readonly #chance: SeededChance;
  readonly #changes: Change[] = [];
  /** How many records fan-out has sent, and the observer has archived. */
  #sent = 0;
  #seen = 0;
  #copy: { value: number | undefined; sequence: number | undefined; kind: 'lane' | 'repair' } = { value: undefined, sequence: undefined, kind: 'lane' };

  constructor(chance: SeededChance) {
    this.#chance = chance;
  }

  #live(): void {
    const { chance } = { chance: this.#chance };
    const dice = chance.random();
    if (dice < 0.25) this.#write();
    else if (dice < 0.45) this.#send(1 + chance.below(3));
    else if (dice < 0.65) this.#seen = Math.min(this.#changes.length, this.#seen + 1 + chance.below(3));
    else if (dice < 0.7) this.#repair();
    else this.#now += [300, 1_000, 4_000, 12_000, 70_000, 200_000, 900_000][chance.below(7)] as number;
  }

  #write(): void {
    const value = this.#chance.below(4);
    this.#changes.push({
      sequence: this.#changes.length + 1,
      at: Math.floor(this.#now / 1_000) * 1_000,
      own: this.#chance.random() < 0.5,
      value: value === 3 ? undefined : value,
    });
  }

  /** Sent is applied: what waits in a lane waits before the question, too. */
  #send(records: number): void {
    const upTo = Math.min(this.#changes.length, this.#sent + records);
    for (const change of this.#changes.slice(this.#sent, upTo)) {
      if (change.own && change.sequence > (this.#copy.sequence ?? -1)) this.#copy = { value: change.value, sequence: change.sequence, kind: 'lane' };
    }
    this.#sent = upTo;
  }

  #repair(): void {
    const value = this.#source();
    if (value !== this.#copy.value) this.#copy = { value, sequence: this.#copy.sequence ?? 0, kind: 'repair' };
  }

  #source(): number | undefined {
    return this.#changes.findLast(({ own }) => own)?.value;
  }

  #rows(): Shard[] {
    const mark = (upTo: number): { sequence: string; at: number } | undefined => {
      const last = this.#changes[upTo - 1];
      return last && { sequence: String(last.sequence), at: last.at };
    };
    const [sent, seen] = [mark(this.#sent), mark(this.#seen)];
    return [{ id: SHARD, ...(sent && { sent }), ...(seen && { seen }) }];
  }

  /** One round over the key; undefined when it did not get so far, or the two are equal. */
  judge(): Judgement | undefined {
    for (let i = 0; i < 10 + this.#chance.below(40); i += 1) this.#live();
    const shards = [{ id: SHARD, first: '0' }];
    const t = this.#now;
    let behind = behindOf(this.#rows(), shards, 'sent', t, this.#now);
    for (let i = 0; i < 60 && behind === 'no'; i += 1) {
      this.#live();
      behind = behindOf(this.#rows(), shards, 'sent', t, this.#now);
    }
    if (behind === 'no') return undefined;
    const sent = Object.fromEntries(this.#rows().flatMap((row) => (row.sent === undefined ? [] : [[row.id, row.sent.sequence]])));
    for (let i = 0; i < this.#chance.below(6); i += 1) this.#live();
    const said = this.#answer();
    if (judgeAnswer(said) !== undefined) return undefined;
    const need = said.at + MOTION_MARGIN_MS;
    for (let i = 0; i < 200; i += 1) {
      const rows = this.#rows();
      const seenHard = behindOf(rows, shards, 'seen', need, this.#now) === 'hard';
      if (seenHard || archivedBound(rows, shards, this.#now, WINDOW_MS).untilMs >= need) {
        return this.#judged(said, { t, epoch: 1, roleSinceMs: 0, sent, sentHard: behind === 'hard', seenHard });
      }
      this.#live();
    }
    return undefined;
  }

  #answer(): Said {
    const s = this.#source();
    const { value: t, sequence, kind } = this.#copy;
    return {
      at: this.#now,
      equal: s === t,
      ...(s !== undefined && { s: hash16(s).toString('base64') }),
      ...(t !== undefined && { t: hash16(t).toString('base64'), sealed: true as const }),
      ...(sequence !== undefined && { p: position(1, BigInt(sequence)).toString('base64'), kind, ...(t === undefined && { grave: true as const }) }),
    };
  }

  #judged(said: Said, facts: RoundFacts): Judgement {
    const own = this.#changes.slice(0, this.#seen).filter((change) => change.own);
    const before = own.filter(({ at }) => placeOf(at, facts.t, said) === 'before').at(-1);
    const past: PastChange | null =
      before === undefined
        ? null
        : {
            shard: SHARD,
            sequence: String(before.sequence),
            at: before.at,
            removed: before.value === undefined,
            ...(before.value !== undefined && { hash: hash16(before.value).subarray(0, 8).toString('hex') }),
          };
    const isNear = past !== null && past.at >= facts.t - LOOKBACK_MS;
    const near = isNear ? { removed: past.removed, byExpiry: false, ...(past.hash !== undefined && { hash: past.hash }) } : undefined;
    const moved = own.some(({ at }) => placeOf(at, facts.t, said) === 'moved');
    const first = judgeDifference(said, facts, { moved, near, past: undefined });
    return first.kind === 'look' ? judgeDifference(said, facts, { moved, near, past }) : first;
  }
}
