import { FENCE_AGE_MAX_MS, REQUEST_EFFECT_MAX_MS } from '../../core/constants.ts';
import type { Open, Seat } from '../../core/formats/rows.ts';
import { numberValue, openValue, SEAT_KEY, stringValue } from '../../core/formats/rows.ts';
import type { Condition, TablePort } from '../../ports/table.ts';

/**
 * R + W + R (ms): what every applier of a new epoch waits, counted from before the raise is sent. The raise takes effect R
 * later at the latest; a write of the old epoch is issued W after that, under a fence read just before, and lands R later.
 * ⚠ Without the first R the wait is too short whenever the raise is slow. (Found by simulation.)
 */
export const OPEN_WAIT_MS = REQUEST_EFFECT_MAX_MS + FENCE_AGE_MAX_MS + REQUEST_EFFECT_MAX_MS;

/** What the target's seat says of a message of some epoch. */
export type FenceVerdict =
  | { readonly kind: 'go' }
  /** Of an older epoch: what it held is in its source's log. */
  | { readonly kind: 'older' }
  /** Of a newer epoch than the fence: raise it, and give the lane back. */
  | { readonly kind: 'newer' }
  /** The fence was raised, but not long enough ago. */
  | { readonly kind: 'wait'; readonly ms: number }
  /** `open` was set by another region's clock, or never: set it anew by ours. */
  | { readonly kind: 'reset' };

/**
 * ⚠ The fence's decision. Writes of the epoch before may be under way until W + R after the raise took effect; so *every* applier
 * of *every* lane of the new epoch waits for `open`, which is a wall time of the region of that epoch's primary. Only
 * that region's appliers read it (links live in their source's region), so no clocks of two regions are compared.
 */
export function judgeFence(epoch: number, seat: Seat, region: string, nowMs: number): FenceVerdict {
  if (epoch < seat.fence) return { kind: 'older' };
  if (epoch > seat.fence) return { kind: 'newer' };
  if (seat.open === undefined || seat.open.region !== region) return { kind: 'reset' };
  return nowMs < seat.open.at ? { kind: 'wait', ms: seat.open.at - nowMs } : { kind: 'go' };
}

/** Raises a member's fence, which deposes an older primary in the same write. Only grows. @throws RemoteError */
export async function raiseFence(target: TablePort, control: string, epoch: number, primary: string, open: Open): Promise<void> {
  await target.update(
    control,
    SEAT_KEY,
    { set: { fence: numberValue(epoch), open: openValue(open), primary: stringValue(primary) } },
    { op: '<', path: ['fence'], value: numberValue(epoch) },
  );
}

/** Sets `open` anew by this region's clock, if fence and `open` still are what was seen. @throws RemoteError */
export async function resetOpen(target: TablePort, control: string, seen: Seat, open: Open): Promise<void> {
  const same: Condition = seen.open === undefined ? { op: 'absent', path: ['open'] } : { op: '=', path: ['open'], value: openValue(seen.open) };
  await target.update(
    control,
    SEAT_KEY,
    { set: { open: openValue(open) } },
    { op: 'and', of: [{ op: '=', path: ['fence'], value: numberValue(seen.fence) }, same] },
  );
}
