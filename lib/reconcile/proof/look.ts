import type { LinkComparison } from './compare.ts';
import { LOOKS_TO_OPEN, REOPEN_MS } from './limits.ts';
import type { LinkProof } from './row.ts';

/** Cells that a row names: all 256 buckets and the days of some months. */
const NAMED_CELLS_MAX = 1_024;

/** What a row says of a link after a look. Pure. A cell that differs once may be lag after all; twice in a row it is opened. */
export function afterLook(before: LinkProof | undefined, comparison: LinkComparison, nowMs: number): LinkProof {
  const { state, cells, differing, hot, refused, begun, why, quietSinceMs, asOfMs } = comparison;
  const again = new Set(before?.suspects ?? []);
  // Cells that stay: those that the look before has shown, too.
  const stay = differing.filter((cell) => again.has(cell));
  const asOf = state === 'verified' ? asOfMs : before?.asOf;
  return {
    state,
    at: nowMs,
    cells,
    differing: differing.length,
    hot,
    ...(refused !== undefined && { refused }),
    ...(begun !== undefined && { notCompared: Math.max(begun.sourceKeys, begun.targetKeys) }),
    ...(asOf !== undefined && { asOf }),
    ...(why !== undefined && { why }),
    ...(quietSinceMs !== undefined && { quietSince: quietSinceMs }),
    ...(state === 'suspect' && { suspects: differing.slice(0, NAMED_CELLS_MAX), looks: stay.length > 0 ? (before?.looks ?? 1) + 1 : 1 }),
    ...(before?.opening !== undefined && { opening: before.opening }),
    ...(before?.opened !== undefined && state !== 'verified' && { opened: before.opened }),
  };
}

/** The cells that are to be opened after a look; none where it is too early, or was done lately. Pure. */
export function cellsToOpen(before: LinkProof | undefined, after: LinkProof, nowMs: number): number[] {
  if (after.state !== 'suspect' || after.opening !== undefined || (after.looks ?? 0) < LOOKS_TO_OPEN) return [];
  const again = new Set(before?.suspects ?? []);
  const stay = (after.suspects ?? []).filter((cell) => again.has(cell));
  const { opened } = after;
  if (opened === undefined || nowMs - opened.at >= REOPEN_MS) return stay;
  const known = new Set(opened.cells);
  return stay.filter((cell) => !known.has(cell));
}
