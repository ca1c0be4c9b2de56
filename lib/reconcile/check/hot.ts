import { keyHash, keyText } from '../../core/key.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { MemberReach } from '../ports.ts';
import type { HotKeyList } from '../proof/hot-keys.ts';
import { firstOf } from '../proof/hot-keys.ts';
import type { Standing } from '../proof/standing.ts';
import { nameByWindow, suspectHot } from '../proof/suspects.ts';
import { freshNaming } from '../scan/resolve.ts';
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
export async function hotSuspicions(own: MemberReach, target: MemberReach, runtime: Runtime, sides: Sides, hotKeys: HotKeyList): Promise<HotSuspicions> {
  const name = target.member.member;
  const due = [...firstOf(hotKeys, HOT_KEYS_MAX)];
  const known = due.length === 0 ? [] : await suspectHot(own, name, sides.source, due, runtime);
  const hexOf = ({ key }: Suspicion): string => keyHash(keyText(key, own.member.key)).toString('hex');
  const named = new Set(known.map(hexOf));
  const missing = due.filter((hot) => !named.has(hot.keyHash.toString('hex'))).map((hot) => hot.keyHash);
  const there = freshNaming(missing);
  await nameByWindow(target.place, runtime, sides.target, there);
  const suspicions = [...known, ...[...there.found.values()].map((key): Suspicion => ({ key, target: name }))];
  const absent = new Set(due.filter((hot) => hot.source === undefined).map((hot) => hot.keyHash.toString('hex')));
  return { suspicions, targetOnly: suspicions.filter((one) => absent.has(hexOf(one))).length, unknown: hotKeys.length - suspicions.length };
}

/** Both sides of a comparison. */
export interface Sides {
  readonly source: Standing;
  readonly target: Standing;
}
