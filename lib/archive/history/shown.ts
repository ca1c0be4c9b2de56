import type { AttributeValue, Item } from '../../core/attribute.ts';
import { isoSeconds } from '../../core/calendar.ts';
import { differenceOf } from '../../core/difference.ts';
import { formatPath } from '../../core/expression/path.ts';
import type { LogRecord } from '../../core/formats/log-record.ts';
import { showPosition } from '../../core/formats/position.ts';
import { withoutMeta } from '../../core/formats/seal.ts';

/** A change of the log as it is shown: by the API, by `syncline history` and by `syncline log`. Pure. */

/** What is shown of a change beside its values. */
export interface ChangeFacts {
  /** When it was made (ms since 1970): DynamoDB's clock, whole seconds. */
  readonly at: number;
  /** The same, as ISO 8601. */
  readonly time: string;
  /** Of the member's stream. */
  readonly sequence: string;
  /** "epoch/sequence", where it is known. */
  readonly position?: string;
  readonly origin: LogRecord['origin'];
  readonly event: LogRecord['event'];
}

export const factsOf = (r: LogRecord): ChangeFacts => ({
  at: r.at,
  time: isoSeconds(r.at),
  sequence: r.sequence,
  ...(r.position !== undefined && { position: showPosition(r.position) }),
  origin: r.origin,
  event: r.event,
});

/** The two images of a change, without our own attribute. */
export interface Images {
  readonly before?: Item;
  readonly after?: Item;
}

export const imagesOf = (r: LogRecord): Images => ({
  ...(r.oldImage && { before: withoutMeta(r.oldImage) }),
  ...(r.newImage && { after: withoutMeta(r.newImage) }),
});

/** One attribute that differs, with its values in the form that is wanted. */
export interface ShownDifference {
  /** As lib/core/expression/path.ts reads it: `address.city`. */
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** The attributes that a change added, removed or changed. @param show a value in the form that is wanted */
export function shownDifference({ before, after }: Images, show: (value: AttributeValue) => unknown): ShownDifference[] {
  return differenceOf(before, after).map((d) => ({
    path: formatPath(d.path),
    ...(d.before !== undefined && { before: show(d.before) }),
    ...(d.after !== undefined && { after: show(d.after) }),
  }));
}
