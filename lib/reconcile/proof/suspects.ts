import { CountedPlace } from '../../archive/log/counted.ts';
import { SEARCH_REQUESTS_AT_ONCE } from '../../archive/log/limits.ts';
import type { ArchivePlace } from '../../archive/place.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { MemberReach } from '../ports.ts';
import type { Naming } from '../scan/resolve.ts';
import { freshNaming, nameByLog, nameByRuns } from '../scan/resolve.ts';
import type { Suspicion } from '../verdict/suspicion.ts';
import type { HotKey } from './hot-keys.ts';
import { HOT_FOLLOWED_MAX, HOT_LOOKS, NAMING_REQUESTS_MAX } from './limits.ts';
import type { Standing } from './standing.ts';

/**
 * Keys in motion as suspicions, so that a verdict looks at each by itself. A key that nobody can name is absent: that is one which
 * neither the source’s window nor its scan has (the target’s window has it, and it comes to rest there), or whose search in the runs takes more than
 * NAMING_REQUESTS_MAX requests, and two for each key.
 *
 * @param source the source’s state of the comparison.
 * @throws FormatError naming a damaged object · LogGapError · RemoteError
 */
export async function suspectHot(
  own: MemberReach,
  target: string,
  source: Standing,
  hotKeys: readonly Pick<HotKey, 'keyHash'>[],
  runtime: Runtime,
): Promise<Suspicion[]> {
  if (hotKeys.length === 0 || source.base === undefined) return [];
  const naming = freshNaming(hotKeys.map(({ keyHash }) => keyHash));
  await nameByWindow(own.place, runtime, source, naming);
  const { place, isOver } = limited(own.place, runtime, NAMING_REQUESTS_MAX + 2 * naming.missing.size);
  await nameByRuns(place, runtime, source.base, naming, isOver);
  return hotKeys.flatMap(({ keyHash }) => {
    const key = naming.found.get(keyHash.toString('hex'));
    return key === undefined ? [] : [{ key, target }];
  });
}

/** Names keys by the part of a member’s log that its window is of. @throws as `suspectHot` */
export async function nameByWindow(place: ArchivePlace, runtime: Runtime, { window, mark }: Pick<Standing, 'window' | 'mark'>, naming: Naming): Promise<void> {
  await nameByLog(place, runtime, naming, { fromMs: window.keptFromMs }, mark, () => false);
}

/** A place that counts its requests, and whether they are so many. */
export function limited(place: ArchivePlace, runtime: Runtime, most: number): { readonly place: ArchivePlace; readonly isOver: () => boolean } {
  const counted = new CountedPlace(place, runtime.clock, SEARCH_REQUESTS_AT_ONCE, Number.POSITIVE_INFINITY);
  return { place: counted.place, isOver: () => counted.read.requests >= most };
}

/** Hot keys that are followed from look to look: key hash (hexadecimal) → looks in a row. */
export type Followed = Readonly<Record<string, number>>;

/**
 * Follows hot keys: those that are still hot, and others, by chance, in place of those that came to rest. Pure.
 *
 * @param random uniform in [0, 1).
 * @returns what is followed now, and the keys that were hot HOT_LOOKS times in a row: they make room for others.
 */
export function followHot(before: Followed, hotKeys: Iterable<HotKey>, random: number): { readonly followed: Followed; readonly lasting: readonly HotKey[] } {
  const lasting: HotKey[] = [];
  const followed: Record<string, number> = {};
  let fresh = 0;
  for (const hot of hotKeys) {
    const name = hot.keyHash.toString('hex');
    const looks = before[name];
    if (looks === undefined) fresh += 1;
    else if (looks + 1 >= HOT_LOOKS) lasting.push(hot);
    else followed[name] = looks + 1;
  }
  // Others, from one of them on that chance names, and around.
  const room = Math.min(fresh, Math.max(0, HOT_FOLLOWED_MAX - lasting.length - Object.keys(followed).length));
  const from = Math.floor(random * fresh);
  let n = 0;
  for (const { keyHash } of hotKeys) {
    const name = keyHash.toString('hex');
    if (before[name] !== undefined) continue;
    if ((n - from + fresh) % fresh < room) followed[name] = 1;
    n += 1;
  }
  return { followed, lasting };
}
