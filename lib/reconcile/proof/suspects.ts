import type { Runtime } from '../../ports/runtime.ts';
import type { MemberReach } from '../ports.ts';
import { readBase } from '../scan/base.ts';
import { resolveKeys } from '../scan/resolve.ts';
import type { Suspicion } from '../verdict/suspicion.ts';
import type { HotKey } from './compare.ts';
import { HOT_FOLLOWED_MAX, HOT_LOOKS } from './limits.ts';
import type { Standing } from './standing.ts';

/**
 * Keys in motion as suspicions, so that a verdict looks at each by itself. A key that nobody can name, since it was removed meanwhile, is absent.
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
  const base = await readBase(own.place, runtime, source.base);
  const hashes = hotKeys.map(({ keyHash }) => keyHash);
  const keys = await resolveKeys(own.place, runtime, base, hashes, source.mark);
  return hashes.flatMap((hash) => {
    const key = keys.get(hash.toString('hex'));
    return key === undefined ? [] : [{ key, target }];
  });
}

/** Hot keys that are followed from look to look: key hash (hexadecimal) → looks in a row. */
export type Followed = Readonly<Record<string, number>>;

/**
 * Follows hot keys: those that are still hot, and others, by chance, in place of those that came to rest. Pure.
 *
 * @param random uniform in [0, 1).
 * @returns what is followed now, and the keys that were hot HOT_LOOKS times in a row: they make room for others.
 */
export function followHot(before: Followed, hotKeys: readonly HotKey[], random: number): { readonly followed: Followed; readonly lasting: readonly HotKey[] } {
  const named = hotKeys.map((hot) => ({ hot, name: hot.keyHash.toString('hex') }));
  const still = named.filter(({ name }) => before[name] !== undefined).map((one) => ({ ...one, looks: (before[one.name] as number) + 1 }));
  const fresh = named.filter(({ name }) => before[name] === undefined);
  const from = Math.floor(random * fresh.length);
  const room = Math.max(0, HOT_FOLLOWED_MAX - still.length);
  const more = Array.from({ length: Math.min(room, fresh.length) }, (_, i) => ({ ...(fresh[(from + i) % fresh.length] as (typeof fresh)[number]), looks: 1 }));
  const [lasting, followed] = [still.filter(({ looks }) => looks >= HOT_LOOKS), [...still.filter(({ looks }) => looks < HOT_LOOKS), ...more]];
  return { followed: Object.fromEntries(followed.map(({ name, looks }) => [name, looks])), lasting: lasting.map(({ hot }) => hot) };
}
