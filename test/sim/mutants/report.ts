import Table from 'cli-table3';
import type { Mutant } from './mutant.ts';
import type { End } from './pool.ts';

/** What became of a mutant. */
export interface Row {
  readonly mutant: string;
  /** The rule that it breaks, as its author says. */
  readonly breaks: string;
  readonly about: string;
  /**
   * `caught` a seed broke a rule that it keeps without the mutant · `missed` no seed did · `failed` the mutant is stale, or
   * the run threw or hung: nothing was learnt
   */
  readonly verdict: 'caught' | 'missed' | 'failed';
  /** Seeds that were run, the last one included. */
  readonly seeds: number;
  /** The seed that broke a rule, or in which the run failed. */
  readonly seed?: number;
  /** The rule that was seen broken. */
  readonly rule?: string;
  readonly message?: string;
  readonly wallMs: number;
}

/** The row of a mutant. Pure. @param before seeds that were run before those of `end`. */
export function rowOf(mutant: Mutant, end: End, before: number, wallMs: number): Row {
  const of = { mutant: mutant.name, breaks: mutant.breaks, about: mutant.about, wallMs: Math.round(wallMs), seeds: before + end.done };
  switch (end.kind) {
    case 'broken':
      // The simulator blames itself: it has tripped over the mutant, and not seen a rule broken.
      if (end.rule === 'simulator') return { ...of, verdict: 'failed', seed: end.seed, message: end.message };
      return { ...of, verdict: 'caught', seed: end.seed, rule: end.rule, message: end.message };
    case 'clean':
      return { ...of, verdict: 'missed' };
    case 'hung':
      return { ...of, verdict: 'failed', message: 'the run hung', ...(end.seed !== undefined && { seed: end.seed }) };
    default:
      return { ...of, verdict: 'failed', message: end.why, ...(end.seed !== undefined && { seed: end.seed }) };
  }
}

/**
 * The median of the seeds that were needed; a mutant that was not caught counts as one that needs any number. Pure.
 *
 * @returns undefined when half of the mutants or more were not caught.
 */
export function medianSeeds(rows: readonly Row[]): number | undefined {
  if (rows.length === 0) return undefined;
  const needed = rows.map((r) => (r.verdict === 'caught' ? r.seeds : Number.POSITIVE_INFINITY)).sort((a, b) => a - b);
  const half = needed.length >> 1;
  const median = needed.length % 2 === 1 ? needed[half] : ((needed[half - 1] ?? 0) + (needed[half] ?? 0)) / 2;
  return median === undefined || !Number.isFinite(median) ? undefined : median;
}

/** The table and what follows it. */
export function renderText(
  rows: readonly Row[],
  facts: { readonly firstSeed: number; readonly seeds: number; readonly wallMs: number; readonly dirty: readonly number[] },
): string {
  const table = new Table({ head: ['mutant', 'breaks', 'seeds', 'caught by', 'at seed', 's'], style: { head: [], border: [], compact: true } });
  for (const r of rows)
    table.push([r.mutant, r.breaks, r.seeds, r.verdict === 'caught' ? (r.rule ?? '') : r.verdict.toUpperCase(), r.seed ?? '', (r.wallMs / 1_000).toFixed(1)]);
  const caught = rows.filter((r) => r.verdict === 'caught');
  const lines = [table.toString(), ''];
  for (const r of rows) {
    if (r.verdict === 'caught') continue;
    lines.push(`${r.verdict}: ${r.mutant} (${r.breaks}). ${r.about}`);
    if (r.message !== undefined) lines.push(`  ${r.rule === undefined ? '' : `${r.rule}: `}${r.message}`);
  }
  if (facts.dirty.length > 0) lines.push(`These seeds break a rule without any mutant, and were passed over: ${facts.dirty.join(', ')}.`);
  const median = medianSeeds(rows);
  lines.push(
    `${caught.length} of ${rows.length} mutants caught${rows.length > 0 ? `, median ${median ?? 'none'} seeds` : ''}; seeds from ${facts.firstSeed}, at most ${facts.seeds} each; ${(facts.wallMs / 1_000).toFixed(0)} s.`,
  );
  return lines.join('\n');
}
