import type { Item } from '../../core/attribute.ts';
import { itemHash } from '../../core/canonical.ts';
import type { Rewrite } from './change.ts';

/** What a rewrite finds at its key: the item as it was planned on, or as it is wanted already, or something newer. */
export type Found = 'as planned' | 'as wanted' | 'changed';

/** Whether two items have the same content, the reserved attribute apart; none equals none. */
export function sameContent(a: Item | undefined, b: Item | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return itemHash(a).equals(itemHash(b));
}

/** Judges what is there now. What is wanted comes first: a line that is carried out twice finds it so. Pure. */
export function judgeRewrite({ before, after }: Rewrite, now: Item | undefined): Found {
  if (sameContent(now, after)) return 'as wanted';
  return sameContent(now, before) ? 'as planned' : 'changed';
}

/** What became of a rewrite. */
export type Outcome = 'put' | 'deleted' | 'already' | 'changed' | { readonly refused: string };

/** Why a rewrite was not written, as the result says it; undefined when it was. */
export function reasonOf(outcome: Outcome): string | undefined {
  if (outcome === 'already') return 'already as wanted';
  if (outcome === 'changed') return 'changed since';
  return typeof outcome === 'object' ? `refused: ${outcome.refused}` : undefined;
}
