import type { Key } from '../../core/attribute.ts';
import type { IndexEntry } from '../../core/formats/segment-index.ts';
import { keyHash, keyText } from '../../core/key.ts';
import type { Runtime } from '../../ports/runtime.ts';
import type { MemberReach } from '../ports.ts';
import { footersAfter } from '../segments.ts';
import type { Said } from './batch.ts';
import type { NearLog } from './judge.ts';
import { LOOKBACK_MS, MOTION_MARGIN_MS } from './limits.ts';

/** A key, and what was said of it. */
export interface SaidKey {
  readonly k: Key;
  readonly said: Said;
}

/** What the indexes of the log show of a key around an answer. */
export type Near = Pick<NearLog, 'moved' | 'near'>;

/** Where a change lies, by the times of a round: after T it moves the key, before it explains it; what is later than the answer says nothing. Pure. */
export function placeOf(at: number, t: number, said: Pick<Said, 'at'>): 'before' | 'moved' | 'after' {
  if (at <= t - MOTION_MARGIN_MS) return 'before';
  return at <= said.at + MOTION_MARGIN_MS ? 'moved' : 'after';
}

const summaryOf = ({ removed, itemHash: hash, origin }: IndexEntry): NearLog['near'] => ({
  removed,
  ...(hash !== undefined && { hash: hash.toString('hex') }),
  byExpiry: origin === 'expiry',
});

/**
 * What the source's log shows of some keys since LOOKBACK_MS before T, in their order.
 *
 * @param untilMs elapsed time (ms) at which it must be over. @returns undefined when that was before all was read
 * @throws LogGapError, FormatError, RemoteError
 */
export async function lookNear(
  reach: MemberReach,
  runtime: Runtime,
  keys: readonly SaidKey[],
  t: number,
  untilMs: number,
): Promise<readonly Near[] | undefined> {
  const found = keys.map(({ k, said }) => ({ said, hash: keyHash(keyText(k, reach.member.key)), moved: false, near: undefined as NearLog['near'] }));
  for await (const { footer } of footersAfter(reach.place, runtime, { fromMs: Math.max(0, t - LOOKBACK_MS) })) {
    if (runtime.clock.elapsed() >= untilMs) return undefined;
    for (const key of found) {
      for (const entry of footer.index.find(key.hash)) {
        const place = placeOf(entry.at, t, key.said);
        if (place === 'moved') key.moved = true;
        else if (place === 'before') key.near = summaryOf(entry);
      }
    }
  }
  return found.map(({ moved, near }) => ({ moved, near }));
}
