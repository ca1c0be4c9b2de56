import type { Key } from '../../core/attribute.ts';
import { keyHash, keyText } from '../../core/key.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { MemberReach } from '../ports.ts';
import type { HotKey } from '../proof/compare.ts';
import type { Standing } from '../proof/standing.ts';
import { suspectHot } from '../proof/suspects.ts';
import { footersAfter, readLine } from '../segments.ts';
import type { Suspicion } from '../verdict/suspicion.ts';
import { HOT_KEYS_MAX } from './limits.ts';

/** Keys in motion, by name. */
export interface HotSuspicions {
  readonly suspicions: readonly Suspicion[];
  /** Those of them that the source does not have as of the comparison. */
  readonly targetOnly: number;
  /** Keys that nobody names, and those beyond HOT_KEYS_MAX: none of them can be asked about. */
  readonly unknown: number;
}

/**
 * Names the keys in motion, so that each gets its verdict: the comparison has shown what is equal without them. A key that changed at the
 * target alone is named by the target's log.
 *
 * @throws FormatError naming a damaged object · LogGapError · RemoteError
 */
export async function hotSuspicions(own: MemberReach, target: MemberReach, runtime: Runtime, sides: Sides, hotKeys: readonly HotKey[]): Promise<HotSuspicions> {
  const name = target.member.member;
  const due = hotKeys.slice(0, HOT_KEYS_MAX);
  const known = due.length === 0 ? [] : await suspectHot(own, name, sides.source, due, runtime);
  const hexOf = ({ key }: Suspicion): string => keyHash(keyText(key, own.member.key)).toString('hex');
  const named = new Set(known.map(hexOf));
  const missing = due.filter((hot) => !named.has(hot.keyHash.toString('hex'))).map((hot) => hot.keyHash);
  const there = (await namedByLog(target, runtime, sides.target, missing)).map((key): Suspicion => ({ key, target: name }));
  const suspicions = [...known, ...there];
  const absent = new Set(due.filter((hot) => hot.source === undefined).map((hot) => hot.keyHash.toString('hex')));
  return { suspicions, targetOnly: suspicions.filter((one) => absent.has(hexOf(one))).length, unknown: hotKeys.length - suspicions.length };
}

/** Both sides of a comparison. */
export interface Sides {
  readonly source: Standing;
  readonly target: Standing;
}

/** Keys by their hashes, from the part of a member's log that its window is of. Those that it does not show are absent. */
async function namedByLog({ place }: MemberReach, runtime: Runtime, { window, mark }: Standing, hashes: readonly Buffer[]): Promise<readonly Key[]> {
  const missing = new Map(hashes.map((hash) => [hash.toString('hex'), hash]));
  const found: Key[] = [];
  if (missing.size === 0) return found;
  for await (const { ref, footer } of footersAfter(place, runtime, { fromMs: window.keptFromMs }, { to: mark })) {
    for (const [hex, hash] of missing) {
      const entry = footer.index.find(hash).at(-1);
      if (entry === undefined) continue;
      found.push((await readLine(place, runtime, ref, footer, entry)).keys);
      missing.delete(hex);
    }
    if (missing.size === 0) break;
  }
  return found;
}
