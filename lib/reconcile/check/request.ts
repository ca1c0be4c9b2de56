import { z } from 'zod';
import type { Key } from '../../core/attribute.ts';
import { InputError } from '../../core/errors.ts';
import { parseKey } from '../../core/key.ts';
import type { MemberContext } from '../../replicate/context.ts';
import { CHECK_KEYS_MAX } from './limits.ts';

/**
 * What a check looks at, and what it does with what it finds.
 *
 * | mode | looks at |
 * |---|---|
 * | `proof` | the standing digests as they are now; no table is read |
 * | `sweep` | fresh scans of the source and all targets |
 * | `keys` | the keys that are given |
 * | `sample` | a share of both tables, by fresh scans of some of their segments; every key in them goes to the verdict |
 */
export interface CheckRequest {
  readonly mode: 'proof' | 'sweep' | 'keys' | 'sample';
  /** With mode "keys": at most CHECK_KEYS_MAX. */
  readonly keys?: readonly Key[];
  /** With mode "sample": more than 0, at most 1. */
  readonly share?: number;
  /** Names of the members that are compared with the primary. */
  readonly targets: readonly string[];
  /** Only tell; show what was found and wait for `approve`; or repair at once. */
  readonly action: 'report' | 'ask' | 'repair';
  /** Items a second that a scan reads at most, at each member. */
  readonly itemsPerS?: number;
  /** A repair may delete more items at a target than the brake lets pass. */
  readonly allowDeletes?: boolean;
  /** A repair deletes nothing at all: what only a target has stays, and is told. */
  readonly keepExtras?: boolean;
  /** At the end, a link at which nothing differs and no key is unverified is proven as of `at` (ms), if its source still is in this epoch. */
  readonly purpose?: 'prove';
  readonly prove?: { readonly at: number; readonly epoch: number };
  /** Id of an earlier check whose scans serve, in place of fresh ones. */
  readonly scansOf?: string;
  /** Who asked, for people. */
  readonly by: string;
}

/** Who asks for a check of what the standing proof suspects. */
export const BY_PROOF = 'the standing proof';

/** A request as the check's row keeps it: the keys are in the bucket. */
export type SavedRequest = Omit<CheckRequest, 'keys'> & { readonly given?: number };

export const savedRequestSchema: z.ZodType<SavedRequest> = z.strictObject({
  mode: z.enum(['proof', 'sweep', 'keys', 'sample']),
  given: z.int().min(0).exactOptional(),
  share: z.number().gt(0).max(1).exactOptional(),
  targets: z.array(z.string().min(1)).min(1),
  action: z.enum(['report', 'ask', 'repair']),
  itemsPerS: z.number().gt(0).exactOptional(),
  allowDeletes: z.boolean().exactOptional(),
  keepExtras: z.boolean().exactOptional(),
  purpose: z.literal('prove').exactOptional(),
  prove: z.strictObject({ at: z.int(), epoch: z.int() }).exactOptional(),
  scansOf: z.string().exactOptional(),
  by: z.string(),
});

/**
 * Refuses what no check can do. Pure.
 *
 * @throws InputError "invalid-check", "unknown-member", "invalid-key": what was wrong, what was seen, and what to do
 */
export function validRequest(request: CheckRequest, member: MemberContext): CheckRequest {
  const wrong = (message: string, path: string): InputError => new InputError('invalid-check', message, path);
  const { mode, keys, share, targets, itemsPerS, purpose, prove } = request;
  if (targets.length === 0) throw wrong('A check needs at least one member to compare with the primary.', 'targets');
  const twice = targets.find((target, i) => targets.indexOf(target) !== i);
  if (twice !== undefined) throw wrong(`The member "${twice}" is named twice.`, 'targets');
  const unknown = targets.find((target) => !member.links.some((link) => link.target === target));
  if (unknown !== undefined) {
    throw new InputError(
      'unknown-member',
      `No link goes from "${member.member}" to "${unknown}". It has links to: ${member.links.map((link) => link.target).join(', ') || 'nobody'}.`,
      'targets',
    );
  }
  if ((mode === 'keys') !== (keys !== undefined)) throw wrong('Keys go with the mode "keys", and that mode needs keys.', 'keys');
  if (keys !== undefined && (keys.length === 0 || keys.length > CHECK_KEYS_MAX))
    throw wrong(`${keys.length} keys were given; a check takes 1 to ${CHECK_KEYS_MAX}. Use a sweep for more.`, 'keys');
  if ((mode === 'sample') !== (share !== undefined)) throw wrong('A share goes with the mode "sample", and that mode needs one.', 'share');
  if (share !== undefined && !(share > 0 && share <= 1)) throw wrong(`A share is more than 0 and at most 1; got ${share}.`, 'share');
  if (request.keepExtras === true && request.allowDeletes === true) throw wrong('A repair deletes nothing, or whatever it must; not both.', 'keepExtras');
  if (itemsPerS !== undefined && !(itemsPerS > 0)) throw wrong(`Items a second are more than 0; got ${itemsPerS}.`, 'itemsPerS');
  if (request.scansOf !== undefined && mode !== 'sweep') throw wrong('Scans of an earlier check go with the mode "sweep".', 'scansOf');
  if (purpose === 'prove' && (prove === undefined || mode !== 'sweep'))
    throw wrong('A link is proven by a comparison of the whole table, with the time of its drain.', 'purpose');
  return keys === undefined ? request : { ...request, keys: keys.map((key) => parseKey(key, member.key)) };
}
